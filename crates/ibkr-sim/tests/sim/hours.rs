//! IBKR's hours.

use std::time::Duration;

use ibkr_sim::Calendar;

use crate::world::*;

const HOUR: u64 = 3600;

fn with_hours() -> World {
    World::with(|config| config.calendar = Calendar::ibkr())
}

#[test]
fn midnight_ends_every_session() {
    let mut world = with_hours();
    world.wait(11 * HOUR + 1800 - 1);
    let bearer = world.brokerage();
    world.wait(30 * 60 - 3);
    assert_eq!(status(&world.send(&tickle(&bearer))), 200);
    assert_eq!(body(&world.send(&get("/v1/api/sso/validate", &bearer)))["EXPIRES"], 1000);
    world.wait(1);
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["bearer"]);
}

#[test]
fn the_nightly_reset_takes_the_brokerage_session() {
    let mut world = with_hours();
    world.wait(12 * HOUR + 58 * 60);
    let bearer = world.brokerage();
    assert!(world.sim.is_up(world.now));
    world.wait(120);
    assert!(!world.sim.is_up(world.now));
    let reply = world.send(&init(&bearer, true));
    assert_eq!((status(&reply), rules(&reply)), (503, vec!["nightly-reset"]));
    let tickled = body(&world.send(&tickle(&bearer)));
    assert_eq!(tickled["iserver"]["authStatus"]["connected"], false);
    world.wait(300);
    assert_eq!(world.status(&bearer)["authenticated"], false);
    assert_eq!(body(&world.send(&init(&bearer, true)))["authenticated"], true);
}

#[test]
fn on_saturday_evening_nothing_answers() {
    let mut world = with_hours();
    world.wait(3 * 24 * HOUR + 8 * HOUR);
    assert!(!world.sim.is_up(world.now));
    let reply = world.send(&token_request(""));
    assert_eq!((status(&reply), rules(&reply)), (503, vec!["down"]));
    world.wait(2 * HOUR);
    assert!(world.sim.is_up(world.now));
    world.access();
}

/// Two days of a careless client: what `ready` says beforehand is what a tickle then says.
#[test]
fn readiness_is_foretold() {
    let mut world = with_hours();
    let mut bearer = world.brokerage();
    for round in 0..1000_u64 {
        let ready = world.sim.ready(&bearer);
        world.wait(1 + 37 * round % 311);
        if round % 100 == 50 {
            world.sim.kick(None);
        }
        let foretold = world.sim.ready(&bearer).and(ready).is_some_and(|ready| ready.contains(&world.now));
        let tickled = body(&world.send(&tickle(&bearer)));
        let status = &tickled["iserver"]["authStatus"];
        assert_eq!(status["established"] == true, foretold, "round {round}: {tickled}");
        if !foretold && world.sim.is_up(world.now) {
            bearer = world.brokerage();
        }
    }
    assert!(world.sim.ready(&bearer).is_some());
    world.sim.set_ip("198.51.100.9".parse().unwrap());
    assert_eq!(world.sim.ready(&bearer), None);
}

#[test]
fn outages_can_be_planned() {
    let mut world = World::with(|config| {
        config.calendar.outages.push((NOON + Duration::from_secs(10), NOON + Duration::from_secs(20)));
    });
    let bearer = world.bearer();
    world.wait(9);
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["down"]);
    assert!(!world.sim.is_up(world.now));
    world.wait(10);
    assert_eq!(status(&world.send(&tickle(&bearer))), 200);
}

/// A client that keeps one session alive for ten virtual days, logging in when it has to.
#[test]
fn ten_days_go_by_quickly_and_the_same_way_twice() {
    let ten_days = || {
        let mut world = with_hours();
        let mut bearer = String::new();
        for minute in 0..10 * 24 * 60_u64 {
            world.now = NOON + Duration::from_secs(minute * 60);
            if world.sim.is_up(world.now) && status(&world.send(&tickle(&bearer))) != 200 {
                bearer = world.brokerage();
            }
            if minute % 30 == 15 {
                world.send(&get("/v1/api/sso/validate", &bearer));
            }
        }
        (world.sim.counters().clone(), bearer)
    };
    let (first, second) = (ten_days(), ten_days());
    assert_eq!(first, second);
    let tokens = first.0.tokens;
    assert!((10..15).contains(&tokens), "{tokens} logins: about one a day");
}
