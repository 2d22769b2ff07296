//! What the servers may answer, at each step, and what is made of it.

use ibkr_sim::Endpoint;

use crate::common::World;

/// What strikes where, at which check it is seen, and words of what is said about it.
type Row<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

fn fails(rows: &[Row<'_>]) {
    for (on, action, check, words) in rows {
        let world = World::new();
        world.configure("timeout: 1s\n");
        world.fault(&format!(r#"{{"on":"{on}","do":{action}}}"#));
        let report = world.doctor(&[]);
        println!("{on} {action}");
        report.expect(check, "fail", words);
        assert_eq!(report.all("fail"), [*check], "{on} {action}: one cause, one failure");
        for fine in ["clock", "public ip"] {
            report.expect(fine, "pass", &[]);
        }
        let bearers = world.simulator.handle().counters().bearers;
        assert_eq!(world.count(Endpoint::Logout), bearers, "{on} {action}: no session stays open");
    }
}

#[test]
fn at_the_access_token() {
    let refused: &[&str] = &["next midnight", "client_key_id", "step 1", "SHA-256"];
    fails(&[
        (
            "token",
            r#"{"status":400,"body":{"type":"/simple","title":"Bad Request","status":400}}"#,
            "access token",
            refused,
        ),
        ("token", r#"{"status":401,"body":{"error":"invalid_client"}}"#, "access token", refused),
        (
            "token",
            r#"{"status":400,"body":{"error":"invalid_scope"}}"#,
            "access token",
            &["sso-sessions.write"],
        ),
        ("token", r#"{"status":403}"#, "access token", &["edge", "User-Agent", "Access Denied"]),
        ("token", r#"{"status":404}"#, "access token", &["base_url"]),
        ("token", r#"{"status":410}"#, "access token", &["2.api.ibkr.com"]),
        ("token", r#"{"status":411,"html":true}"#, "access token", &["Content-Length"]),
        ("token", r#"{"status":429}"#, "access token", &["15 minutes", "§10"]),
        ("token", r#"{"status":500}"#, "access token", &["after a day"]),
        ("token", r#"{"status":503}"#, "access token", &["Saturday"]),
        ("token", r#"{"redirect":"https://login.example/"}"#, "access token", &["captive portal"]),
        ("token", r#"{"html":true}"#, "access token", &["something other than IBKR"]),
        ("token", r#"{"garbage":true}"#, "access token", &["something other than IBKR"]),
        ("token", r#"{"hang":true}"#, "access token", &["no answer in time", "firewall"]),
        ("token", r#"{"reset":true}"#, "access token", &["connection broke"]),
        ("token", r#"{"huge":2000000}"#, "access token", &["too large"]),
    ]);
}

#[test]
fn at_the_bearer_token() {
    fails(&[
        (
            "sso-sessions",
            r#"{"status":400,"body":"Invalid payload for security policy: SIGNED_JWT"}"#,
            "bearer token",
            &["no signed JWT"],
        ),
        (
            "sso-sessions",
            r#"{"status":400,"body":{"type":"/invalid-argument","title":"Bad Request"}}"#,
            "bearer token",
            &["claim"],
        ),
        (
            "sso-sessions",
            r#"{"status":401,"body":{"detail":"The access token request is invalid"}}"#,
            "bearer token",
            &["public address or the username", "request is invalid"],
        ),
        (
            "sso-sessions",
            r#"{"status":403,"body":{"detail":"The access token fails to have sufficient scope"}}"#,
            "bearer token",
            &["not set it up for this username", "ticket"],
        ),
        (
            "sso-sessions",
            r#"{"status":403,"body":{"detail":"Permission denied for account I641090"}}"#,
            "bearer token",
            &["may not act for this account"],
        ),
        ("sso-sessions", r#"{"status":403}"#, "bearer token", &["edge"]),
        (
            "sso-sessions",
            r#"{"status":200,"body":{"access_token":"x","active":false}}"#,
            "bearer token",
            &["did not activate"],
        ),
        ("sso-sessions", r#"{"status":429}"#, "bearer token", &["15 minutes"]),
        ("sso-sessions", r#"{"status":500}"#, "bearer token", &["IBKR failed"]),
        ("sso-sessions", r#"{"hang":true}"#, "bearer token", &["no answer in time"]),
    ]);
}

#[test]
fn at_the_tiers() {
    fails(&[
        ("portfolio/accounts", r#"{"status":500}"#, "read-only tier", &["IBKR failed"]),
        ("portfolio/accounts", r#"{"status":200,"body":{"a":1}}"#, "read-only tier", &["not a list"]),
        ("portfolio/accounts", r#"{"html":true}"#, "read-only tier", &["cannot read the answer"]),
        ("sso/validate", r#"{"status":429}"#, "sso/validate", &["one sso/validate a minute"]),
        ("sso/validate", r#"{"status":200,"body":{"RESULT":false}}"#, "sso/validate", &["RESULT: false"]),
        (
            "sso/validate",
            r#"{"status":401,"body":{"detail":"Access token expired"}}"#,
            "sso/validate",
            &["another address"],
        ),
        (
            "ssodh/init",
            r#"{"status":500,"body":{"error":"failed to generate sso dh token"}}"#,
            "brokerage tier",
            &["one to two weeks", "TWS", "sso dh token"],
        ),
        ("ssodh/init", r#"{"status":500}"#, "brokerage tier", &["new paper accounts", "one to two weeks"]),
        ("ssodh/init", r#"{"status":410}"#, "brokerage tier", &["domain: 2.api.ibkr.com"]),
        ("ssodh/init", r#"{"status":503}"#, "brokerage tier", &["Saturday"]),
        ("ssodh/init", r#"{"status":429}"#, "brokerage tier", &["15 minutes"]),
        ("ssodh/init", r#"{"html":true}"#, "brokerage tier", &["something other than IBKR"]),
        (
            "ssodh/init",
            r#"{"status":400,"body":{"error":"Bad Request: no bridge","statusCode":400}}"#,
            "brokerage tier",
            &["no brokerage session"],
        ),
        ("iserver/accounts", r#"{"status":401}"#, "accounts", &["no brokerage session"]),
        (
            "iserver/accounts",
            r#"{"status":500,"body":{"error":"Please query /accounts first"}}"#,
            "accounts",
            &["once for each session"],
        ),
    ]);
}

#[test]
fn a_node_that_says_gone_although_the_session_is_there_is_no_failure() {
    let world = World::new();
    world.fault(r#"{"on":"ssodh/init","do":{"status":410,"processed":true}}"#);
    let report = world.doctor(&[]);
    report.expect("brokerage tier", "pass", &["established"]);
    report.expect("accounts", "pass", &["DU•••567"]);
}

#[test]
fn a_session_that_is_never_established_fails_in_time() {
    let world = World::with(|config| config.rules.established_after = std::time::Duration::from_secs(600));
    world.configure("establish_within: 0s\n");
    let report = world.doctor(&[]);
    report.expect("brokerage tier", "fail", &["established no", "paper"]);
    report.expect("competing session", "pass", &[]);
    report.expect("accounts", "skip", &["needs: brokerage tier"]);
    assert_eq!(world.count(Endpoint::Logout), 1);
}

#[test]
fn no_accounts_are_a_warning() {
    let world = World::with(|config| config.users[0].accounts.clear());
    let report = world.doctor(&[]);
    report.expect("read-only tier", "warn", &["no accounts"]);
    report.expect("accounts", "warn", &["no accounts"]);
}

#[test]
fn another_login_is_told_and_ended_only_when_that_is_asked_for() {
    let world = World::new();
    world.configure("compete: true\n");
    world.simulator.handle().kick(None);
    let report = world.doctor(&[]);
    report.expect("brokerage tier", "skip", &["competing"]);
    report.expect("competing session", "fail", &["TWS", "--compete", "§5"]);
    report.expect("logout", "pass", &[]);
    world.a_minute_later();
    let report = world.doctor(&["--compete"]);
    report.expect("competing session", "pass", &["none"]);
    report.expect("accounts", "pass", &[]);
}

#[test]
fn the_read_only_tier_leaves_the_brokerage_session_alone() {
    let world = World::new();
    world.configure("tier: read-only\n");
    let report = world.doctor(&[]);
    report.expect("brokerage tier", "skip", &["read-only"]);
    assert_eq!((world.count(Endpoint::Init), report.all("fail").len()), (0, 0));
}
