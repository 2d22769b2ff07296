//! Invocations that are killed at any moment.

use std::{
    hash::{BuildHasher, RandomState},
    process::Stdio,
    thread,
    time::Duration,
};

use ibkr_sim::Endpoint;
use rustix::process::Signal;

use crate::common::{World, signal};

const KILLS: u64 = 40;

/// Moments from a seed that is printed.
fn moments() -> impl Iterator<Item = Duration> {
    let mut state: u64 = RandomState::new().hash_one(0) % 1_000_000;
    eprintln!("seed {state}");
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((state >> 33) % 60_000)
    })
}

#[test]
fn a_kill_at_any_moment_leaves_a_record_that_can_be_used_and_no_lock() {
    let world = World::with(|config| config.rules.pacing = None);
    world.succeed(["login"]);
    let token = world.token();
    for moment in moments().take(KILLS as usize) {
        let mut child = world.command(["header", "--max-age", "0s"]).stdout(Stdio::null()).spawn().unwrap();
        // Not to wait for anything: the moment is the input of this test.
        thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let ran = world.succeed(["token", "--no-login", "--max-age", "1h"]);
        assert_eq!((ran.out.trim_end(), ran.err.as_str()), (token.as_str(), ""));
    }
    world.succeed(["tickle"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_lock_ends_with_its_process() {
    let world = World::new();
    world.configure("timeout: 60s\n");
    world.fault(r#"{"on":"token","calls":1,"do":{"hang":true}}"#);
    let mut child = world.command(["login"]).stdout(Stdio::null()).spawn().unwrap();
    world.await_request(Endpoint::Token, 1);
    world.run(["header", "--within", "500ms"]).fails(1, &["another ibkr-auth"]);
    child.kill().unwrap();
    child.wait().unwrap();
    world.succeed(["header"]);
}

#[test]
fn a_login_that_is_interrupted_leaves_no_session_behind() {
    let world = World::new();
    world.fault(r#"{"on":"ssodh/init","calls":1,"do":{"delay_ms":1000}}"#);
    let mut child = world.command(["login"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    world.await_request(Endpoint::Init, 1);
    signal(&child, Signal::INT);
    let mut said = String::new();
    std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("interrupted: there is no session"), "{said}");
    assert_eq!(world.count(Endpoint::Logout), 1);
    world.run(["status"]).fails(4, &["there is no session"]);
    world.succeed(["login"]);
}
