//! Faults on order.

use std::time::Duration;

use http::Request;
use ibkr_sim::{API_HOSTS, Action, Delivery, Endpoint, Fault, LOOKUP_HOSTS, Manner, On, Stage, demo};
use serde_json::json;

use crate::world::*;

fn with_fault(script: &str) -> (World, String) {
    let mut world = World::with(|config| config.rules.pacing = None);
    let bearer = world.brokerage();
    for fault in Fault::parse_script(script).unwrap() {
        world.sim.add_fault(fault);
    }
    (world, bearer)
}

#[test]
fn faults_strike_the_calls_they_are_meant_for() {
    let (mut world, bearer) =
        with_fault(r#"{"on":"tickle","calls":"2..3","do":{"status":503,"retry_after":7}}"#);
    let statuses: Vec<u16> = (0..4).map(|_| status(&world.send(&tickle(&bearer)))).collect();
    assert_eq!(statuses, [200, 503, 503, 200]);
    assert_eq!(world.status(&bearer)["authenticated"], true, "another endpoint is not struck");
    assert_eq!(world.sim.counters().faults, 2);
    world.sim.add_fault(Fault::on(Endpoint::Tickle, Action::status(429)));
    let reply = world.send(&tickle(&bearer));
    assert_eq!((status(&reply), reply.response.headers().get("retry-after")), (429, None));
    world.sim.clear_faults();
    assert_eq!(status(&world.send(&tickle(&bearer))), 200);
}

#[test]
fn the_first_rule_that_strikes_wins() {
    let (mut world, bearer) = with_fault(
        r#"{"on":"tickle","calls":"2..","do":{"status":500}}
           {"on":"tickle","do":{"status":503}}"#,
    );
    let statuses: Vec<u16> = (0..2).map(|_| status(&world.send(&tickle(&bearer)))).collect();
    assert_eq!(statuses, [503, 500]);
}

#[test]
fn faults_strike_the_host_they_are_meant_for() {
    let (mut world, _) = with_fault(r#"{"on":"*","host":"2.api.ibkr.com","do":{"status":410}}"#);
    let ask = |host: &str| Request::get(format!("https://{host}/v1/api/tickle")).header("user-agent", "x");
    let mut asked = |host| status(&world.send(&ask(host).body(Vec::new()).unwrap()));
    assert_eq!((asked("1.api.ibkr.com"), asked("2.api.ibkr.com")), (401, 410));
}

#[test]
fn faults_strike_the_path_they_are_meant_for() {
    let (mut world, bearer) = with_fault(
        r#"{"path":"/v1/api/iserver/secdef/*","do":{"status":200,"body":{"found":1}}}
           {"path":"/v1/api/*/orders","do":{"status":429}}"#,
    );
    let mut asked = |path: &str| status(&world.send(&get(&format!("/v1/api{path}"), &bearer)));
    assert_eq!(asked("/iserver/secdef/info?conid=1"), 200);
    assert_eq!(asked("/iserver/secdef"), 404);
    assert_eq!(asked("/iserver/account/orders"), 429);
    assert_eq!(asked("/iserver/account/order/1"), 404);
    assert_eq!(asked("/iserver/accounts"), 200, "a 429 of one endpoint is not one of another");
}

#[test]
fn a_refusal_may_pass_after_a_time() {
    for (on, refusal) in [(Endpoint::Token, 400), (Endpoint::SsoSessions, 401)] {
        let mut world = World::new();
        world.sim.add_fault(Fault::on(on, Action::status(refusal)).for_secs(40));
        world.wait(1000);
        for wait in [0, 20, 19] {
            world.wait(wait);
            let asked = match on {
                Endpoint::Token => token_request(""),
                _ => sso_request("", ""),
            };
            let reply = world.send(&asked);
            assert_eq!((status(&reply), reply.fault.is_some()), (refusal, true), "it began with the first");
        }
        world.wait(1);
        world.brokerage();
    }
}

#[test]
fn a_fault_may_last_until_something_succeeds() {
    let (mut world, bearer) = with_fault(r#"{"on":"ssodh/init","until":"sso-sessions","do":{"status":503}}"#);
    world.wait(300);
    for _ in 0..3 {
        assert_eq!(status(&world.send(&init(&bearer, true))), 503);
        assert_eq!(status(&world.send(&tickle(&bearer))), 200);
    }
    let refused = world.send(&sso_request("nonsense", ""));
    assert_eq!(status(&refused), 401);
    assert_eq!(status(&world.send(&init(&bearer, true))), 503, "it did not succeed");
    let fresh = world.bearer();
    assert_eq!(status(&world.send(&init(&fresh, true))), 200);
}

#[test]
fn a_true_answer_can_be_patched() {
    let patched = |patch: &str| {
        let (mut world, bearer) = with_fault(&format!(r#"{{"do":{{"patch":{patch}}}}}"#));
        body(&world.send(&tickle(&bearer)))
    };
    let answer =
        patched(r#"{"ssoExpires":0,"userId":null,"iserver":{"authStatus":{"authenticated":false}}}"#);
    assert_eq!((&answer["ssoExpires"], answer.get("userId")), (&json!(0), None));
    let status = &answer["iserver"]["authStatus"];
    assert_eq!((&status["authenticated"], &status["connected"]), (&json!(false), &json!(true)));
    assert_eq!(patched(r#"{"iserver":{"tickle":{"deep":true}}}"#)["iserver"]["tickle"]["deep"], true);
    assert_eq!(patched("[1]"), json!([1]));
}

/// With a status, a date and a wait of its own choice, at every step.
#[test]
fn a_web_page_can_stand_before_every_step() {
    let (mut world, bearer) = with_fault(
        r#"{"calls":"..7","do":{"html":true,"status":401,"date_shift_s":-86400,"retry_after":99999999999}}
           {"calls":"8..","do":{"html":true,"status":511,"headers":{"Date":"Fri, 31 Dec 9999 23:59:59 GMT"}}}"#,
    );
    let steps = [
        token_request(""),
        sso_request("", ""),
        get("/v1/api/sso/validate", &bearer),
        init(&bearer, true),
        post("/v1/api/iserver/auth/status", &bearer),
        tickle(&bearer),
        Request::get("https://api.ipify.org/").body(Vec::new()).unwrap(),
    ];
    for (expected, date, wait) in [
        (401, "Tue, 17 Nov 2026 17:00:03 GMT", Some("99999999999")),
        (511, "Fri, 31 Dec 9999 23:59:59 GMT", None),
    ] {
        for request in &steps {
            let page = world.send(request);
            let header = |name| page.response.headers().get(name).map(|value| value.to_str().unwrap());
            assert_eq!((status(&page), header("content-type")), (expected, Some("text/html")));
            assert_eq!((header("date"), header("retry-after")), (Some(date), wait));
        }
    }
}

#[test]
fn look_ups_can_lie_one_by_one() {
    let mut world = World::new();
    world.sim.add_fault(Fault {
        host: Some(LOOKUP_HOSTS[0].to_owned()),
        ..Fault::on(Endpoint::Lookup, Action { body: Some("8.8.8.8".into()), ..Action::status(200) })
    });
    let mut says = |host: &str| {
        let ask = Request::get(format!("https://{host}/ip")).body(Vec::new()).unwrap();
        text(&world.send(&ask)).to_owned()
    };
    assert_eq!(says(LOOKUP_HOSTS[0]), "8.8.8.8");
    for host in &LOOKUP_HOSTS[1..] {
        assert_eq!(says(host).trim(), "203.0.113.7");
    }
}

#[test]
fn connections_are_struck_at_their_stages_alone() {
    let mut world = World::with(|config| config.rules.pacing = None);
    let bearer = world.brokerage();
    world.sim.add_fault(Fault::everywhere(Action::status(503)).calls(1, 1));
    world.sim.add_fault(Fault::at(Stage::Tls, Action::reset()).for_secs(60));
    let now = world.now;
    let mut at =
        |stage, later| world.sim.connection(now + Duration::from_secs(later), stage, API_HOSTS[0]).manner;
    assert_eq!((at(Stage::Tcp, 0), at(Stage::Tls, 0)), (Manner::Whole, Manner::Reset));
    assert_eq!((at(Stage::Tls, 59), at(Stage::Tls, 60)), (Manner::Reset, Manner::Whole));
    let statuses = [(); 2].map(|()| status(&world.send(&tickle(&bearer))));
    assert_eq!(statuses, [503, 200], "connections do not count as requests");
    let fault: Fault = r#"{"on":"tcp","host":"localhost","do":{"hang":true}}"#.parse().unwrap();
    assert_eq!((fault.on, fault.action), (On::Stage(Stage::Tcp), Action::hang()));
}

#[test]
fn chance_is_thrown_with_the_seed() {
    let run = |seed| {
        let mut world = World::with(|config| {
            config.seed = seed;
            config.faults =
                Fault::parse_script(r#"{"on":"lookup","chance":0.25,"do":{"status":500}}"#).unwrap();
        });
        let ask = Request::get("https://api.ipify.org/").body(Vec::new()).unwrap();
        (0..400).map(|_| status(&world.send(&ask)) == 500).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let struck = run(1).into_iter().filter(|struck| *struck).count();
    assert!((70..130).contains(&struck), "{struck} of 400");
}

#[test]
fn answers_can_be_replaced() {
    let answer = |action: &str| {
        let (mut world, bearer) = with_fault(&format!(r#"{{"on":"tickle","do":{action}}}"#));
        world.send(&tickle(&bearer))
    };
    assert_eq!(text(&answer(r#"{"status":410}"#)), "gone");
    assert_eq!(body(&answer(r#"{"status":500,"body":{"error":"x"}}"#)), json!({ "error": "x" }));
    assert_eq!(text(&answer(r#"{"status":200,"body":"plain"}"#)), "plain");
    let page = answer(r#"{"html":true}"#);
    assert_eq!(
        (status(&page), page.response.headers()["content-type"].to_str().unwrap()),
        (200, "text/html")
    );
    assert!(
        serde_json::from_slice::<serde_json::Value>(answer(r#"{"garbage":true}"#).response.body()).is_err()
    );
    assert_eq!(answer(r#"{"gzip":true}"#).response.headers()["content-encoding"], "gzip");
    let moved = answer(r#"{"redirect":"https://example.com/"}"#);
    assert_eq!(
        (status(&moved), moved.response.headers()["location"].to_str().unwrap()),
        (302, "https://example.com/")
    );
    let dated = answer(r#"{"headers":{"Date":"Thu, 01 Jan 1970 00:00:00 GMT"}}"#);
    assert_eq!(dated.response.headers()["date"], "Thu, 01 Jan 1970 00:00:00 GMT");
}

#[test]
fn deliveries_are_handed_on() {
    let delivery = |action: &str| {
        let (mut world, bearer) = with_fault(&format!(r#"{{"on":"tickle","do":{action}}}"#));
        world.send(&tickle(&bearer)).delivery
    };
    let manner = |manner| Delivery { manner, ..Delivery::default() };
    assert_eq!(delivery(r#"{"hang":true}"#), manner(Manner::Hang));
    assert_eq!(delivery(r#"{"reset":true}"#), manner(Manner::Reset));
    assert_eq!(delivery(r#"{"close":true}"#), manner(Manner::Close));
    assert_eq!(delivery(r#"{"close_after":true}"#), Delivery { closes_after: true, ..Delivery::default() });
    assert_eq!(delivery(r#"{"truncate":5}"#), manner(Manner::Truncate(5)));
    assert_eq!(delivery(r#"{"drip_ms":9}"#), manner(Manner::Drip(Duration::from_millis(9))));
    assert_eq!(delivery(r#"{"huge":99}"#), manner(Manner::Huge(99)));
    assert_eq!(
        delivery(r#"{"delay_ms":3}"#),
        Delivery { delay: Duration::from_millis(3), ..Delivery::default() }
    );
}

#[test]
fn a_lost_request_has_no_effect_and_a_lost_answer_has() {
    let order = |bearer: &str| {
        let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
        post_json(&path, bearer, &json!({ "orders": [{ "conid": 1 }] }))
    };
    for (action, executed) in [
        (r#"{"reset":true}"#, 0),
        (r#"{"reset":true,"processed":true}"#, 1),
        (r#"{"close":true}"#, 0),
        (r#"{"close":true,"processed":true}"#, 1),
        (r#"{"close_after":true}"#, 1),
        (r#"{"patch":{}}"#, 1),
        (r#"{"status":503}"#, 0),
        (r#"{"status":503,"processed":true}"#, 1),
        (r#"{"truncate":1}"#, 1),
    ] {
        let (mut world, bearer) = with_fault(&format!(r#"{{"on":"place-order","do":{action}}}"#));
        world.send(&get("/v1/api/iserver/accounts", &bearer));
        world.send(&order(&bearer));
        assert_eq!(world.sim.counters().orders, executed, "{action}");
    }
}

#[test]
fn the_world_can_change_under_a_client() {
    let (mut world, bearer) = with_fault(r#"{"on":"tickle","calls":2,"do":{"ip":"198.51.100.9"}}"#);
    assert_eq!(status(&world.send(&tickle(&bearer))), 200);
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["ip"]);

    let (mut world, bearer) = with_fault(r#"{"on":"tickle","do":{"kick":true}}"#);
    assert_eq!(body(&world.send(&tickle(&bearer)))["iserver"]["authStatus"]["competing"], true);

    let (mut world, bearer) = with_fault(r#"{"on":"tickle","do":{"restart":true}}"#);
    assert_eq!(rules(&world.send(&tickle(&bearer))), ["bearer"]);

    let (mut world, bearer) = with_fault(r#"{"on":"tickle","do":{"clock_jump_s":-3600}}"#);
    let reply = world.send(&tickle(&bearer));
    assert_eq!(reply.response.headers()["date"], "Wed, 18 Nov 2026 16:00:03 GMT");
}

#[test]
fn scripts_are_read_in_three_forms_and_checked() {
    let one = r#"{"on":"tickle","calls":"2..4","do":{"status":503}}"#;
    assert_eq!(Fault::parse_script(one).unwrap().len(), 1);
    assert_eq!(Fault::parse_script(&format!("[{one},{one}]")).unwrap().len(), 2);
    let lines = Fault::parse_script(&format!("# twice\n{one}\n\n{one}\n")).unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].to_string(), one);
    for wrong in [
        r#"{"on":"tickel","do":{}}"#,
        r#"{"on":"tickle"}"#,
        r#"{"on":"tickle","do":{"stauts":503}}"#,
        r#"{"on":"tickle","calls":"0..2","do":{}}"#,
        r#"{"on":"tickle","calls":"4..2","do":{}}"#,
    ] {
        assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
    }
    for (calls, from, to) in [("3", 3, 3), ("\"3\"", 3, 3), ("\"2..\"", 2, u64::MAX), ("\"..4\"", 1, 4)] {
        let fault: Fault = format!(r#"{{"calls":{calls},"do":{{}}}}"#).parse().unwrap();
        assert_eq!((fault.calls.from, fault.calls.to), (from, to));
    }
}
