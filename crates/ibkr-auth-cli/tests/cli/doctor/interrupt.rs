//! Ctrl-C while there is a session that nobody else knows.

use std::process::{Child, Stdio};

use ibkr_sim::Endpoint;
use rustix::process::Signal;

use super::checks::Report;
use crate::common::{Ran, World, signal};

/// A run at which this fault strikes, and its first Ctrl-C once it has come that far.
fn interrupted(fault: &str, at: Endpoint) -> (World, Child) {
    let world = World::new();
    world.fault(fault);
    let mut command = world.command(["doctor", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.await_request(at, 1);
    signal(&child, Signal::INT);
    (world, child)
}

fn report(world: &World, child: Child) -> Report {
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(130), ""), "{ran}");
    let report = Report(ran.json());
    report.expect("logout", "pass", &["is ended"]);
    assert_eq!(world.count(Endpoint::Logout), 1);
    report
}

#[test]
fn what_hangs_is_left_and_the_session_logged_out() {
    let (world, child) =
        interrupted(r#"{"on":"portfolio/accounts","do":{"hang":true}}"#, Endpoint::PortfolioAccounts);
    let report = report(&world, child);
    for check in ["read-only tier", "sso/validate", "brokerage tier", "competing session", "accounts"] {
        report.expect(check, "skip", &["interrupted"]);
    }
    assert_eq!([Endpoint::Init, Endpoint::Accounts].map(|endpoint| world.count(endpoint)), [0, 0]);
    // A login within seconds of another may sign the same bytes, and be refused for that.
    world.a_minute_later();
    world.succeed(["login"]);
}

#[test]
fn a_bearer_token_is_waited_for_so_that_it_can_be_ended() {
    let fault = r#"{"on":"sso-sessions","do":{"delay_ms":1000}}"#;
    let (world, child) = interrupted(fault, Endpoint::SsoSessions);
    let report = report(&world, child);
    report.expect("bearer token", "pass", &[]);
    report.expect("read-only tier", "skip", &["interrupted"]);
}

#[test]
fn a_person_is_told_that_not_everything_was_checked() {
    let world = World::new();
    world.fault(r#"{"on":"portfolio/accounts","do":{"hang":true}}"#);
    let child = world.command(["doctor"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.await_request(Endpoint::PortfolioAccounts, 1);
    signal(&child, Signal::INT);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(130), ""), "{ran}");
    assert!(ran.out.ends_with("\nInterrupted: not everything was checked.\n"), "{ran}");
}

#[test]
fn accounts_that_are_being_loaded_are_not_waited_for() {
    let world = World::with(|config| config.rules.established_after = std::time::Duration::from_secs(600));
    let mut command = world.command(["doctor", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.await_request(Endpoint::Status, 1);
    signal(&child, Signal::INT);
    report(&world, child).expect("brokerage tier", "skip", &["interrupted"]);
}

#[test]
fn the_second_one_ends_it_at_once() {
    let world = World::new();
    world.fault(r#"{"on":"iserver/accounts","do":{"hang":true}}"#);
    world.fault(r#"{"on":"logout","do":{"hang":true}}"#);
    let mut child = world.command(["doctor"]).stdout(Stdio::null()).spawn().unwrap();
    for at in [Endpoint::Accounts, Endpoint::Logout] {
        world.await_request(at, 1);
        signal(&child, Signal::INT);
    }
    assert_eq!(child.wait().unwrap().code(), None);
}
