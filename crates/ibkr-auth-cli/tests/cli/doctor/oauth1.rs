//! A login by OAuth 1.0a, looked at.

use ibkr_sim::{Endpoint, Moment, demo};

use crate::common::World;

const LIVE: &str = "live session token";

#[test]
fn a_healthy_login_is_seen_through() {
    let world = World::oauth1();
    let ran = world.succeed(["doctor", "--json"]);
    for secret in [demo::oauth1::ACCESS_TOKEN, demo::oauth1::ACCESS_TOKEN_SECRET] {
        assert!(!ran.out.contains(secret), "{ran}");
    }
    for of_other in ["access token", "bearer token", "sso/validate"] {
        assert!(!ran.out.contains(&format!("\"name\": \"{of_other}\"")), "{ran}");
    }
    let report = world.doctor(&["--fresh"]);
    report.expect("settings", "pass", &["OAuth 1.0a, consumer key DEMOTRADE"]);
    report.expect("encryption key", "pass", &["it opens the access token secret"]);
    report.expect("dh parameters", "pass", &["a prime of 2048 bits"]);
    report.expect("key", "pass", &["RSA, 2048 bits"]);
    report.expect(LIVE, "pass", &["it is proven, ends in "]);
    report.expect("accounts", "pass", &[]);
    assert_eq!((world.count(Endpoint::LiveSessionToken), world.count(Endpoint::Logout)), (2, 2));
}

#[test]
fn each_refusal_has_its_meaning() {
    let said = |error: &str| {
        format!(r#"{{"status":401,"body":{{"error":"id: 7, error: {error}","statusCode":401}}}}"#)
    };
    for (answer, words) in [
        (said("invalid consumer"), "not active yet, or mistyped"),
        (said("LST failed, error: No access secret key found for DEMOTRADE"), "no such access token"),
        (said("invalid signature"), "another signature key"),
        (r#"{"status":403,"body":{"error":"not allowed"}}"#.to_owned(), "not entitled"),
    ] {
        let world = World::oauth1();
        world.fault(&format!(r#"{{"on":"live_session_token","do":{answer}}}"#));
        let report = world.doctor(&[]);
        report.expect(LIVE, "fail", &[words]);
        assert_eq!(report.all("fail"), [LIVE]);
        assert_eq!(world.count(Endpoint::LiveSessionToken), 1, "asked once");
    }
    let world = World::oauth1();
    let answer = r#"{"status":500,"body":{"error":"failed to generate sso dh token"}}"#;
    world.fault(&format!(r#"{{"on":"ssodh/init","do":{answer}}}"#));
    world.doctor(&[]).expect("brokerage tier", "fail", &["not entitled"]);
    assert_eq!(world.count(Endpoint::Logout), 1);
}

#[test]
fn a_consumer_that_is_not_active_yet_is_told() {
    let world = World::oauth1_with(|config| {
        for consumer in &mut config.consumers {
            consumer.active_from = Some(Moment::from_secs(4_000_000_000));
        }
    });
    world.doctor(&[]).expect(LIVE, "fail", &["not active yet", "once a day"]);
}

#[test]
fn what_is_wrong_here_is_told_without_ibkr() {
    let world = World::oauth1();
    world.write("encryption.pem", demo::oauth1::SIGNATURE_KEY_PEM);
    let report = world.doctor(&[]);
    report.expect("encryption key", "fail", &["does not decrypt"]);
    report.expect(LIVE, "skip", &["needs: encryption key"]);
    assert_eq!(world.count(Endpoint::LiveSessionToken), 0);
}

#[test]
fn another_prime_than_ibkrs_proves_nothing() {
    let world = World::oauth1();
    let short = "ed016e7a503ade7c29060cc6c374296984cced37004e12b6fd104111c4a0712b";
    let prime = format!("oauth1_dh_prime: \"{short}\"");
    let text = world.read("config.yaml").replace("oauth1_dh_param_file: dhparam.pem", &prime);
    world.write("config.yaml", text);
    let report = world.doctor(&[]);
    report.expect("dh parameters", "warn", &["a prime of 256 bits"]);
    report.expect(LIVE, "fail", &["Diffie-Hellman parameters"]);
}
