//! Many invocations at once.

use std::time::{Duration, Instant};

use ibkr_sim::Endpoint;

use crate::common::{Ran, World, run_together};

const MANY: usize = 10;

fn ten(world: &World, options: &[&str]) -> Vec<Ran> {
    run_together((0..MANY).map(|_| world.command([&["header"], options].concat())))
}

fn all_the_same(ran: &[Ran]) {
    for one in ran {
        assert_eq!((one.code, one.err.as_str()), (Some(0), ""), "{one}");
        assert_eq!(one.out, ran[0].out);
    }
}

#[test]
fn ten_without_a_session_log_in_once() {
    let world = World::new();
    all_the_same(&ten(&world, &[]));
    let counters = world.simulator.handle().counters();
    assert_eq!((counters.tokens, counters.bearers, counters.inits), (1, 1, 1));
}

#[test]
fn ten_with_a_forgotten_session_log_in_once() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().restart();
    all_the_same(&ten(&world, &["--max-age", "0s"]));
    let counters = world.simulator.handle().counters();
    assert_eq!((counters.tokens, counters.bearers), (2, 2));
}

#[test]
fn ten_that_want_to_be_sure_share_what_one_has_seen() {
    let world = World::new();
    world.succeed(["login"]);
    world.fault(r#"{"on":"tickle","calls":1,"do":{"delay_ms":3000}}"#);
    let before = world.sent();
    all_the_same(&ten(&world, &["--max-age", "0s"]));
    assert_eq!(world.sent_since(&before), [("tickle", 1)].into());
}

#[test]
fn ten_whose_login_is_refused_ask_once_and_say_the_same() {
    let world = World::new();
    world.configure("client_key_id: other\n");
    world.fault(r#"{"on":"token","do":{"delay_ms":2000}}"#);
    let ran = ten(&world, &[]);
    for one in &ran {
        one.fails(5, &["get_access_token"]);
        assert_eq!(
            one.err.lines().next().map(|line| line.replace(" (a moment ago: not tried again)", "")),
            ran[0].err.lines().next().map(|line| line.replace(" (a moment ago: not tried again)", ""))
        );
    }
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn ten_at_a_server_that_hangs_end_in_time() {
    let world = World::new();
    world.configure("timeout: 1s\nretry_attempts: 1\n");
    world.fault(r#"{"on":"token","do":{"hang":true}}"#);
    let begin = Instant::now();
    for one in ten(&world, &["--within", "4s"]) {
        one.fails(7, &[]);
    }
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn a_login_takes_no_longer_than_it_may() {
    let world = World::new();
    world.fault(r#"{"on":"token","do":{"hang":true}}"#);
    let begin = Instant::now();
    let ran = world.run(["header", "--within", "2s"]);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?} {ran}", begin.elapsed());
    ran.fails(7, &[]);
}
