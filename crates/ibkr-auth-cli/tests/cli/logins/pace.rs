//! IBKR punishes who asks too often: what one invocation has asked, the next one knows.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use ibkr_sim::Endpoint;
use serde_json::Value;

use crate::common::World;

fn refusals(world: &World) -> String {
    format!("{:?}", world.simulator.handle().counters().refusals)
}

#[test]
fn a_second_login_within_a_minute_does_without_sso_validate() {
    let world = World::new();
    world.succeed(["login"]);
    world.succeed(["logout"]);
    world.succeed(["login"]);
    let shown = world.succeed(["login", "--fresh"]).out;
    assert_eq!((world.count(Endpoint::Validate), refusals(&world).as_str()), (1, "{}"));
    assert!(shown.contains("paper account"), "it is known from before: {shown}");
}

#[test]
fn the_quick_start_pasted_at_once_breaks_no_limit() {
    let world = World::new();
    for command in [&["doctor"][..], &["login"], &["get", "/portfolio/accounts"], &["doctor"]] {
        world.succeed(command);
    }
    assert!(!refusals(&world).contains("pacing"), "{}", refusals(&world));
}

#[test]
fn a_session_without_brokerage_is_not_good_because_nobody_answers() {
    let world = World::new();
    world.configure("tier: read-only\nretry_attempts: 1\n");
    world.succeed(["login"]);
    world.fault(r#"{"on":"tickle","do":{"status":429,"retry_after":300}}"#);
    world.run(["header", "--max-age", "0s"]).fails(8, &["429"]);
    let sent = world.sent();
    world.run(["header", "--max-age", "0s"]).fails(8, &["asked for a pause"]);
    assert_eq!(world.sent(), sent);
}

#[test]
fn healing_counts_every_login_that_it_makes() {
    let world = World::new();
    world.succeed(["login"]);
    world.fault(r#"{"on":"tickle","do":{"status":401}}"#);
    world.fault(r#"{"on":"ssodh/init","do":{"status":401}}"#);
    for _ in 0..6 {
        world.run(["header", "--max-age", "0s", "--within", "4s"]);
    }
    // 12 an hour, and the one that began it all is among them; a new access token and its bearer are one.
    assert!(world.count(Endpoint::SsoSessions) <= 12, "{}", world.count(Endpoint::SsoSessions));
}

#[test]
fn tickles_of_ones_own_keep_the_pace_too() {
    let world = World::new();
    for command in
        [&["login"][..], &["post", "/tickle"], &["get", "/tickle"], &["tickle"], &["post", "/tickle"]]
    {
        world.succeed(command);
    }
    assert_eq!((world.count(Endpoint::Tickle), refusals(&world).as_str()), (4, "{}"));
}

#[test]
fn what_is_taken_rarely_keeps_the_pace_however_it_is_written() {
    let world = World::new();
    let first = world.succeed(["get", "/portfolio/accounts"]);
    assert_eq!(first.err, "", "nothing to wait for");
    let ran = world.run(["get", "/Portfolio//%61ccounts?a=b"]);
    let said = "IBKR takes one request for /portfolio/accounts in 5 s: waiting ";
    assert!(ran.err.contains(said), "{ran}");
    assert!(!refusals(&world).contains("pacing"), "{}", refusals(&world));
}

/// It says so, and waits.
fn is_put_off(world: &World, arguments: &[&str]) {
    let mut child = world.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains("IBKR takes one `sso/validate` a minute: "), "{arguments:?}: {said}");
}

#[test]
fn an_sso_validate_of_ones_own_keeps_the_pace_too() {
    let world = World::new();
    world.succeed(["login"]);
    is_put_off(&world, &["get", "/sso/validate"]);
    // As if a minute had passed.
    world.simulator.handle().advance(Duration::from_secs(61));
    world.change_record(|record| {
        let mut saved: Value = serde_json::from_str(record["kept"]["saved"].as_str().unwrap()).unwrap();
        saved["validated"] = Value::Null;
        (record["history"]["validated"], record["kept"]["saved"]) = (Value::Null, saved.to_string().into());
    });
    world.succeed(["get", "/sso/validate"]);
    for command in [&["get", "/sso/validate"][..], &["validate"]] {
        is_put_off(&world, command);
    }
    assert_eq!((world.count(Endpoint::Validate), refusals(&world).as_str()), (2, "{}"));
}
