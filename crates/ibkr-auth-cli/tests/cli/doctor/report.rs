//! What the report looks like.

use ibkr_sim::Endpoint;
use serde_json::Value;

use crate::common::World;

/// What differs from run to run is replaced.
fn filtered(world: &World, shown: &str) -> String {
    let lookup = world.simulator.lookup_url();
    let shown = shown
        .replace(&world.simulator.base_url(), "[base]")
        .replace(world.simulator.base_url().trim_start_matches("https://"), "[base]")
        .replace(lookup.trim_start_matches("http://"), "[lookup]")
        .replace(world.path("").to_str().unwrap(), "[folder]/");
    let lines = shown.lines().map(|line| match line.split_once(" skip in ") {
        Some((counts, _)) => format!("{counts} skip in [time]"),
        None if line.starts_with("ibkr-auth ") => "[version, time, system]".to_owned(),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_healthy_report() {
    let world = World::new();
    let ran = world.run(["doctor"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let expected = "\
✓ pass settings           config.yaml: client id DemoClient, key id main, username d…r,
                          [base], brokerage tier
✓ pass file modes         settings 0600, key 0600
✓ pass key                RSA, 3072 bits, not encrypted; SHA-256 of the public key:
                          1e4d1eeebea0ac93e35421ed2a3e771e461211ad1649f4f045deb5cb7840a64f
✓ pass state folder       [folder]/state can be written
✓ pass kept session       there is none; no `ibkr-auth keep` runs
✓ pass proxy              none
✓ pass dns                localhost is 127.0.0.1
✓ pass tls                [base] answers, certificate trusted
✓ pass clock              agrees with the server's, to the second
✓ pass ip by [lookup] 203.0.113.7
✓ pass public ip          203.0.113.7: all that answered agree
- skip session            none is kept: a new one is made
✓ pass access token       client, key id and key are accepted, good for 23 h 59 min
✓ pass bearer token       username and address 203.0.113.7 are accepted
✓ pass read-only tier     open: 1 account, DU•••567
✓ pass sso/validate       paper account, region NJ, ends in 1 h 0 min unless it is extended
✓ pass brokerage tier     established
✓ pass competing session  none
✓ pass accounts           paper: 1 account, DU•••567
✓ pass logout             the session that was made here is ended

19 pass, 0 warn, 0 fail, 1 skip in [time]
[version, time, system]
Nothing to do.";
    assert_eq!(filtered(&world, &ran.out), expected);
}

#[test]
fn a_failure_says_what_it_means_what_to_do_and_what_support_asks_for() {
    let world = World::new();
    world.fault(r#"{"on":"token","do":{"status":400,"body":{"error":"invalid_client"},"headers":{"x-traceid":"abc-1\u0009 2"}}}"#);
    let ran = world.run(["doctor"]);
    let shown = ran.out;
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "no error beside the report");
    let lines: Vec<&str> = shown.lines().skip_while(|line| !line.contains("access token")).collect();
    assert_eq!(lines[0], "✗ fail access token       the server answered 400 Bad Request: invalid_client");
    assert!(lines[1].starts_with("       means: IBKR refused the assertion"), "{shown}");
    for part in ["       do:    compare the key's SHA-256", "       call:  20", "x-traceid: abc-12", "Date: "]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(lines.iter().any(|line| line.starts_with("Do first: access token: compare")), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn programs_get_one_object() {
    let world = World::new();
    let report = world.doctor(&[]);
    let members: Vec<&str> = report.0.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["checks", "counts", "first_help", "seconds", "system", "time", "version"]);
    let check = report.check("access token").as_object().unwrap();
    let members: Vec<&str> = check.keys().map(String::as_str).collect();
    assert_eq!(members, ["call", "finding", "help", "meaning", "ms", "name", "result"]);
    assert_eq!(report.0["first_help"], Value::Null);
    assert_eq!((report.all("pass").len(), report.all("skip")), (19, vec!["session"]));
    for endpoint in
        [Endpoint::Token, Endpoint::SsoSessions, Endpoint::Validate, Endpoint::Init, Endpoint::Logout]
    {
        assert_eq!(world.count(endpoint), 1, "{endpoint}");
    }
}

#[test]
fn quiet_shows_what_is_wrong_alone() {
    let world = World::new();
    assert_eq!(world.run(["doctor", "--quiet"]).out, "");
    world.configure("client_id: Other\n");
    let shown = world.run(["doctor", "--quiet"]).out;
    assert!(shown.starts_with("✗ fail access token") && !shown.contains("pass "), "{shown}");
}

#[test]
fn offline_nothing_is_sent() {
    let world = World::new();
    let report = world.doctor(&["--offline"]);
    assert_eq!(report.all("pass"), ["settings", "file modes", "key", "state folder", "kept session"]);
    assert_eq!(world.requests(), 0);
    assert_eq!(world.run(["doctor", "--offline", "--fresh"]).code, Some(2), "wrong usage");
}
