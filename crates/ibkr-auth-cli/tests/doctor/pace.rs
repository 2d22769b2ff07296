//! What a run may cost: the kept session, logins, pauses, other programs.

use std::{fs, io::Write};

use ibkr_sim::Endpoint;
use serde_json::Value;

use crate::case::Case;

#[test]
fn a_good_session_is_used_and_left_open() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    let before = fs::read(case.record()).unwrap();
    let report = case.doctor(&[]);
    report.expect("session", "pass", &["kept session"]);
    for check in ["access token", "bearer token"] {
        report.expect(check, "skip", &["--fresh"]);
    }
    for check in ["read-only tier", "brokerage tier", "accounts"] {
        report.expect(check, "pass", &[]);
    }
    report.expect("logout", "skip", &["stays open"]);
    let counts = [Endpoint::Token, Endpoint::Init, Endpoint::Tickle, Endpoint::Validate, Endpoint::Logout];
    assert_eq!(counts.map(|endpoint| case.count(endpoint)), [1, 1, 1, 1, 0]);
    assert!(!before.is_empty() && case.command(&["status"]).output().unwrap().status.success());
}

#[test]
fn fresh_ends_it_and_logs_in_once() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    let report = case.doctor(&["--fresh"]);
    report.expect("session", "pass", &["ended"]);
    report.expect("accounts", "pass", &[]);
    report.expect("sso/validate", "skip", &["one a minute"]);
    report.expect("competing session", "pass", &["none"]);
    assert_eq!((case.count(Endpoint::Token), case.count(Endpoint::Logout)), (2, 2));
    assert_eq!(case.command(&["status"]).output().unwrap().status.code(), Some(4), "none is kept");
}

#[test]
fn fresh_ends_nothing_where_no_login_can_follow() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    fs::remove_file(case.path("private.pem")).unwrap();
    case.doctor(&["--fresh"]).expect("session", "skip", &["stays", "needs: key"]);
    assert_eq!(case.count(Endpoint::Logout), 0);
}

#[test]
fn a_lost_session_is_replaced_by_one_login() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    case.simulator.handle().restart();
    let report = case.doctor(&[]);
    report.expect("session", "warn", &["over", "ibkr-auth keep"]);
    report.expect("access token", "pass", &[]);
    report.expect("accounts", "pass", &[]);
}

#[test]
fn a_session_in_doubt_is_not_replaced() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    case.fault(r#"{"on":"tickle","do":{"status":503}}"#);
    let report = case.doctor(&[]);
    report.expect("session", "fail", &["Saturday"]);
    report.expect("access token", "skip", &["stays"]);
    assert_eq!(case.count(Endpoint::Token), 1);
}

#[test]
fn a_competing_login_is_told_of_a_kept_session_too() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    case.simulator.handle().kick(None);
    let report = case.doctor(&[]);
    report.expect("competing session", "fail", &["TWS"]);
    assert_eq!((case.count(Endpoint::Token), case.count(Endpoint::Init)), (1, 1));
}

#[test]
fn a_program_that_keeps_the_session_is_left_alone() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    let _keep = keeper(&case);
    let before = case.read_record()["kept"].take();
    let report = case.doctor(&["--fresh"]);
    report.expect("kept session", "warn", &["4711", "left alone"]);
    report.expect("access token", "skip", &["4711"]);
    report.expect("accounts", "pass", &[]);
    let counts = [Endpoint::Token, Endpoint::Init, Endpoint::Tickle, Endpoint::Logout];
    assert_eq!(counts.map(|endpoint| case.count(endpoint)), [1, 1, 0, 0]);
    assert_eq!(case.read_record()["kept"], before);

    case.simulator.handle().restart();
    let report = case.doctor(&[]);
    report.expect("access token", "skip", &["4711", "see its output"]);
    assert_eq!(case.count(Endpoint::Token), 1);
}

/// As if a program kept the session connected, until drop.
fn keeper(case: &Case) -> fs::File {
    let mut keep = fs::File::create(case.record().with_extension("keep")).unwrap();
    keep.lock().unwrap();
    write!(keep, "4711").unwrap();
    keep
}

#[test]
fn a_program_that_keeps_no_good_session_is_told() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    case.change_record(|record| record["kept"]["good_at"] = 0.into());
    let words = ["not to be good", "will be checked", "no `ibkr-auth keep` runs"];
    case.doctor(&[]).expect("kept session", "pass", &words);

    case.a_minute_later();
    case.change_record(|record| record["kept"]["good_at"] = 0.into());
    let _keep = keeper(&case);
    let words = ["not to be good", "4711) runs, but has no good session now"];
    let report = case.doctor(&["--offline"]);
    report.expect("kept session", "warn", &words);
    assert!(report.0["first_todo"].as_str().unwrap().contains("its screen"), "{:#}", report.0);

    case.change_record(|record| record["kept"] = Value::Null);
    let report = case.doctor(&[]);
    report.expect("kept session", "warn", &["there is none", "4711", "paused"]);
    report.expect("session", "skip", &["left to", "4711"]);
    assert_eq!(case.count(Endpoint::Token), 1);
}

#[test]
fn a_refusal_of_a_later_step_is_remembered_there() {
    let case = Case::new();
    case.configure(&[("credential", "nobody")]);
    case.doctor(&[]).expect("bearer token", "fail", &[]);
    let report = case.doctor(&[]);
    report.expect("access token", "skip", &["accepted a moment ago"]);
    report.expect("bearer token", "fail", &["not tried again"]);
    assert_eq!(report.all("fail"), ["bearer token"]);
    assert_eq!(case.count(Endpoint::Token), 1);
}

#[test]
fn a_refusal_is_not_repeated_until_something_changes() {
    let case = Case::new();
    case.configure(&[("client_id", "Other")]);
    case.doctor(&[]).expect("access token", "fail", &["step 1"]);
    case.doctor(&[]).expect("access token", "fail", &["not tried again", "nothing was sent"]);
    assert_eq!(case.count(Endpoint::Token), 1);
    let login = case.command(&["login"]).output().unwrap();
    assert_eq!((login.status.code(), case.count(Endpoint::Token)), (Some(5), 1), "nor by a login");
    case.configure(&[]);
    case.doctor(&[]).expect("access token", "pass", &[]);
}

#[test]
fn after_429_nothing_more_is_sent_now_or_later() {
    let case = Case::new();
    case.fault(r#"{"on":"portfolio/accounts","do":{"status":429}}"#);
    let report = case.doctor(&[]);
    report.expect("read-only tier", "fail", &["15 minutes"]);
    report.expect("brokerage tier", "skip", &["asked for a pause"]);
    let requests = case.simulator.handle().counters().requests.clone();
    let report = case.doctor(&[]);
    report.expect("session", "fail", &["pause"]);
    report.expect("access token", "skip", &[]);
    let now = case.simulator.handle().counters().requests;
    for endpoint in [Endpoint::Token, Endpoint::PortfolioAccounts, Endpoint::Logout] {
        assert_eq!(requests.get(&endpoint), now.get(&endpoint), "{endpoint}");
    }
}
