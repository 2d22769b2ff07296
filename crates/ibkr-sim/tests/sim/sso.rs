//! `POST /gw/api/v1/sso-sessions`, the echo endpoints and the bearer.

use std::time::Duration;

use ibkr_jws::verify::Compact;
use ibkr_sim::{Client, Expires, Extension, Limit, Peer, User, demo};
use serde_json::{Value, json};

use crate::world::*;

fn with_claims(world: &mut World, access: &str, changes: &Value) -> ibkr_sim::Reply {
    let mut claims = world.sso_claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    world.send(&sso_request(access, &sign(&claims)))
}

#[test]
fn a_good_request_gets_a_bearer_of_ibkrs_shape() {
    let mut world = World::new();
    let access = world.access();
    let reply = with_claims(&mut world, &access, &json!({}));
    let answer = body(&reply);
    assert_eq!((answer["active"].clone(), answer["token_type"].clone()), (json!(true), json!("Bearer")));
    let bearer = Compact::parse(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(bearer.header(), &json!({ "typ": "JWT", "alg": "HS256" }));
    assert_eq!(bearer.claims()["iat"], NOON.millis());
    assert_eq!(bearer.claims()["exp"], Value::Null);
    assert_eq!(bearer.claims()["jti"].as_str().unwrap().len(), 40);
}

#[test]
fn claims_are_checked_one_by_one() {
    let mut world = World::new();
    let access = world.access();
    let now = NOON.secs();
    for (changes, expected, rule) in [
        (json!({ "ip": null }), 400, "ip"),
        (json!({ "ip": "2001:db8::1" }), 400, "ip"),
        (json!({ "ip": "198.51.100.9" }), 401, "ip"),
        (json!({ "alternativeIps": "203.0.113.7" }), 400, "alternativeIps"),
        (json!({ "credential": null }), 400, "credential"),
        (json!({ "credential": "nobody" }), 401, "credential"),
        (json!({ "iss": "Somebody" }), 401, "iss"),
        (json!({ "exp": now }), 401, "exp"),
        (json!({ "iat": now + 1 }), 401, "iat"),
        (json!({ "exp": now + 86_401 }), 401, "lifetime"),
    ] {
        let reply = with_claims(&mut world, &access, &changes);
        assert_eq!(status(&reply), expected, "{changes}");
        assert!(reply.refused_for(rule), "{changes}");
    }
    let elsewhere = json!({ "ip": "198.51.100.9", "alternativeIps": ["203.0.113.7"] });
    assert_eq!(status(&with_claims(&mut world, &access, &elsewhere)), 200);
    let missing = with_claims(&mut world, &access, &json!({ "ip": null }));
    assert_eq!(body(&missing)["invalidArguments"][0]["description"], "Missing required parameter");
}

#[test]
fn the_access_token_is_checked() {
    let mut world = World::new();
    let jws = sign(&world.sso_claims());
    for token in ["", "nonsense"] {
        let reply = world.send(&sso_request(token, &jws));
        assert_eq!((status(&reply), rules(&reply)), (401, vec!["access-token"]));
        assert_eq!(body(&reply)["detail"], "The access token request is invalid");
    }
    let weak = world.access_for("echo.read");
    let reply = world.send(&sso_request(&weak, &jws));
    assert_eq!((status(&reply), rules(&reply)), (403, vec!["scope"]));
    assert_eq!(body(&reply)["detail"], "The access token fails to have sufficient scope");

    world.wait(1);
    let access = world.access();
    world.wait(86_398);
    let again = sign(&world.sso_claims());
    assert_eq!(status(&world.send(&sso_request(&access, &again))), 200);
    world.wait(1);
    assert_eq!(rules(&world.send(&sso_request(&access, &again))), ["access-token"]);
}

#[test]
fn the_body_is_a_bare_jws_as_application_jwt() {
    let mut world = World::new();
    let access = world.access();
    let jws = sign(&world.sso_claims());
    let send = |world: &mut World, content_type: &str, body: &str| {
        let builder =
            authorized("POST", "/gw/api/v1/sso-sessions", &access).header("content-type", content_type);
        world.send(&with_body(builder, body))
    };
    let reply = send(&mut world, "application/json", "{}");
    assert_eq!((status(&reply), rules(&reply)), (400, vec!["content-type"]));
    assert_eq!(body(&reply)["detail"], "Invalid payload for security policy: SIGNED_JWT");
    assert_eq!(rules(&send(&mut world, "application/jwt", &format!("\"{jws}\""))), ["jws"]);
    assert_eq!(rules(&send(&mut world, "text/plain", &jws)), ["content-type"]);
    world.sim.config_mut().rules.text_for_jwt = true;
    assert_eq!(status(&send(&mut world, "text/plain", &jws)), 200);
}

#[test]
fn a_signed_request_works_once_until_it_expires() {
    let mut world = World::new();
    let access = world.access();
    let elsewhere = json!({ "ip": "198.51.100.9" });
    for _ in 0..2 {
        assert_eq!(rules(&with_claims(&mut world, &access, &elsewhere)), ["ip"], "it had no effect");
    }
    let jws = sign(&world.sso_claims());
    assert_eq!(status(&world.send(&sso_request(&access, &jws))), 200);
    let again = world.send(&sso_request(&access, &jws));
    assert_eq!((status(&again), rules(&again)), (401, vec!["replay"]));
    assert_eq!(body(&again)["detail"], "The access token request is invalid");
    world.wait(86_398);
    let late = world.send(&sso_request(&access, &jws));
    assert_eq!(rules(&late), ["replay"], "as long as it is not refused for its age");
    world.wait(2);
    let access = world.access();
    assert!(world.send(&sso_request(&access, &jws)).refused_for("exp"));
    assert_eq!(world.sim.counters().bearers, 1);
}

#[test]
fn replays_can_be_let_through() {
    let mut world = World::with(|config| config.rules.replay_refused = false);
    let (form, jws) = (sign(&world.assertion()), sign(&world.sso_claims()));
    for _ in 0..2 {
        let reply = world.send(&token_request(&token_form(&form, "sso-sessions.write")));
        let access = body(&reply)["access_token"].as_str().unwrap().to_owned();
        assert_eq!(status(&world.send(&sso_request(&access, &jws))), 200);
    }
}

#[test]
fn a_client_logs_in_its_own_usernames_only() {
    let mut world = World::with(|config| {
        config.users.push(User::live("stranger"));
        let another = Client::new("Another").with_credential("stranger");
        config.clients.push(another.with_key(demo::KEY_ID, demo::PUBLIC_KEY_PEM.as_bytes()).unwrap());
    });
    let access = world.access();
    let mixed = with_claims(&mut world, &access, &json!({ "iss": "Another" }));
    assert_eq!((status(&mixed), rules(&mixed)), (401, vec!["iss"]), "signed by another client");
    let reply = with_claims(&mut world, &access, &json!({ "credential": "stranger" }));
    assert_eq!((status(&reply), rules(&reply)), (403, vec!["credential"]));
}

#[test]
fn the_address_is_checked_at_login_and_later() {
    let mut world = World::new();
    let bearer = world.bearer();
    world.peer = Peer { ip: "198.51.100.9".parse().unwrap() };
    let reply = world.send(&tickle(&bearer));
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["ip"]));
    world.sim.config_mut().rules.ip_checked_always = false;
    assert_eq!(status(&world.send(&tickle(&bearer))), 200);
    world.sim.config_mut().rules.ip_checked_at_login = false;
    world.bearer();
}

#[test]
fn the_two_tokens_are_not_mixed_up() {
    let mut world = World::new();
    let access = world.access();
    let reply = world.send(&tickle(&access));
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["bearer"]));
    assert_eq!(body(&reply)["detail"], "Access token expired");
    world.wait(1);
    let bearer = world.bearer();
    assert_eq!(rules(&world.send(&sso_request(&bearer, "x.y.z"))), ["access-token"]);
    assert_eq!(
        rules(&world.send(&builder("GET", "/v1/api/tickle").body(Vec::new()).unwrap())),
        ["authorization"]
    );
}

#[test]
fn a_bearer_lives_an_hour_and_validate_extends_it() {
    let mut world = World::new();
    let bearer = world.bearer();
    world.wait(3000);
    assert_eq!(body(&world.send(&tickle(&bearer)))["ssoExpires"], 600_000);
    let validated = body(&world.send(&get("/v1/api/sso/validate", &bearer)));
    assert_eq!(validated["EXPIRES"], 3_600_000);
    world.wait(3599);
    assert_eq!(status(&world.send(&tickle(&bearer))), 200);
    world.wait(1);
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["bearer"]);
}

#[test]
fn a_bearer_may_slide_instead() {
    let mut world = World::with(|config| {
        config.rules.bearer_life = Duration::from_secs(600);
        config.rules.bearer_extended_by = Extension::AnyRequest;
    });
    let bearer = world.bearer();
    for _ in 0..5 {
        world.wait(599);
        assert_eq!(body(&world.send(&tickle(&bearer)))["ssoExpires"], 600_000);
    }
    world.wait(600);
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["bearer"]);
}

#[test]
fn a_bearer_may_end_whatever_one_does() {
    let mut world = World::with(|config| {
        config.rules.bearer_life = Duration::from_secs(90);
        config.rules.bearer_extended_by = Extension::Nothing;
    });
    let bearer = world.bearer();
    world.wait(60);
    assert_eq!(body(&world.send(&get("/v1/api/sso/validate", &bearer)))["EXPIRES"], 30_000);
    assert_eq!(body(&world.send(&tickle(&bearer)))["ssoExpires"], 30_000);
    world.wait(30);
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["bearer"]);
}

#[test]
fn each_call_makes_a_session_and_ends_none() {
    let mut world = World::new();
    let (first, second) = (world.bearer(), world.bearer());
    assert_ne!(first, second);
    assert_eq!(status(&world.send(&tickle(&first))), 200);
    world.wait(1);
    assert_eq!(status(&world.send(&tickle(&second))), 200);
    assert_eq!(world.sim.counters().bearers, 2);
}

#[test]
fn validate_has_every_field_that_ibauth_demands() {
    let mut world = World::with(|config| config.rules.expires = Expires::EpochMillis);
    let bearer = world.bearer();
    let answer = body(&world.send(&get("/v1/api/sso/validate", &bearer)));
    for name in ["IS_PENDING_APPLICANT", "SF_ENABLED", "IS_FREE_TRIAL", "RESULT", "IS_MASTER"] {
        assert!(answer[name].is_boolean(), "{name}");
    }
    for name in [
        "HARDWARE_INFO",
        "UNIQUE_LOGIN_ID",
        "SF_CONFIG",
        "USER_NAME",
        "LANDING_APP",
        "COUNTERPARTY",
        "CREDENTIAL",
        "IP",
        "TOKEN",
        "region",
        "PAPER_USER_NAME",
    ] {
        assert!(answer[name].is_string(), "{name}");
    }
    for name in ["AUTH_TIME", "CREDENTIAL_TYPE", "LOGIN_TYPE", "USER_ID", "EXPIRES", "took"] {
        assert!(answer[name].is_i64(), "{name}");
    }
    for name in ["wlms", "realtime", "bond", "optionChains", "calendar", "newMf"] {
        assert!(answer["features"][name].is_boolean(), "{name}");
    }
    assert_eq!(answer["LOGIN_TYPE"], 2);
    assert_eq!(answer["EXPIRES"], world.now.millis() + 3_600_000);

    let mut live = World::with(|config| config.users = vec![User::live(demo::CREDENTIAL)]);
    let bearer = live.bearer();
    assert_eq!(body(&live.send(&get("/v1/api/sso/validate", &bearer)))["LOGIN_TYPE"], 1);
}

#[test]
fn echo_answers_under_its_scopes() {
    let mut world = World::new();
    let access = world.access_for("echo.read");
    let reply = world.send(&get("/gw/api/v1/echo/https?a=b", &access));
    assert_eq!(
        body(&reply),
        json!({ "requestMethod": "GET", "securityPolicy": "HTTPS", "queryParameters": { "a": "b" } })
    );
    let jws = sign(&world.sso_claims());
    let signed = |token: &str| {
        let builder =
            authorized("POST", "/gw/api/v1/echo/signed-jwt", token).header("content-type", "application/jwt");
        with_body(builder, jws.clone())
    };
    assert_eq!(rules(&world.send(&signed(&access))), ["scope"]);
    world.wait(1);
    let writer = world.access_for("echo.write");
    assert_eq!(body(&world.send(&signed(&writer)))["securityPolicy"], "SIGNED_JWT");
    assert_eq!(rules(&world.send(&signed(&writer))), ["replay"]);
}

#[test]
fn logins_can_be_limited() {
    let mut world = World::with(|config| config.rules.login_limit = Some(Limit::new(1, 60)));
    let access = world.access();
    assert_eq!(status(&with_claims(&mut world, &access, &json!({}))), 200);
    world.wait(1);
    let reply = with_claims(&mut world, &access, &json!({}));
    assert_eq!((status(&reply), rules(&reply)), (429, vec!["login-limit"]));
}

#[test]
fn what_has_expired_is_forgotten() {
    let mut world = World::new();
    for _ in 0..20 {
        world.bearer();
    }
    assert_eq!(world.sim.remembered(), 80);
    world.wait(86_400);
    world.send(&tickle("x"));
    assert_eq!(world.sim.remembered(), 0);
}
