//! A session of OAuth 1.0a between invocations.

use ibkr_sim::{Endpoint, demo};

use crate::common::World;

#[test]
fn a_login_is_kept_used_and_ended() {
    let world = World::oauth1();
    let login = world.succeed(["login"]);
    assert!(!login.err.contains("seen at"), "{login}");
    assert_eq!(world.count(Endpoint::LiveSessionToken), 1);
    world.succeed(["status"]);
    world.succeed(["tickle"]);
    assert!(world.succeed(["get", "/portfolio/accounts"]).out.contains(demo::ACCOUNT));
    world.succeed(["get", "/iserver/accounts"]);
    let snapshot = "/iserver/marketdata/snapshot?conids=265598,8314&fields=31,84";
    world.succeed(["get", snapshot]);
    world.succeed(["post", "/iserver/secdef/search", "-d", r#"{"symbol":"AAPL"}"#]);
    world.succeed(["logout"]);
    assert_eq!((world.count(Endpoint::LiveSessionToken), world.count(Endpoint::Logout)), (1, 1));
    assert!(world.simulator.handle().counters().refusals.is_empty());
}

#[test]
fn what_belongs_to_the_other_login_says_what_takes_its_place() {
    let world = World::oauth1();
    world.succeed(["login"]);
    world.run(["header"]).fails(2, &["signed by itself", "ibkr-auth sign"]);
    world.run(["token"]).fails(2, &["signed by itself", "ibkr-auth sign"]);
    world.run(["validate"]).fails(3, &["OAuth 2.0"]);
    assert_eq!(world.count(Endpoint::Validate), 0);
}

#[test]
fn one_request_is_signed_for_whoever_sends_it() {
    let world = World::oauth1();
    let signed = world.succeed(["sign", "GET", "/v1/api/iserver/accounts?a=b"]).out;
    let header = signed.lines().find_map(|line| line.strip_prefix("Authorization: ")).unwrap();
    assert!(
        header.starts_with("OAuth realm=\"limited_poa\", ") && header.contains("oauth_signature=\""),
        "{signed}"
    );
    assert!(signed.contains("User-Agent: ") && !signed.contains("Content-"), "{signed}");
    world.run(["sign", "GE T", "/x"]).fails(2, &["is no method"]);
    world.run(["sign", "GET", "https://example.com/v1/api/x"]).fails(2, &[]);
    let other = World::new();
    assert!(other.succeed(["sign", "GET", "/portfolio/accounts"]).out.contains("Authorization: Bearer "));
}

#[test]
fn ten_at_once_log_in_once() {
    let world = World::oauth1();
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| world.succeed(["sign", "GET", "/iserver/accounts"]));
        }
    });
    assert_eq!(world.count(Endpoint::LiveSessionToken), 1);
}

#[test]
fn a_session_that_ibkr_has_forgotten_is_made_anew() {
    let world = World::oauth1();
    world.succeed(["login"]);
    world.simulator.handle().restart();
    world.succeed(["get", "/iserver/accounts"]);
    assert_eq!(world.count(Endpoint::LiveSessionToken), 2);
}

#[test]
fn a_key_that_does_not_open_the_secret_is_said_before_anything_is_sent() {
    let world = World::oauth1();
    world.write("encryption.pem", demo::oauth1::SIGNATURE_KEY_PEM);
    world.run(["login"]).fails(3, &["oauth1_access_token_secret", "encryption"]);
    world.write("encryption.pem", "nothing");
    world.run(["login"]).fails(3, &["oauth1_encryption_key_file"]);
    world.write("dhparam.pem", demo::oauth1::SIGNATURE_KEY_PEM);
    world.run(["login"]).fails(3, &["oauth1_dh_param_file"]);
    assert_eq!(world.requests(), 0);
}

#[test]
fn a_consumer_that_is_unknown_yet_is_told_from_a_wrong_key() {
    let world = World::oauth1();
    world.fault(
        r#"{"on":"live_session_token","calls":1,"do":{"status":401,
            "body":"{\"error\":\"id: 39687, error: invalid consumer\",\"statusCode\":401}"}}"#,
    );
    world.run(["login"]).fails(5, &["not yet"]);
    world.write("private.pem", demo::PRIVATE_KEY_PEM);
    world.run(["login", "--force"]).fails(5, &["signature key"]);
}
