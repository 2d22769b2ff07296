//! Pacing and the penalty box.

use ibkr_sim::{Endpoint, Limit, Peer};

use crate::world::*;

#[test]
fn endpoints_have_limits_of_their_own() {
    let mut world = World::with(|config| config.rules.pacing = Some(Limit::new(50, 1)));
    let bearer = world.brokerage();
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    for (path, count, secs) in [
        ("/v1/api/tickle", 1, 1),
        ("/v1/api/sso/validate", 1, 60),
        ("/v1/api/portfolio/accounts", 1, 5),
        ("/v1/api/portfolio/subaccounts", 1, 5),
        ("/v1/api/iserver/account/trades", 1, 5),
        ("/v1/api/iserver/account/pnl/partitioned", 1, 5),
        ("/v1/api/iserver/account/orders", 1, 5),
        ("/v1/api/iserver/marketdata/snapshot", 10, 1),
        ("/v1/api/iserver/marketdata/history?conid=1", 10, 1),
    ] {
        let request = get(path, &bearer);
        for _ in 0..count {
            assert_eq!(status(&world.send(&request)), 200, "{path}");
        }
        world.wait(secs - 1);
        let reply = world.send(&request);
        assert_eq!((status(&reply), text(&reply)), (429, r#"{"error":"Too Many Requests"}"#), "{path}");
        world.wait(1);
        assert_eq!(status(&world.send(&request)), 200, "{path}");
    }
}

#[test]
fn history_has_a_limit_a_minute_as_well() {
    let mut world = World::new();
    let bearer = world.brokerage();
    let history = get("/v1/api/iserver/marketdata/history?conid=265598&period=1d&bar=1min", &bearer);
    for _ in 0..50 {
        assert_eq!(status(&world.send(&history)), 200);
        world.wait(1);
    }
    assert_eq!(rules(&world.send(&history)), ["pacing"]);
    assert_eq!(world.sim.counters().paced["history"], 1);
    world.wait(10);
    assert_eq!(status(&world.send(&history)), 200);
}

#[test]
fn limits_belong_to_the_username() {
    let mut world = World::new();
    let (first, second) = (world.bearer(), world.bearer());
    assert_eq!(status(&world.send(&tickle(&first))), 200);
    assert_eq!(rules(&world.send(&tickle(&second))), ["pacing"]);
}

#[test]
fn ten_a_second_and_then_the_penalty_box() {
    let mut world = World::new();
    let bearer = world.bearer();
    let request = post("/v1/api/iserver/auth/status", &bearer);
    for _ in 0..10 {
        assert_eq!(status(&world.send(&request)), 200);
    }
    for _ in 0..10 {
        assert_eq!(rules(&world.send(&request)), ["pacing"]);
    }
    world.wait(899);
    assert_eq!(rules(&world.send(&request)), ["penalty-box"]);
    assert_eq!(rules(&world.send(&token_request(""))), ["penalty-box"], "it holds for the address");
    world.peer = Peer { ip: "198.51.100.9".parse().unwrap() };
    assert_eq!(rules(&world.send(&request)), ["ip"], "and for no other");
    world.peer = Peer::LOOPBACK;
    world.wait(1);
    assert_eq!(status(&world.send(&request)), 200);
    assert_eq!(world.sim.counters().of(Endpoint::Status), 23);
    assert_eq!(world.sim.counters().paced["*"], 10, "and it is told which limit that was");
}

#[test]
fn pacing_can_be_switched_off() {
    let mut world = World::with(|config| config.rules.pacing = None);
    let bearer = world.bearer();
    for _ in 0..200 {
        assert_eq!(status(&world.send(&tickle(&bearer))), 200);
    }
}
