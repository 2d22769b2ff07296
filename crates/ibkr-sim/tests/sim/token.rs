//! `POST /oauth2/api/v1/token`.

use ibkr_jws::verify::Compact;
use ibkr_sim::{Client, Limit, demo};
use serde_json::{Value, json};

use crate::world::*;

const BAD_REQUEST: &str = r#"{"status":400,"title":"Bad Request","type":"/simple"}"#;

/// Sends an assertion with these changes and returns the rules that refused it.
fn refused(world: &mut World, changes: &Value) -> Vec<&'static str> {
    let mut claims = world.assertion();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    refused_jws(world, &sign(&claims))
}

fn refused_jws(world: &mut World, jws: &str) -> Vec<&'static str> {
    let reply = world.send(&token_request(&token_form(jws, "sso-sessions.write")));
    if !reply.refusals.is_empty() {
        assert_eq!((status(&reply), text(&reply)), (400, BAD_REQUEST));
        assert_eq!(reply.response.headers()["content-type"], "application/problem+json");
    }
    rules(&reply)
}

#[test]
fn a_good_request_gets_a_token() {
    let mut world = World::new();
    let reply =
        world.send(&token_request(&token_form(&sign(&world.assertion()), "sso-sessions.write+echo.read")));
    let answer = body(&reply);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 86_399);
    assert_eq!(answer["scope"], "sso-sessions.write echo.read");
    let token = Compact::parse(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(token.header()["alg"], "RS256");
    assert_eq!(token.claims()["sub"], demo::CLIENT_ID);
    assert_eq!(token.claims()["exp"].as_i64().unwrap() - token.claims()["iat"].as_i64().unwrap(), 86_399);
    assert_eq!(reply.response.headers()["date"], "Wed, 18 Nov 2026 17:00:00 GMT");
}

#[test]
fn claims_are_checked_one_by_one() {
    let mut world = World::new();
    let now = NOON.secs();
    for (changes, rule) in [
        (json!({ "sub": "Somebody" }), "sub"),
        (json!({ "sub": null }), "sub"),
        (json!({ "aud": "https://api.ibkr.com/oauth2/api/v1/token" }), "aud"),
        (json!({ "aud": ["/token"] }), "aud"),
        (json!({ "exp": now }), "exp"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": 1_795_021_220.5 }), "exp"),
        (json!({ "exp": (now + 20).to_string() }), "exp"),
        (json!({ "iat": now + 1 }), "iat"),
        (json!({ "iat": null }), "iat"),
        (json!({ "exp": now + 591 }), "lifetime"),
    ] {
        assert_eq!(refused(&mut world, &changes), [rule], "{changes}");
    }
    let accepted = json!({ "iat": now, "exp": now + 1 });
    assert_eq!(refused(&mut world, &accepted), [""; 0]);
    assert_eq!(refused(&mut world, &json!({ "iss": "Somebody", "sub": "Somebody" })), ["iss"]);
    assert_eq!(world.sim.counters().tokens, 1);
}

#[test]
fn the_clock_is_the_servers_own() {
    let mut world = World::new();
    let jws = sign(&world.assertion());
    world.sim.jump_clock(20);
    assert_eq!(refused_jws(&mut world, &jws), ["exp"]);
    world.sim.jump_clock(-31);
    assert_eq!(refused_jws(&mut world, &jws), ["iat"]);
    world.sim.config_mut().rules.clock_tolerance = std::time::Duration::from_secs(1);
    assert_eq!(refused_jws(&mut world, &jws), [""; 0]);
}

#[test]
fn header_and_signature_are_checked() {
    let mut world = World::new();
    let jws = sign(&world.assertion());
    let [header, claims, signature] = jws.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let with_header = |text: &str| format!("{}.{claims}.{signature}", base64(text));
    assert_eq!(refused_jws(&mut world, "no.jws"), ["jws"]);
    assert_eq!(refused_jws(&mut world, &format!("{header}.{claims}.")), ["signature"]);
    let none = with_header(r#"{"alg":"none","typ":"JWT","kid":"main"}"#);
    assert_eq!(refused_jws(&mut world, &none), ["alg"]);
    let hs256 = with_header(r#"{"alg":"HS256","typ":"JWT","kid":"main"}"#);
    assert_eq!(refused_jws(&mut world, &hs256), ["alg"]);
    let untyped = with_header(r#"{"alg":"RS256","kid":"main"}"#);
    assert_eq!(refused_jws(&mut world, &untyped), ["typ", "signature"]);
    let other_kid = sign_as("other", &world.assertion());
    assert_eq!(refused_jws(&mut world, &other_kid), ["kid"]);
    assert_eq!(refused_jws(&mut world, &jws), [""; 0]);
}

/// base64url, for headers that no signer would make.
fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let group =
            chunk.iter().fold(0, |group: u32, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            out.push(char::from(DIGITS[(group >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    out
}

#[test]
fn a_key_ring_holds_several_keys() {
    let mut world = World::with(|config| {
        let client = config.clients.remove(0);
        config.clients.push(client.with_key("next", demo::PUBLIC_KEY_PEM.as_bytes()).unwrap());
        config.clients.push(Client::new("Another"));
    });
    let next = sign_as("next", &world.assertion());
    assert_eq!(refused_jws(&mut world, &next), [""; 0]);
    let keyless = json!({ "iss": "Another", "sub": "Another" });
    assert_eq!(refused(&mut world, &keyless), ["kid"]);
}

#[test]
fn an_assertion_works_once() {
    let mut world = World::new();
    let jws = sign(&world.assertion());
    assert_eq!(refused_jws(&mut world, &jws), [""; 0]);
    assert_eq!(refused_jws(&mut world, &jws), ["replay"]);
    world.wait(1);
    let another = sign(&world.assertion());
    assert_eq!(refused_jws(&mut world, &another), [""; 0]);
}

#[test]
fn the_form_is_checked() {
    let mut world = World::new();
    let good = token_form(&sign(&world.assertion()), "sso-sessions.write");
    for (from, to, expected) in [
        ("grant_type=client_credentials", "grant_type=password", &["grant_type"][..]),
        ("grant_type=", "grantType=", &["form", "grant_type"]),
        ("jwt-bearer", "saml2-bearer", &["client_assertion_type"]),
        ("client_assertion=", "clientAssertion=", &["form"]),
        ("scope=", "grant_type=client_credentials&scope=", &["form"]),
        ("scope=", "client_secret=x&scope=", &["form"]),
        ("sso-sessions.write", "accounts.write", &["scope"]),
    ] {
        let reply = world.send(&token_request(&good.replacen(from, to, 1)));
        assert_eq!((status(&reply), rules(&reply)), (400, expected.to_vec()), "{from} -> {to}");
    }
    let json =
        with_body(builder("POST", "/oauth2/api/v1/token").header("content-type", "application/json"), "{}");
    assert!(world.send(&json).refused_for("content-type"));
    assert_eq!(rules(&world.send(&token_request(&good))), [""; 0]);
}

#[test]
fn options() {
    let mut world = World::with(|config| {
        config.rules.any_audience = true;
        config.rules.rfc6749_errors = true;
        config.rules.login_limit = Some(Limit::new(1, 60));
    });
    let anywhere = json!({ "aud": "https://api.ibkr.com/oauth2/api/v1/token" });
    assert_eq!(refused(&mut world, &anywhere), [""; 0]);
    let reply = world.send(&token_request(&token_form("x", "echo.read")));
    assert_eq!((status(&reply), text(&reply)), (401, r#"{"error":"invalid_client"}"#));
    world.wait(59);
    let reply = world.send(&token_request(&token_form(&sign(&world.assertion()), "echo.read")));
    assert_eq!((status(&reply), rules(&reply)), (429, vec!["login-limit"]));
    world.wait(1);
    world.access();
}

#[test]
fn without_signatures_everything_else_is_still_checked() {
    let mut world = World::with(|config| config.rules.signatures = false);
    let jws = sign(&world.assertion());
    let unsigned = format!("{}.AAAA", jws.rsplit_once('.').unwrap().0);
    let reply = world.send(&token_request(&token_form(&unsigned, "sso-sessions.write")));
    assert_eq!(rules(&reply), [""; 0]);
    assert_eq!(refused_jws(&mut world, &unsigned), ["replay"]);
    let mut late = world.assertion();
    late["exp"] = (world.now.secs() - 1).into();
    assert_eq!(refused_jws(&mut world, &sign(&late)), ["exp"]);
}
