//! The brokerage tier: every row of IBKR's state table.

use std::time::Duration;

use ibkr_sim::{CompetingShown, User};
use serde_json::{Value, json};

use crate::world::*;

/// authenticated, established, competing, connected
fn flags(status: &Value) -> [Option<bool>; 4] {
    ["authenticated", "established", "competing", "connected"].map(|name| status[name].as_bool())
}

const NEVER: [Option<bool>; 4] = [Some(false), None, Some(false), Some(false)];
const READY: [Option<bool>; 4] = [Some(true), Some(true), Some(false), Some(true)];
const IDLE: [Option<bool>; 4] = [Some(false), Some(false), Some(false), Some(true)];
const COMPETING: [Option<bool>; 4] = [Some(false), Some(false), Some(true), Some(true)];

#[test]
fn init_is_established_after_a_while() {
    let mut world = World::new();
    let bearer = world.bearer();
    assert_eq!(flags(&world.status(&bearer)), NEVER);
    let running = body(&world.send(&init(&bearer, true)));
    assert_eq!(flags(&running), [Some(true), Some(false), Some(false), Some(true)]);
    assert_eq!(body(&world.send(&get("/v1/api/iserver/accounts", &bearer)))["accounts"], json!([]));
    world.wait(1);
    assert_eq!(flags(&world.status(&bearer)), READY);
    let accounts = body(&world.send(&get("/v1/api/iserver/accounts", &bearer)));
    assert_eq!(
        (accounts["accounts"].clone(), accounts["isPaper"].clone()),
        (json!(["DU1234567"]), json!(true))
    );
    assert_eq!(flags(&body(&world.send(&init(&bearer, true)))), READY, "a second init changes nothing");
    assert_eq!(world.sim.counters().inits, 1);
}

#[test]
fn the_mac_is_well_formed() {
    let mut world = World::new();
    let bearer = world.bearer();
    let status = world.status(&bearer);
    let parts: Vec<_> = status["MAC"].as_str().unwrap().split(':').collect();
    assert_eq!(parts.len(), 6);
    assert!(parts.iter().all(|part| part.len() == 2 && u8::from_str_radix(part, 16).is_ok()));
}

#[test]
fn init_takes_json_a_form_or_the_query() {
    let path = "/v1/api/iserver/auth/ssodh/init";
    let mut world = World::new();
    let bearer = world.bearer();
    let typed = |kind: &str, body: &str| {
        with_body(authorized("POST", path, &bearer).header("content-type", kind), body)
    };
    for (request, expected, rule) in [
        (post(path, &bearer), 400, "init"),
        (typed("application/json", "[]"), 400, "init"),
        (typed("application/json", r#"{"publish":true}"#), 400, "init"),
        (typed("application/json", r#"{"publish":"true","compete":"true"}"#), 400, "init"),
        (typed("text/plain", r#"{"publish":true,"compete":true}"#), 400, "init"),
        (typed("application/json", r#"{"publish":false,"compete":true}"#), 500, "publish"),
    ] {
        let reply = world.send(&request);
        assert_eq!((status(&reply), rules(&reply)), (expected, vec![rule]));
    }
    assert_eq!(world.sim.counters().inits, 0);
    for request in [
        typed("application/x-www-form-urlencoded", "compete=false&publish=true"),
        post(&format!("{path}?publish=true&compete=true"), &bearer),
    ] {
        assert_eq!(status(&world.send(&request)), 200);
    }
}

#[test]
fn tickle_takes_both_methods_and_shows_the_cookie() {
    let mut world = World::new();
    let bearer = world.brokerage();
    let reply = world.send(&tickle(&bearer));
    let answer = body(&reply);
    let session = answer["session"].as_str().unwrap();
    assert!(session.len() == 32 && session.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let cookies: Vec<_> =
        reply.response.headers().get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with(&format!("api={session}; Path=/; Secure"))));
    assert!(cookies.iter().any(|cookie| cookie.starts_with("x-sess-uuid=0.")));
    assert_eq!(answer["hmds"], json!({ "error": "no bridge" }));
    assert_eq!(answer["collission"], false);
    assert_eq!(flags(&answer["iserver"]["authStatus"]), READY);
    world.wait(1);
    assert_eq!(status(&world.send(&post("/v1/api/tickle", &bearer))), 200);
}

#[test]
fn five_idle_minutes_end_the_brokerage_session_alone() {
    let mut world = World::new();
    let bearer = world.brokerage();
    world.status(&bearer);
    world.wait(299);
    assert_eq!(flags(&world.status(&bearer)), READY);
    world.wait(300);
    assert_eq!(flags(&world.status(&bearer)), IDLE);
    let reply = world.send(&get("/v1/api/iserver/accounts", &bearer));
    assert_eq!((status(&reply), text(&reply)), (401, r#"{"error":"not authenticated","statusCode":401}"#));
    world.send(&init(&bearer, true));
    world.wait(1);
    assert_eq!(flags(&world.status(&bearer)), READY);
}

#[test]
fn one_username_has_one_brokerage_session() {
    let mut world = World::new();
    let first = world.brokerage();
    let second = world.bearer();
    assert_eq!(flags(&body(&world.send(&init(&second, false)))), COMPETING);
    assert_eq!(flags(&world.status(&first)), READY, "it was not taken");
    world.send(&init(&second, true));
    assert_eq!(flags(&world.status(&first)), COMPETING);
    world.wait(1);
    assert_eq!(flags(&world.status(&second)), READY);
}

#[test]
fn an_idle_rival_does_not_compete() {
    let mut world = World::with(|config| config.rules.brokerage_idle = Duration::from_secs(10));
    world.brokerage();
    world.wait(10);
    let second = world.bearer();
    assert_eq!(body(&world.send(&init(&second, false)))["authenticated"], true);
}

#[test]
fn a_rival_whose_bearer_expired_does_not_compete() {
    let mut world = World::with(|config| config.rules.bearer_life = Duration::from_secs(70));
    world.brokerage();
    world.now = NOON + Duration::from_secs(60);
    let second = world.bearer();
    world.wait(11);
    assert_eq!(body(&world.send(&init(&second, false)))["authenticated"], true);
}

#[test]
fn usernames_do_not_compete_with_each_other() {
    let mut world = World::with(|config| {
        config.users.push(User::live("second"));
        config.clients[0].credentials.push("second".to_owned());
    });
    let first = world.brokerage();
    let access = world.access();
    let mut claims = world.sso_claims();
    claims["credential"] = "second".into();
    let answer = body(&world.send(&sso_request(&access, &sign(&claims))));
    let second = answer["access_token"].as_str().unwrap();
    assert_eq!(body(&world.send(&init(second, true)))["authenticated"], true);
    assert_eq!(flags(&world.status(&first)), READY);
}

#[test]
fn a_login_elsewhere_takes_the_session() {
    let mut world = World::new();
    let bearer = world.brokerage();
    world.sim.kick(None);
    assert_eq!(flags(&world.status(&bearer)), COMPETING);
    assert_eq!(flags(&body(&world.send(&init(&bearer, false)))), COMPETING);
    world.sim.release();
    assert_eq!(body(&world.send(&init(&bearer, false)))["authenticated"], true);
    world.sim.kick(Some("somebody else"));
    world.wait(1);
    assert_eq!(flags(&world.status(&bearer)), READY);
    world.sim.kick(None);
    world.send(&init(&bearer, true));
    world.wait(300);
    assert_eq!(body(&world.send(&init(&bearer, false)))["authenticated"], true, "it was taken back");
}

#[test]
fn logout_ends_one_tier_or_both() {
    let mut world = World::new();
    let bearer = world.brokerage();
    let reply = world.send(&post("/v1/api/logout", &bearer));
    assert_eq!(text(&reply), r#"{"status":true}"#);
    assert_eq!(status(&world.send(&post("/v1/api/logout", &bearer))), 401);

    let mut world = World::with(|config| config.rules.logout_ends_sso = false);
    let bearer = world.brokerage();
    world.send(&post("/v1/api/logout", &bearer));
    assert_eq!(flags(&world.status(&bearer)), NEVER);
    let reply = world.send(&post("/v1/api/iserver/reauthenticate", &bearer));
    assert_eq!(text(&reply), r#"{"message":"triggered"}"#);
    world.wait(1);
    assert_eq!(flags(&world.status(&bearer)), READY);
}

#[test]
fn a_restart_forgets_everything_but_the_counters() {
    let mut world = World::new();
    let bearer = world.brokerage();
    world.sim.restart();
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["bearer"]);
    assert_eq!(world.sim.counters().inits, 1);
}

const FAIL: &str = "Force compete capability must be used together with compete flag";

#[test]
fn a_loss_to_another_login_need_not_be_shown() {
    for (shown, flags_shown, fail, passed) in [
        (CompetingShown::Flag, COMPETING, "", Value::Null),
        (CompetingShown::FailText, IDLE, FAIL, false.into()),
        (CompetingShown::Never, IDLE, "", false.into()),
    ] {
        let mut world = World::with(|config| config.rules.competing_shown = shown);
        let bearer = world.brokerage();
        world.sim.kick(None);
        let lost = world.status(&bearer);
        assert_eq!((flags(&lost), &lost["fail"]), (flags_shown, &fail.into()), "{shown:?}");
        let told = body(&world.send(&tickle(&bearer)));
        assert_eq!(flags(&told["iserver"]["authStatus"]), flags_shown, "{shown:?}");
        let left = body(&world.send(&init(&bearer, false)));
        assert_eq!((flags(&left), &left["passed"]), (flags_shown, &passed), "{shown:?}");
        assert_eq!(body(&world.send(&init(&bearer, true)))["authenticated"], true);
    }
}

#[test]
fn compete_can_be_demanded_though_nobody_is_there() {
    let mut world = World::with(|config| config.rules.compete_demanded = true);
    let bearer = world.bearer();
    let refused = body(&world.send(&init(&bearer, false)));
    assert_eq!((flags(&refused), &refused["passed"], &refused["fail"]), (IDLE, &false.into(), &FAIL.into()));
    assert_eq!(world.status(&bearer)["fail"], FAIL);
    let reply = world.send(&get("/v1/api/iserver/accounts", &bearer));
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["not-authenticated"]));
    assert_eq!(body(&world.send(&init(&bearer, true)))["authenticated"], true);
    assert_eq!(body(&world.send(&init(&bearer, false)))["authenticated"], true, "it has it already");
}

#[test]
fn an_sso_session_may_get_one_brokerage_session_only() {
    let mut world = World::with(|config| config.rules.init_once = true);
    let bearer = world.brokerage();
    world.wait(300);
    for _ in 0..2 {
        let stuck = world.send(&init(&bearer, true));
        assert_eq!((status(&stuck), rules(&stuck)), (503, vec!["init"]));
    }
    assert_eq!(status(&world.send(&tickle(&bearer))), 200);
    world.brokerage();
}
