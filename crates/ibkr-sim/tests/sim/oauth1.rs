//! OAuth 1.0a: live session tokens, and what they sign.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_sim::{Endpoint, Fault, Limit, SignedQuery, User, demo};
use serde_json::{Value, json};

use crate::{signer::*, world::*};

#[test]
fn a_live_session_token_signs_requests() {
    let mut world = World::new();
    let mut signer = Signer::demo();
    let answer = signer.mint(&mut world);
    assert_eq!(answer["live_session_token_expiration"], NOON.millis() + 86_400_000);
    assert_eq!(answer["live_session_token_signature"].as_str().unwrap().len(), 40);
    assert!(world.sim.ready(&signer.live_session_token()).is_none());

    let status = body(&signer.init(&mut world, true));
    assert_eq!((&status["authenticated"], &status["established"]), (&json!(true), &json!(false)));
    world.wait(2);
    let reply = signer.tickle(&mut world);
    let answer = body(&reply);
    assert_eq!(answer["iserver"]["authStatus"]["established"], true);
    let cookie = reply.response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with(&format!("api={};", answer["session"].as_str().unwrap())));
    for absent in ["ssoExpires", "collission", "userId"] {
        assert_eq!(answer[absent], Value::Null, "recorded answers have no {absent}");
    }
    let ready = world.sim.ready(&signer.live_session_token()).unwrap();
    assert_eq!(ready.end, world.now + Duration::from_secs(300), "then it idles");
    let request = signer.get(&world, "/v1/api/iserver/accounts");
    assert_eq!(body(&world.send(&request))["selectedAccount"], demo::ACCOUNT);
    let counters = world.sim.counters();
    assert_eq!((counters.live_session_tokens, counters.bearers, counters.inits), (1, 0, 1));
    assert_eq!((counters.of(Endpoint::LiveSessionToken), counters.of(Endpoint::Tickle)), (1, 1));
}

/// It is checked each time that both sides have the same token.
#[test]
fn answers_are_of_any_length_as_ibkrs_are() {
    let mut world = World::new();
    let mut signer = Signer::demo();
    let lengths = [0; 40].map(|_| signer.mint(&mut world)["diffie_hellman_response"].as_str().unwrap().len());
    assert!(lengths.contains(&512) && lengths.iter().any(|length| length % 2 == 1), "{lengths:?}");
}

#[test]
fn headers_are_as_different_as_clients() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    signer.separator = ",";
    assert_eq!(status(&signer.tickle(&mut world)), 200);
    world.wait(1);
    let request =
        signer.changed(&world, "GET", "/v1/api/tickle", |_| {}, |parameters| parameters.rotate_left(1));
    assert_eq!(status(&world.send(&request)), 200, "realm at the end");
    world.wait(1);
    let version = |parameters: &mut Parameters| set(parameters, "oauth_version", "1.0");
    let request = signer.changed(&world, "GET", "/v1/api/tickle", version, |_| {});
    assert_eq!(status(&world.send(&request)), 200, "libraries for RFC 5849 send a version");
}

#[test]
fn a_query_is_signed_in_each_way_that_works() {
    const WAYS: [(Query, SignedQuery); 3] = [
        (Query::Merged, SignedQuery::Merged),
        (Query::LeftOut, SignedQuery::LeftOut),
        (Query::InUrl, SignedQuery::InUrl),
    ];
    let mut world = World::with(|config| config.rules.pacing = None);
    let mut signer = Signer::minted(&mut world);
    signer.init(&mut world, true);
    for (query, way) in WAYS {
        signer.query = query;
        for encoding in [("", "%20"), ("/", "%20"), ("", "+")] {
            signer.encoding = encoding;
            world.sim.config_mut().rules.oauth1_query = SignedQuery::Any;
            let path = "/v1/api/iserver/secdef/search?symbol=BRK%20B%2Fx&name=a%7Cb%3Ac%2Bd";
            let request = signer.get(&world, path);
            assert_eq!(rules(&world.send(&request)), [""; 0], "{query:?} {encoding:?}");
        }
        signer.encoding = ("", "%20");
        for (_, rule) in WAYS {
            world.sim.config_mut().rules.oauth1_query = rule;
            let request = signer.get(&world, "/v1/api/iserver/secdef/search?symbol=AAPL");
            let expected = if rule == way { 200 } else { 401 };
            assert_eq!(status(&world.send(&request)), expected, "{query:?} {rule:?}");
            assert_eq!(status(&signer.tickle(&mut world)), 200, "there is no query");
        }
    }
}

#[test]
fn it_ends_after_its_time_and_nothing_extends_it() {
    let mut world = World::with(|config| {
        config.rules.live_session_token_life = Duration::from_secs(600);
        config.rules.bearer_extended_by = ibkr_sim::Extension::AnyRequest;
    });
    let mut signer = Signer::minted(&mut world);
    world.wait(599);
    assert_eq!(status(&signer.tickle(&mut world)), 200);
    world.wait(1);
    let reply = signer.tickle(&mut world);
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["live-session-token"]));
    assert_eq!(body(&reply)["detail"], "Access token expired");
    world.wait(120);
    assert_eq!(rules(&signer.tickle(&mut world)), ["live-session-token"], "and is forgotten");
    signer.mint(&mut world);
    assert_eq!(status(&signer.tickle(&mut world)), 200);
}

#[test]
fn midnight_ends_it() {
    let mut world = World::with(|config| config.calendar.midnight_ends_sessions = true);
    let mut signer = Signer::minted(&mut world);
    // Noon in New York.
    world.wait(12 * 3600 - 1);
    assert_eq!(status(&signer.tickle(&mut world)), 200);
    world.wait(1);
    let reply = signer.tickle(&mut world);
    assert_eq!(rules(&reply), ["live-session-token"]);
    assert!(reply.refusals[0].why.contains("midnight"));
}

#[test]
fn a_new_one_replaces_it_unless_the_rule_says_otherwise() {
    for replaced in [true, false] {
        let mut world = World::with(|config| config.rules.live_session_token_replaced = replaced);
        let mut first = Signer::minted(&mut world);
        // With nonces of its own.
        let mut second = Signer { nonce: 100, ..first.clone() };
        second.mint(&mut world);
        assert_eq!(status(&second.tickle(&mut world)), 200);
        world.wait(1);
        let expected = if replaced { vec!["signature"] } else { vec![] };
        assert_eq!(rules(&first.tickle(&mut world)), expected);
    }
}

#[test]
fn one_username_has_one_brokerage_session_whatever_the_login() {
    let mut world = World::new();
    let bearer = world.brokerage();
    let mut signer = Signer::minted(&mut world);
    let lost = body(&signer.init(&mut world, false));
    assert_eq!((&lost["authenticated"], &lost["competing"]), (&json!(false), &json!(true)));
    assert_eq!(world.status(&bearer)["authenticated"], true);

    assert_eq!(body(&signer.init(&mut world, true))["authenticated"], true);
    assert_eq!(world.status(&bearer)["competing"], true);
    world.wait(1);
    assert_eq!(body(&world.send(&init(&bearer, true)))["authenticated"], true);
    let status = body(&signer.tickle(&mut world));
    assert_eq!(status["iserver"]["authStatus"]["competing"], true);

    world.wait(1);
    signer.init(&mut world, true);
    world.sim.kick(Some(demo::CREDENTIAL));
    world.wait(1);
    assert_eq!(body(&signer.tickle(&mut world))["iserver"]["authStatus"]["competing"], true);
    world.wait(1);
    signer.init(&mut world, true);
    world.wait(300);
    assert_eq!(body(&signer.tickle(&mut world))["iserver"]["authStatus"]["connected"], true, "it has idled");
}

#[test]
fn it_is_not_for_one_address_alone() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    signer.init(&mut world, true);
    world.set_ip("198.51.100.9");
    assert_eq!(status(&signer.tickle(&mut world)), 200);
    assert!(world.sim.ready(&signer.live_session_token()).is_some());
}

#[test]
fn logout_and_restart_end_it() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    let request = signer.post(&world, "/v1/api/logout");
    assert_eq!(body(&world.send(&request)), json!({ "status": true }));
    assert_eq!(rules(&signer.tickle(&mut world)), ["live-session-token"]);
    signer.mint(&mut world);
    world.sim.restart();
    assert_eq!(rules(&signer.tickle(&mut world)), ["live-session-token"]);
    signer.mint(&mut world);
    assert_eq!(status(&signer.tickle(&mut world)), 200, "the access token is as good as ever");
}

#[test]
fn sso_validate_is_not_for_it_nor_is_it_a_bearer() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    let request = signer.get(&world, "/v1/api/sso/validate");
    let reply = world.send(&request);
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["authorization"]));
    let reply = world.send(&tickle(&signer.live_session_token()));
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["bearer"]));
    assert!(reply.refusals[0].why.contains("it signs requests"));
    let request = signer.get(&world, "/gw/api/v1/echo/https");
    assert_eq!(rules(&world.send(&request)), ["authorization"], "the gateway takes OAuth 2.0 alone");
}

#[test]
fn without_signatures_it_is_cheap_and_still_checked() {
    let mut world = World::with(|config| config.rules.signatures = false);
    let mut signer = Signer::demo();
    // The signature of another key.
    signer.signature_pem = demo::testcons::SIGNATURE_KEY_PEM;
    signer.mint(&mut world);
    assert_eq!(status(&signer.tickle(&mut world)), 200);
    signer.key[0] ^= 1;
    assert_eq!(rules(&signer.tickle(&mut world)), ["signature"]);
}

#[test]
fn faults_and_limits_strike_it() {
    let mut world = World::with(|config| config.rules.login_limit = Some(Limit::new(2, 3600)));
    let forged =
        r#"{"on":"live_session_token","calls":1,"do":{"patch":{"live_session_token_signature":"00"}}}"#;
    world.sim.add_fault(forged.parse::<Fault>().unwrap());
    let mut signer = Signer::demo();
    let (request, _) = signer.challenge(&world);
    let answer = body(&world.send(&request));
    assert_eq!(answer["live_session_token_signature"], "00");
    signer.mint(&mut world);
    let (request, _) = signer.challenge(&world);
    let reply = world.send(&request);
    assert_eq!((status(&reply), rules(&reply)), (429, vec!["login-limit"]));
    assert_eq!(world.sim.counters().live_session_tokens, 2);
}

#[test]
fn consumers_of_ones_own_are_registered_by_their_files() {
    let mut world = World::with(|config| {
        let [signature, encryption, dh] = [
            demo::testcons::SIGNATURE_PUBLIC_KEY_PEM,
            demo::testcons::ENCRYPTION_PUBLIC_KEY_PEM,
            demo::oauth1::DH_PARAM_PEM,
        ];
        let own =
            ibkr_sim::Consumer::new("MYOWNKEYS", signature.as_bytes(), encryption.as_bytes(), dh.as_bytes());
        config.consumers = vec![own.unwrap().with_access_token("aa", b"secret of mine", "alice")];
        config.users = vec![User::live("alice")];
    });
    let secret = world.sim.config().consumers[0].encrypted_secret("aa").unwrap();
    assert_eq!(STANDARD.decode(&secret).unwrap().len(), 256);
    let mut signer = Signer {
        consumer: "MYOWNKEYS",
        realm: "limited_poa",
        token: "aa".to_owned(),
        secret,
        ..Signer::testcons()
    };
    assert_eq!(signer.decrypted(), b"secret of mine");
    signer.mint(&mut world);
    let request = signer.get(&world, "/v1/api/one/user");
    assert_eq!(body(&world.send(&request))["username"], "alice");
}

#[test]
fn nothing_that_is_kept_grows_without_end() {
    let mut world = World::with(|config| config.rules.signatures = false);
    let mut signer = Signer::minted(&mut world);
    for _ in 0..200 {
        world.wait(60);
        assert_eq!(status(&signer.tickle(&mut world)), 200);
    }
    assert!(world.sim.remembered() < 20, "{}", world.sim.remembered());
}
