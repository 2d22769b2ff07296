//! OAuth 1.0a: the WebSocket.

use ibkr_sim::{Frame, SocketEnd};

use crate::{
    signer::Signer,
    socket::{Line, PATH, upgrade},
    world::*,
};

#[test]
fn oauth_1_names_its_access_token_and_the_cookie() {
    let mut world = World::with(|config| config.rules.live_session_token_replaced = false);
    let mut older = Signer::minted(&mut world);
    // With nonces of its own.
    let mut signer = Signer { nonce: 100, ..older.clone() };
    world.wait(1);
    signer.mint(&mut world);
    let path = format!("{PATH}?oauth_token={}", signer.token);
    signer.init(&mut world, true);
    let cookies = [&mut older, &mut signer].map(|signer| {
        world.wait(1);
        body(&signer.tickle(&mut world))["session"].as_str().unwrap().to_owned()
    });
    for (path, cookie, rule) in [
        (format!("{PATH}?oauth_token=00"), Some(&cookies[1]), "oauth_token"),
        (path.clone(), Some(&"0".repeat(32)), "session"),
        (path.clone(), None, "session"),
        (format!("{PATH}?bearer_token={}", signer.live_session_token()), Some(&cookies[1]), "bearer"),
    ] {
        let reply = world.send(&upgrade(&path, cookie.map(String::as_str)));
        assert_eq!((status(&reply), rules(&reply)), (101, vec![rule]), "{path} {cookie:?}");
    }
    // The cookie tells the sessions of an access token apart: the older has no brokerage session.
    let reply = world.send(&upgrade(&path, Some(&cookies[0])));
    assert_eq!(rules(&reply), [""; 0]);
    world.wait(1);
    let ended = Line(reply.socket.unwrap()).frames(&mut world);
    assert_eq!(ended.last(), Some(&Frame::End(SocketEnd::Close(1000))));

    let reply = world.send(&upgrade(&path, Some(&cookies[1])));
    assert_eq!(rules(&reply), [""; 0]);
    let line = Line(reply.socket.unwrap());
    world.wait(1);
    assert_eq!(line.topics(&mut world), ["system", "act", "sts", "sts"]);
    let waiting = Line(world.send(&upgrade(PATH, None)).socket.unwrap());
    world.wait(1);
    waiting.send(&mut world, &format!("{{\"session\":\"{}\"}}", cookies[1]));
    world.wait(1);
    assert!(waiting.topics(&mut world).contains(&"sts".to_owned()), "named by the first message");

    let request = signer.post(&world, "/v1/api/logout");
    world.send(&request);
    assert_eq!(line.frames(&mut world).last(), Some(&Frame::End(SocketEnd::Close(1000))));
    world.sim.restart();
    let reply = world.send(&upgrade(&path, Some(&cookies[1])));
    assert_eq!(rules(&reply), ["oauth_token"]);
}
