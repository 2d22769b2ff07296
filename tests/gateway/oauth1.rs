//! The same gateway where each request is signed by itself.

use std::{net::SocketAddr, thread, time::Duration};

use futures_util::SinkExt;
use ibkr_auth_core::Phase;
use ibkr_auth_tests::lab::Lab;
use ibkr_sim::{Endpoint, demo};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    raw::{Answer, Wire, ask, request},
    stream::{AAPL, heard, open},
    world::World,
};

fn world() -> World {
    World::planned(|plan| plan.oauth1 = true).ready()
}

fn no_refusal(world: &World) {
    let refusals = world.lab.server.handle().counters().refusals;
    assert!(refusals.is_empty(), "{refusals:?}");
}

fn get(address: SocketAddr, path: &str) -> u16 {
    ask(address, "GET", path, &[], "").status
}

fn post(address: SocketAddr, path: &str, kind: &str, body: &str) -> Answer {
    let (kind, length) = (format!("Content-Type: {kind}"), format!("Content-Length: {}", body.len()));
    ask(address, "POST", path, &[&kind, &length], body)
}

#[test]
fn any_request_is_signed_query_and_form_too() {
    let world = world();
    assert_eq!(get(world.address, "/v1/api/iserver/accounts"), 200);
    for path in [
        "/v1/portal/iserver/marketdata/snapshot?conids=265598&fields=31,84&since=0",
        "//v1/api/iserver/marketdata/snapshot?fields=31%2C84&conids=265598",
        "/v1/api/iserver/secdef/search?symbol=BRK%20B&name=a%2Bb",
    ] {
        assert_ne!(get(world.address, path), 401, "{path}");
    }
    for (kind, body) in [
        ("application/json", r#"{"symbol":"AAPL"}"#),
        ("application/x-www-form-urlencoded; charset=utf-8", "symbol=AAPL&secType=STK&name=a%20b"),
    ] {
        assert_ne!(post(world.address, "/v1/api/iserver/secdef/search", kind, body).status, 401, "{kind}");
    }
    // The form is not what this endpoint takes, but that is said of one whose signature is good.
    let refusals = world.lab.server.handle().counters().refusals;
    assert!(!refusals.keys().any(|why| why.starts_with("oauth")), "{refusals:?}");
}

#[test]
fn credentials_of_the_client_do_not_go_on() {
    let world = world();
    let own = ["Authorization: OAuth oauth_token=\"x\"", "Cookie: api=1234"];
    assert_eq!(ask(world.address, "GET", "/v1/api/portfolio/accounts", &own, "").status, 200);
    no_refusal(&world);
}

#[test]
fn an_order_is_executed_once_and_told() {
    let world = world();
    assert_eq!(get(world.address, "/v1/api/iserver/accounts"), 200);
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    let order =
        r#"{"orders":[{"conid":265598,"orderType":"MKT","side":"BUY","quantity":1,"tif":"DAY","cOID":"1"}]}"#;
    let answer = post(world.address, &path, "application/json", order);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.lab.server.handle().orders().len(), 1);
}

#[test]
fn what_asks_about_the_session_is_answered_here() {
    let world = world();
    let mut wire = Wire::open(world.address);
    let tickle = |wire: &mut Wire| wire.ask(request("POST", "/v1/api/tickle", &["Content-Length: 0"], ""));
    let first = tickle(&mut wire);
    assert_eq!(
        (first.status, first.json()["iserver"]["authStatus"]["authenticated"].as_bool()),
        (200, Some(true))
    );
    for _ in 0..5 {
        assert_eq!(tickle(&mut wire).json()["session"], first.json()["session"]);
    }
    let validated = ask(world.address, "GET", "/v1/api/sso/validate", &[], "");
    assert_eq!((validated.status, validated.json()["RESULT"].as_bool()), (200, Some(true)));
    assert!(validated.json()["EXPIRES"].as_u64().unwrap() > 3_600_000, "{}", validated.text());
    assert_eq!((world.count(Endpoint::Tickle), world.count(Endpoint::Validate)), (1, 0));
    no_refusal(&world);
}

#[test]
fn streams_flow_each_its_own_and_all_over_one() {
    for shared in [false, true] {
        let world = World::planned(|plan| {
            plan.oauth1 = true;
            plan.settings.share_stream = shared;
        })
        .ready();
        world.runtime.block_on(async {
            let mut socket = open(&world, "/v1/api/ws", None).await;
            heard(&mut socket, "sts").await;
            socket.send(Message::text(AAPL)).await.unwrap();
            heard(&mut socket, "smd+265598").await;
        });
    }
}

#[test]
fn a_session_that_is_lost_is_healed_for_a_request_that_waits() {
    let world = world();
    world.lab.server.handle().restart();
    let answer = ask(world.address, "GET", "/v1/api/iserver/accounts", &[], "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.count(Endpoint::LiveSessionToken), 2);
    world.wait_for(Phase::Connected);
}

/// Requests that are signed at the turn of a second may overtake each other, and IBKR may refuse a time that
/// is lower than one before: then nothing was executed, and no session is lost for it.
#[test]
fn many_at_once_lose_no_session_by_overtaking_each_other() {
    let lab = Lab::with(|config| {
        config.sim.rules.pacing = None;
    });
    let world = World::planned(|plan| {
        plan.oauth1 = true;
        plan.unpaced = true;
        plan.lab = lab;
    })
    .ready();
    assert_eq!(get(world.address, "/v1/api/iserver/accounts"), 200);
    let until = std::time::Instant::now() + Duration::from_secs(6);
    let (address, mut sent, mut refused) = (world.address, 0, 0);
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(move || {
                    let (mut wire, mut sent, mut refused) = (Wire::open(address), 0, 0);
                    while std::time::Instant::now() < until {
                        let answer = wire.ask(request("GET", "/v1/api/portfolio/accounts", &[], ""));
                        sent += 1;
                        refused += usize::from(answer.status != 200);
                    }
                    (sent, refused)
                })
            })
            .collect();
        for lane in lanes {
            let (of_lane, of_refused) = lane.join().unwrap();
            (sent, refused) = (sent + of_lane, refused + of_refused);
        }
    });
    println!("{sent} requests, {refused} refused, {:?}", world.lab.server.handle().counters().refusals);
    assert_eq!((refused, world.count(Endpoint::LiveSessionToken)), (0, 1), "of {sent}");
}
