//! What a run may cost: the kept session, logins, pauses, other programs.

use std::{fs, io::Write};

use ibkr_sim::Endpoint;
use serde_json::Value;

use crate::common::World;

#[test]
fn a_good_session_is_used_and_left_open() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    let before = fs::read(world.record()).unwrap();
    let report = world.doctor(&[]);
    report.expect("session", "pass", &["kept session"]);
    for check in ["access token", "bearer token"] {
        report.expect(check, "skip", &["--fresh"]);
    }
    for check in ["read-only tier", "brokerage tier", "accounts"] {
        report.expect(check, "pass", &[]);
    }
    report.expect("logout", "skip", &["stays open"]);
    let counts = [Endpoint::Token, Endpoint::Init, Endpoint::Tickle, Endpoint::Validate, Endpoint::Logout];
    assert_eq!(counts.map(|endpoint| world.count(endpoint)), [1, 1, 1, 1, 0]);
    assert!(!before.is_empty() && world.run(["status"]).code == Some(0));
}

#[test]
fn fresh_ends_it_and_logs_in_once() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    let report = world.doctor(&["--fresh"]);
    report.expect("session", "pass", &["ended"]);
    report.expect("accounts", "pass", &[]);
    report.expect("sso/validate", "skip", &["one a minute"]);
    report.expect("competing session", "pass", &["none"]);
    assert_eq!((world.count(Endpoint::Token), world.count(Endpoint::Logout)), (2, 2));
    assert_eq!(world.run(["status"]).code, Some(4), "none is kept");
}

#[test]
fn fresh_keeps_what_could_not_be_ended() {
    for (status, words) in [(503, "Saturday"), (429, "15 minutes")] {
        let world = World::new();
        world.succeed(["login"]);
        world.a_minute_later();
        world.fault(&format!(r#"{{"on":"logout","do":{{"status":{status}}}}}"#));
        let before = world.read_record()["kept"].take();
        let report = world.doctor(&["--fresh"]);
        report.expect("session", "fail", &[words]);
        report.expect("access token", "skip", &[]);
        assert_eq!((world.count(Endpoint::Token), world.read_record()["kept"].take()), (1, before));
    }
}

#[test]
fn fresh_ends_nothing_where_no_login_can_follow() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    fs::remove_file(world.path("private.pem")).unwrap();
    world.doctor(&["--fresh"]).expect("session", "skip", &["stays", "needs: key"]);
    assert_eq!(world.count(Endpoint::Logout), 0);
}

#[test]
fn a_lost_session_is_replaced_by_one_login() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    world.simulator.handle().restart();
    let report = world.doctor(&[]);
    report.expect("session", "warn", &["over", "ibkr-auth keep"]);
    report.expect("access token", "pass", &[]);
    report.expect("accounts", "pass", &[]);
}

#[test]
fn a_session_in_doubt_is_not_replaced() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    world.fault(r#"{"on":"tickle","do":{"status":503}}"#);
    let report = world.doctor(&[]);
    report.expect("session", "fail", &["Saturday"]);
    report.expect("access token", "skip", &["stays"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_competing_login_is_told_of_a_kept_session_too() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    world.simulator.handle().kick(None);
    let report = world.doctor(&[]);
    report.expect("session", "pass", &["bearer token", "accepted"]);
    report.expect("access token", "skip", &["bearer token is accepted", "--fresh"]);
    report.expect("competing session", "fail", &["TWS"]);
    assert_eq!((world.count(Endpoint::Token), world.count(Endpoint::Init)), (1, 1));
}

#[test]
fn a_program_that_keeps_the_session_is_left_alone() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    let _keep = keeper(&world);
    let before = world.read_record()["kept"].take();
    let report = world.doctor(&["--fresh"]);
    report.expect("kept session", "warn", &["4711", "left alone"]);
    report.expect("access token", "skip", &["4711"]);
    report.expect("accounts", "pass", &[]);
    let counts = [Endpoint::Token, Endpoint::Init, Endpoint::Tickle, Endpoint::Logout];
    assert_eq!(counts.map(|endpoint| world.count(endpoint)), [1, 1, 0, 0]);
    assert_eq!(world.read_record()["kept"], before);

    world.simulator.handle().kick(None);
    let report = world.doctor(&[]);
    report.expect("session", "pass", &["bearer token", "accepted"]);
    report.expect("access token", "skip", &["4711", "left the session to another login"]);
    report.expect("competing session", "fail", &[]);

    world.simulator.handle().restart();
    let report = world.doctor(&[]);
    report.expect("access token", "skip", &["4711", "see its output"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

/// As if a program kept the session connected, until drop.
fn keeper(world: &World) -> fs::File {
    let mut keep = fs::File::create(world.record().with_extension("keep")).unwrap();
    keep.lock().unwrap();
    write!(keep, "4711").unwrap();
    keep
}

#[test]
fn a_program_that_keeps_no_good_session_is_told() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    world.change_record(|record| record["kept"]["good_at"] = 0.into());
    let words = ["not to be good", "will be checked", "no `ibkr-auth keep` runs"];
    world.doctor(&[]).expect("kept session", "pass", &words);

    world.a_minute_later();
    world.change_record(|record| record["kept"]["good_at"] = 0.into());
    let _keep = keeper(&world);
    let words = ["not to be good", "4711) runs, but has no good session now"];
    let report = world.doctor(&["--offline"]);
    report.expect("kept session", "warn", &words);
    assert!(report.0["first_help"].as_str().unwrap().contains("its screen"), "{:#}", report.0);

    world.change_record(|record| record["kept"] = Value::Null);
    let report = world.doctor(&[]);
    report.expect("kept session", "warn", &["there is none", "4711", "paused"]);
    report.expect("session", "skip", &["left to", "4711"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_refusal_of_a_later_step_is_remembered_there() {
    let world = World::new();
    world.configure("credential: nobody\n");
    world.doctor(&[]).expect("bearer token", "fail", &[]);
    let report = world.doctor(&[]);
    report.expect("access token", "skip", &["accepted a moment ago"]);
    report.expect("bearer token", "fail", &["not tried again"]);
    assert_eq!(report.all("fail"), ["bearer token"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_refusal_is_not_repeated_until_something_changes() {
    let world = World::new();
    world.configure("client_id: Other\n");
    world.doctor(&[]).expect("access token", "fail", &["step 1"]);
    world.doctor(&[]).expect("access token", "fail", &["not tried again", "nothing was sent"]);
    assert_eq!(world.count(Endpoint::Token), 1);
    let login = world.run(["login"]);
    assert_eq!((login.code, world.count(Endpoint::Token)), (Some(5), 1), "nor by a login");
    world.configure("");
    world.doctor(&[]).expect("access token", "pass", &[]);
}

#[test]
fn after_429_nothing_more_is_sent_now_or_later() {
    let world = World::new();
    world.fault(r#"{"on":"portfolio/accounts","do":{"status":429}}"#);
    let report = world.doctor(&[]);
    report.expect("read-only tier", "fail", &["15 minutes"]);
    report.expect("brokerage tier", "skip", &["asked for a pause"]);
    let before = world.sent();
    let report = world.doctor(&[]);
    report.expect("tls", "skip", &["asked for a pause", "see `session`"]);
    report.expect("clock", "skip", &["needs: tls"]);
    report.expect("public ip", "pass", &[]);
    report.expect("session", "fail", &["pause", "wait"]);
    report.expect("access token", "skip", &[]);
    assert_eq!(report.all("fail"), ["session"]);
    let sent = world.sent_since(&before);
    assert_eq!(sent.into_keys().collect::<Vec<_>>(), ["lookup"], "IBKR is left alone");
}
