//! A stream of IBKR's for each client.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ibkr_auth_tests::lab::Lab;
use ibkr_sim::{Action, Endpoint, Fault, Rules, SocketEnd};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{
    raw::ask,
    stream::{AAPL, Socket, heard, heard_where, open, received, try_open},
    world::{World, until},
};

const STREAMS: &str = "ibkr_gateway_websockets{session=\"default\"}";

fn with_rules(change: impl FnOnce(&mut Rules)) -> World {
    World::planned(|plan| plan.lab = Lab::with(|config| change(&mut config.sim.rules))).ready()
}

/// How a stream ends.
async fn end(socket: &mut Socket) -> CloseCode {
    let ending = async {
        loop {
            if let Message::Close(frame) = socket.next().await.expect("a farewell").expect("in good order") {
                return frame.expect("a reason").code;
            }
        }
    };
    timeout(Duration::from_secs(20), ending).await.expect("an end")
}

#[test]
fn every_way_in_leads_to_the_stream() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        for path in [
            "/v1/api/ws",
            "/v1/portal/ws",
            "//v1/api//ws",
            "/v1/api/ws/",
            "/v1/api/ws?oauth_token=x",
            "/v1/api/ws?bearer_token=x&sessionToken=y",
        ] {
            let mut socket = open(&world, path, None).await;
            heard_where(&mut socket, |value| value["args"]["authenticated"] == true).await;
            socket.close(None).await.unwrap();
            // The farewell is answered.
            loop {
                match socket.next().await {
                    None => break,
                    Some(message) => drop(message.unwrap()),
                }
            }
        }
    });
    until("IBKR's are closed too", || world.lab.server.handle().sockets().open == 0);
}

#[test]
fn what_is_no_websocket_is_told_so() {
    let world = World::new().ready();
    let whole = [
        "Connection: keep-alive, Upgrade",
        "Upgrade: WebSocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for (without, status) in [(0, 426), (1, 426), (2, 400), (3, 400)] {
        let headers: Vec<&str> = (0..4).filter(|index| *index != without).map(|index| whole[index]).collect();
        assert_eq!(ask(world.address, "GET", "/v1/api/ws", &headers, "").status, status, "{without}");
    }
    let answer = ask(world.address, "GET", "/v1/api/ws", &whole, "");
    let accept = answer.header("sec-websocket-accept");
    assert_eq!((answer.status, accept), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    assert_eq!(answer.header("sec-websocket-extensions"), None);
}

#[test]
fn held_frames_go_on_in_their_order_and_none_early() {
    let world = with_rules(|rules| rules.ws_ready_after = Duration::from_millis(700));
    let topics: Vec<String> = (1..60).map(|conid| format!("smd+{conid}")).collect();
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", Some("api=x")).await;
        socket.send(Message::text(r#"{"session":"0123"}"#)).await.unwrap();
        for topic in &topics {
            socket.send(Message::text(format!(r#"{topic}+{{"fields":["31"]}}"#))).await.unwrap();
        }
        socket.send(Message::Ping("early".into())).await.unwrap();
        let early = timeout(Duration::from_secs(5), async {
            loop {
                match socket.next().await.unwrap().unwrap() {
                    Message::Pong(payload) => return payload == "early",
                    Message::Binary(bytes) if bytes.windows(4).any(|part| part == b"true") => return false,
                    _ => {}
                }
            }
        });
        assert!(early.await.unwrap(), "a ping is answered while frames are held");
        until("all have arrived", || received(&world).len() >= topics.len());
    });
    assert_eq!(received(&world), topics);
    assert_eq!(world.lab.server.handle().sockets().early, 0);
}

#[test]
fn before_the_session_pings_are_answered_and_frames_are_held() {
    let world = World::planned(|plan| {
        plan.lab = Lab::with(|config| {
            let late = Action { delay_ms: Some(1_500), ..Action::default() };
            config.sim.faults.push(Fault::on(Endpoint::Token, late));
        });
    });
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        socket.send(Message::text(AAPL)).await.unwrap();
        socket.send(Message::Ping("x".into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("x".into()));
        assert_eq!(world.lab.server.handle().sockets().opened, 0);
        heard(&mut socket, "smd+265598").await;
    });
}

#[test]
fn too_many_held_frames_are_refused_and_the_first_kept() {
    let world = with_rules(|rules| rules.ws_ready_after = Duration::from_secs(2));
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        for conid in 0..300 {
            socket.send(Message::text(format!("smd+{conid}+{{}}"))).await.unwrap();
        }
        let error = heard(&mut socket, "error").await;
        assert!(error["error"].is_string() && error["code"] == 503, "{error}");
        until("those that were held", || received(&world).len() >= 256);
    });
    let received = received(&world);
    assert_eq!((received.len(), received[255].as_str()), (256, "smd+255"));
}

#[test]
fn a_heartbeat_is_passed_on_as_it_comes() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        heard(&mut socket, "sts").await;
        for beat in 1..50 {
            world.lab.server.handle().push(&json!({ "topic": "system", "hb": beat }));
            heard_where(&mut socket, |value| value["hb"] == beat).await;
        }
    });
}

#[test]
fn a_loss_is_told_and_then_the_stream_is_closed() {
    let world = World::new().ready();
    for ending in [SocketEnd::Reset, SocketEnd::Close(1000), SocketEnd::Close(1011)] {
        world.runtime.block_on(async {
            let mut socket = open(&world, "/v1/api/ws", None).await;
            heard_where(&mut socket, |value| value["args"]["authenticated"] == true).await;
            // What is on its way meanwhile destroys nothing.
            socket.send(Message::text(AAPL)).await.unwrap();
            world.lab.server.handle().end_sockets(ending);
            socket.send(Message::text(AAPL)).await.unwrap();
            let sts = heard_where(&mut socket, |value| value["args"]["authenticated"] == false).await;
            assert!(sts["args"]["message"].is_string(), "{sts}");
            assert_eq!(end(&mut socket).await, CloseCode::Away);
        });
    }
    until("nothing is left", || world.metric(STREAMS) == 0);
}

#[test]
fn large_frames_pass_and_giant_commands_do_not() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        heard_where(&mut socket, |value| value["args"]["authenticated"] == true).await;
        let text = "\u{e4}".repeat(2_000_000);
        world.lab.server.handle().push(&json!({ "topic": "smh+1", "data": text }));
        assert!(heard(&mut socket, "smh+1").await["data"] == text);
        let _ = socket.send(Message::text("x".repeat(100_000))).await;
        while let Some(Ok(_)) = socket.next().await {}
    });
    assert!(!received(&world).iter().any(|said| said == "unknown"));
    until("IBKR's is closed too", || world.lab.server.handle().sockets().open == 0);
}

#[test]
fn streams_have_a_number() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let mut all = Vec::new();
        for _ in 0..32 {
            all.push(open(&world, "/v1/api/ws", None).await);
        }
        assert_eq!(try_open(&world, "/v1/api/ws", &[]).await.err(), Some(503));
        all.pop();
        until("one has left", || world.metric(STREAMS) == 31);
        assert!(try_open(&world, "/v1/api/ws", &[]).await.is_ok());
    });
}

#[test]
fn a_client_that_is_gone_leaves_nothing_behind() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        heard(&mut socket, "sts").await;
    });
    until("IBKR's is closed", || world.lab.server.handle().sockets().open == 0);
    until("and the connection", || world.connections() == 0);
}

#[test]
fn after_a_new_login_the_next_stream_is_served() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        heard_where(&mut socket, |value| value["args"]["authenticated"] == true).await;
        world.lab.server.handle().restart();
        assert_eq!(end(&mut socket).await, CloseCode::Away);
        let mut again = open(&world, "/v1/api/ws", None).await;
        heard_where(&mut again, |value| value["args"]["authenticated"] == true).await;
    });
}

#[test]
fn a_read_only_gateway_exercises_nothing() {
    for share_stream in [false, true] {
        let world =
            World::with(|settings| (settings.read_only, settings.share_stream) = (true, share_stream))
                .ready();
        world.runtime.block_on(async {
            let mut socket = open(&world, "/v1/api/ws", None).await;
            heard_where(&mut socket, |value| value["args"]["authenticated"] == true).await;
            socket.send(Message::text("inp+exercise+{}")).await.unwrap();
            assert!(heard(&mut socket, "error").await["error"].is_string());
            socket.send(Message::text(AAPL)).await.unwrap();
            heard(&mut socket, "smd+265598").await;
        });
        assert_eq!(received(&world), ["smd+265598"]);
    }
}
