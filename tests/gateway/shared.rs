//! One stream of IBKR's for many clients.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ibkr_sim::Endpoint;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{
    stream::{AAPL, heard, heard_where, open, received},
    world::{World, until},
};

fn sharing() -> World {
    World::with(|settings| settings.share_stream = true).ready()
}

#[test]
fn one_client_ends_nothing_for_another() {
    let world = sharing();
    world.runtime.block_on(async {
        let mut first = open(&world, "/v1/api/ws", None).await;
        let mut second = open(&world, "/v1/portal/ws", Some("api=undefined")).await;
        for client in [&mut first, &mut second] {
            client.send(Message::text(AAPL)).await.unwrap();
            heard(client, "smd+265598").await;
        }
        first.send(Message::text("umd+265598+{}")).await.unwrap();
        first.close(None).await.unwrap();
        heard(&mut second, "smd+265598").await;
        heard(&mut second, "smd+265598").await;
    });
    assert!(!received(&world).iter().any(|said| said.starts_with("umd")), "{:?}", received(&world));
    assert!(!received(&world).iter().any(|said| said == "session"));
    let sockets = world.lab.server.handle().sockets();
    // A `tic` comes first, and may be early.
    assert!(sockets.opened == 1 && sockets.early <= 1, "{sockets:?}");
}

#[test]
fn after_a_loss_all_that_was_asked_for_comes_back() {
    let world = sharing();
    world.runtime.block_on(async {
        let mut first = open(&world, "/v1/api/ws", None).await;
        let mut second = open(&world, "/v1/api/ws", None).await;
        first.send(Message::text(AAPL)).await.unwrap();
        second.send(Message::text("spl+{}")).await.unwrap();
        heard(&mut first, "smd+265598").await;
        heard(&mut second, "spl").await;
        world.lab.server.handle().drop_sockets();
        for (client, topic) in [(&mut first, "smd+265598"), (&mut second, "spl")] {
            heard_where(client, |value| value["topic"] == "sts" && value["args"]["authenticated"] == false)
                .await;
            let gap = heard(client, "gap").await;
            assert_eq!(gap["args"]["topic"], topic, "{gap}");
            assert!(gap["args"]["since"].as_u64() <= gap["args"]["until"].as_u64(), "{gap}");
            heard(client, topic).await;
        }
    });
    assert_eq!(world.lab.server.handle().sockets().opened, 2);
}

#[test]
fn after_a_new_login_the_stream_comes_back() {
    let world = sharing();
    world.runtime.block_on(async {
        let mut client = open(&world, "/v1/api/ws", None).await;
        client.send(Message::text(AAPL)).await.unwrap();
        heard(&mut client, "smd+265598").await;
        let logins = world.count(Endpoint::SsoSessions);
        world.lab.server.handle().restart();
        heard_where(&mut client, |value| value["topic"] == "sts" && value["args"]["authenticated"] == false)
            .await;
        heard_where(&mut client, |value| value["topic"] == "sts" && value["args"]["authenticated"] == true)
            .await;
        heard(&mut client, "smd+265598").await;
        assert!(world.count(Endpoint::SsoSessions) > logins);
    });
}

#[test]
fn a_slow_client_is_dropped_and_the_others_go_on() {
    const FRAMES: usize = 3_000;
    let world = sharing();
    world.runtime.block_on(async {
        let mut slow = open(&world, "/v1/api/ws", None).await;
        let mut quick = open(&world, "/v1/api/ws", None).await;
        heard(&mut slow, "sts").await;
        heard(&mut quick, "sts").await;
        let text = "x".repeat(10_000);
        for batch in 0..FRAMES / 100 {
            for number in batch * 100..batch * 100 + 100 {
                world.lab.server.handle().push(&json!({ "topic": "ntf", "number": number, "text": text }));
            }
            let last = batch * 100 + 99;
            heard_where(&mut quick, |value| value["number"] == last).await;
        }
        let mut got = 0;
        let code = loop {
            match slow.next().await.unwrap().unwrap() {
                Message::Close(frame) => break frame.unwrap().code,
                message => got += usize::from(message.len() > 1_000),
            }
        };
        assert_eq!(code, CloseCode::Policy);
        assert!(got < FRAMES, "{got}");
        world.lab.server.handle().push(&json!({ "topic": "ntf", "number": -1 }));
        heard_where(&mut quick, |value| value["number"] == -1).await;
    });
    until("it is not counted any more", || world.metric("ibkr_gateway_websockets{session=\"default\"}") <= 1);
}

#[test]
fn who_joins_hears_how_things_stand() {
    let world = sharing();
    world.runtime.block_on(async {
        let mut first = open(&world, "/v1/api/ws", None).await;
        heard_where(&mut first, |value| value["args"]["authenticated"] == true).await;
        first.send(Message::text(AAPL)).await.unwrap();
        heard(&mut first, "smd+265598").await;
        let mut second = open(&world, "/v1/api/ws", None).await;
        let system = heard(&mut second, "system").await;
        assert!(system["success"].is_string(), "no heartbeat is remembered: {system}");
        assert_eq!(heard(&mut second, "sts").await["args"]["authenticated"], true);
        second.send(Message::text("ech+hb")).await.unwrap();
        loop {
            if second.next().await.unwrap().unwrap() == Message::binary("ech+hb") {
                break;
            }
        }
        second.send(Message::text("tic")).await.unwrap();
        assert_eq!(heard(&mut second, "tic").await["alive"], true);
        tokio::time::timeout(Duration::from_secs(5), second.close(None)).await.unwrap().unwrap();
    });
}
