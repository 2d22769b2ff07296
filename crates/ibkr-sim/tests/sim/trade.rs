//! Accounts first, then the rest.

use ibkr_sim::{Action, Endpoint, Fault, User, demo};
use serde_json::{Value, json};

use crate::world::*;

fn order(bearer: &str, account: &str) -> http::Request<Vec<u8>> {
    let orders = json!({ "orders": [{ "conid": 265_598, "side": "BUY", "quantity": 1, "cOID": "mine" }] });
    post_json(&format!("/v1/api/iserver/account/{account}/orders"), bearer, &orders)
}

#[test]
fn without_a_brokerage_session_there_is_no_bridge() {
    let mut world = World::new();
    let bearer = world.bearer();
    for request in [
        get("/v1/api/iserver/accounts", &bearer),
        get("/v1/api/iserver/account/orders", &bearer),
        get("/v1/api/iserver/marketdata/snapshot?conids=1", &bearer),
        order(&bearer, demo::ACCOUNT),
    ] {
        let reply = world.send(&request);
        assert_eq!(
            (status(&reply), text(&reply)),
            (400, r#"{"error":"Bad Request: no bridge","statusCode":400}"#)
        );
    }
    assert_eq!(
        status(&world.send(&get("/v1/api/portfolio/accounts", &bearer))),
        200,
        "needs the outer tier only"
    );
}

#[test]
fn accounts_come_first() {
    let mut world = World::new();
    let bearer = world.brokerage();
    let orders = world.send(&get("/v1/api/iserver/account/orders", &bearer));
    assert_eq!((status(&orders), text(&orders)), (500, r#"{"error":"Please query /accounts first"}"#));
    let placed = world.send(&order(&bearer, demo::ACCOUNT));
    assert_eq!((status(&placed), rules(&placed)), (400, vec!["accounts-first"]));
    let snapshot = get("/v1/api/iserver/marketdata/snapshot?conids=265598", &bearer);
    assert_eq!(rules(&world.send(&snapshot)), ["accounts-first"]);

    world.send(&get("/v1/api/iserver/accounts", &bearer));
    assert_eq!(body(&world.send(&snapshot))[0]["31"], Value::Null, "the first one is a pre-flight");
    assert_eq!(body(&world.send(&snapshot))[0]["31"], "100.00");

    world.wait(300);
    world.send(&init(&bearer, true));
    world.wait(1);
    assert_eq!(rules(&world.send(&snapshot)), ["accounts-first"], "a new brokerage session starts over");
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    assert_eq!(body(&world.send(&snapshot))[0]["31"], Value::Null, "its first one is a pre-flight again");
}

#[test]
fn executed_orders_are_counted() {
    let mut world = World::new();
    let bearer = world.brokerage();
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    let wrong = world.send(&order(&bearer, "U1"));
    assert_eq!(text(&wrong), r#"{"error":"Bad Request: accountId is not valid: U1","statusCode":400}"#);
    let empty = world.send(&post("/v1/api/iserver/account/DU1234567/orders", &bearer));
    assert_eq!((status(&empty), rules(&empty)), (400, vec!["body"]));
    assert_eq!(text(&empty), r#"{"error":"Bad Request: body can't be empty","statusCode":400}"#);
    assert_eq!(world.sim.counters().orders, 0);
    let placed = world.send(&order(&bearer, demo::ACCOUNT));
    assert_eq!(body(&placed)[0]["order_status"], "Submitted");
    assert_eq!(world.sim.counters().orders, 1);
    let listed = body(&world.send(&get("/v1/api/iserver/account/orders", &bearer)));
    assert_eq!(listed["orders"][0]["order_ref"], "mine");
}

#[test]
fn an_order_is_an_object_with_a_conid_sent_as_json() {
    let mut world = World::with(|config| config.rules.pacing = None);
    let bearer = world.brokerage();
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    let good = json!({ "conid": 265_598, "side": "BUY" });
    for (orders, rule) in [
        (json!({}), "body"),
        (json!([good]), "body"),
        (json!({ "orders": good }), "body"),
        (json!({ "orders": [] }), "body"),
        (json!({ "orders": [good, 1] }), "order"),
        (json!({ "orders": [null] }), "order"),
        (json!({ "orders": [{ "side": "BUY" }] }), "order"),
        (json!({ "orders": [{ "conid": "265598" }] }), "order"),
        (json!({ "orders": [{ "conid": 0 }] }), "order"),
        (json!({ "orders": [{ "conid": -1 }] }), "order"),
        (json!({ "orders": [{ "conidex": "" }] }), "order"),
    ] {
        let reply = world.send(&post_json(&path, &bearer, &orders));
        assert_eq!((status(&reply), rules(&reply)), (400, vec![rule]), "{orders}");
    }
    let combination = json!({ "conidex": "28812380;;;265598/1,8314/-1" });
    let orders = json!({ "orders": [good, combination] }).to_string();
    for content_type in ["", "text/plain", "application/x-www-form-urlencoded"] {
        let builder = authorized("POST", &path, &bearer).header("content-type", content_type);
        let reply = world.send(&with_body(builder, orders.clone()));
        assert_eq!((status(&reply), rules(&reply)), (400, vec!["content-type"]), "{content_type}");
    }
    assert_eq!(world.sim.counters().orders, 0, "nothing of it was executed");
    let builder = authorized("POST", &path, &bearer).header("content-type", "application/json;charset=utf-8");
    assert_eq!(status(&world.send(&with_body(builder, orders))), 200);
    assert_eq!(world.sim.counters().orders, 2);
}

/// A session that has read its accounts.
fn trading(order_questions: bool) -> (World, String) {
    let mut world = World::with(|config| {
        config.rules.order_questions = order_questions;
        config.rules.pacing = None;
    });
    let bearer = world.brokerage();
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    (world, bearer)
}

fn delete(path: &str, bearer: &str) -> http::Request<Vec<u8>> {
    authorized("DELETE", path, bearer).body(Vec::new()).unwrap()
}

#[test]
fn an_order_is_cancelled_by_its_number() {
    let (mut world, bearer) = trading(false);
    let id = body(&world.send(&order(&bearer, demo::ACCOUNT)))[0]["order_id"].as_str().unwrap().to_owned();
    let path = |account: &str, id: &str| format!("/v1/api/iserver/account/{account}/order/{id}");
    let reply = world.send(&delete(&path(demo::ACCOUNT, "1"), &bearer));
    assert_eq!((status(&reply), text(&reply)), (400, r#"{"error":"OrderID 1 doesn't exist"}"#));
    assert_eq!(rules(&world.send(&delete(&path("U1", &id), &bearer))), ["account"]);
    let reply = body(&world.send(&delete(&path(demo::ACCOUNT, &id), &bearer)));
    assert_eq!(reply["msg"], "Request was submitted");
    let listed = body(&world.send(&get("/v1/api/iserver/account/orders", &bearer)));
    assert_eq!(listed["orders"][0]["status"], "Cancelled");
}

#[test]
fn an_order_may_be_asked_about_first() {
    let (mut world, bearer) = trading(true);
    let ask = |world: &mut World| {
        let question = body(&world.send(&order(&bearer, demo::ACCOUNT)));
        format!("/v1/api/iserver/reply/{}", question[0]["id"].as_str().unwrap())
    };
    let (first, second) = (ask(&mut world), ask(&mut world));
    assert_eq!(world.sim.counters().orders, 0, "a question is no order");
    let yes = json!({ "confirmed": true });
    assert_eq!(rules(&world.send(&post_json(&first, &bearer, &json!({ "confirmed": "yes" })))), ["body"]);
    let placed = body(&world.send(&post_json(&first, &bearer, &yes)));
    assert_eq!((&placed[0]["order_status"], world.sim.counters().orders), (&json!("Submitted"), 1));
    assert_eq!(rules(&world.send(&post_json(&first, &bearer, &yes))), ["order"], "an answer counts once");
    let declined = body(&world.send(&post_json(&second, &bearer, &json!({ "confirmed": false }))));
    assert!(declined["error"].is_string());
    assert_eq!(world.sim.counters().orders, 1);
}

#[test]
fn a_question_can_be_suppressed_until_the_brokerage_session_ends() {
    let (mut world, bearer) = trading(true);
    let path = "/v1/api/iserver/questions/suppress";
    assert_eq!(rules(&world.send(&post_json(path, &bearer, &json!({})))), ["body"]);
    let said = world.send(&post_json(path, &bearer, &json!({ "messageIds": ["o163"] })));
    assert_eq!(text(&said), r#"{"status":"submitted"}"#);
    world.send(&order(&bearer, demo::ACCOUNT));
    assert_eq!(world.sim.counters().orders, 1);
    world.sim.kick(None);
    world.send(&init(&bearer, true));
    world.wait(1);
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    assert!(body(&world.send(&order(&bearer, demo::ACCOUNT)))[0]["id"].is_string(), "it is asked again");
}

#[test]
fn each_order_shows_how_often_it_was_executed() {
    let (mut world, bearer) = trading(false);
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    let orders = json!({ "orders": [{ "conid": 1, "cOID": "a" }, { "conid": 1 }, { "conid": 1 }] });
    world.send(&post_json(&path, &bearer, &orders));
    world.sim.add_fault(Fault::on(Endpoint::PlaceOrder, Action::reset().processed()).calls(1, 1));
    world.sim.add_fault(Fault::on(Endpoint::PlaceOrder, Action::reset()).calls(2, 2));
    let lost = post_json(&path, &bearer, &json!({ "orders": [{ "conid": 1, "cOID": "b" }] }));
    for _ in 0..3 {
        world.send(&lost);
    }
    world.sim.restart();
    let times: Vec<_> = world.sim.placed_orders().map(|order| (order.coid.as_deref(), order.times)).collect();
    assert_eq!(times, [(Some("a"), 1), (None, 1), (None, 1), (Some("b"), 2)]);
    assert!(world.sim.placed_orders().all(|order| order.account == demo::ACCOUNT));
}

#[test]
fn an_account_is_chosen() {
    let accounts = ["U1", "U2"];
    let mut world =
        World::with(|config| config.users = vec![User::live(demo::CREDENTIAL).with_accounts(accounts)]);
    let bearer = world.brokerage();
    let mut choose = |account: &str| {
        let reply = world.send(&post_json("/v1/api/iserver/account", &bearer, &json!({ "acctId": account })));
        text(&reply).to_owned()
    };
    assert_eq!(choose("U1"), r#"{"success":"Account already set"}"#);
    assert_eq!(choose("U2"), r#"{"acctId":"U2","set":true}"#);
    assert_eq!(choose("U3"), r#"{"error":"Invalid account ID"}"#);
    let accounts = body(&world.send(&get("/v1/api/iserver/accounts", &bearer)));
    assert_eq!(accounts["selectedAccount"], "U2");
}

#[test]
fn what_clients_of_a_gateway_ask_for_is_there() {
    let (mut world, bearer) = trading(false);
    let mut asked = |path: &str| body(&world.send(&get(&format!("/v1/api/{path}"), &bearer)));
    assert_eq!(asked("one/user")["username"], demo::CREDENTIAL);
    assert_eq!(asked("portfolio/subaccounts")[0]["accountId"], demo::ACCOUNT);
    assert_eq!(asked("iserver/account/trades"), json!([]));
    assert_eq!(asked("iserver/account/pnl/partitioned")["upnl"]["DU1234567.Core"]["rowType"], 1);
    assert_eq!(asked("iserver/marketdata/history?conid=265598")["data"][1]["c"], 100.0);
    assert_eq!(asked("trsrv/secdef?conids=265598,8314")["secdef"][1]["conid"], 8314);
    assert_eq!(status(&world.send(&post("/v1/api/sso/validate", &bearer))), 200);

    let secdef = authorized("POST", "/v1/api/trsrv/secdef", &bearer);
    let form = secdef.header("content-type", "application/x-www-form-urlencoded");
    let found = body(&world.send(&with_body(form, "conids=265598%2C8314")));
    assert_eq!((&found["secdef"][0]["ticker"], &found["secdef"][1]["conid"]), (&json!("AAPL"), &json!(8314)));
    let json = post_json("/v1/api/trsrv/secdef", &bearer, &json!({ "conids": [265_598, "8314"] }));
    assert_eq!(body(&world.send(&json)), found);
    let many = json!({ "conids": (1..=201).collect::<Vec<_>>() });
    assert_eq!(rules(&world.send(&post_json("/v1/api/trsrv/secdef", &bearer, &many))), ["body"]);
    assert_eq!(rules(&world.send(&get("/v1/api/iserver/marketdata/history", &bearer))), ["body"]);
}

#[test]
fn contracts_positions_and_ledger_are_there() {
    let (mut world, bearer) = trading(false);
    let found = body(&world.send(&get("/v1/api/iserver/secdef/search?symbol=AAPL", &bearer)));
    assert_eq!((&found[0]["conid"], &found[0]["symbol"]), (&json!("265598"), &json!("AAPL")));
    let asked = post_json("/v1/api/iserver/secdef/search", &bearer, &json!({ "symbol": "IBM" }));
    assert_eq!(body(&world.send(&asked))[0]["symbol"], "IBM");
    assert_eq!(rules(&world.send(&get("/v1/api/iserver/secdef/search", &bearer))), ["body"]);

    let mut asked = |path: String| world.send(&get(&format!("/v1/api/portfolio/{path}"), &bearer));
    assert_eq!(body(&asked(format!("{}/positions/0", demo::ACCOUNT)))[0]["conid"], 265_598);
    assert_eq!(body(&asked(format!("{}/positions/1", demo::ACCOUNT))), json!([]));
    assert_eq!(body(&asked(format!("{}/ledger", demo::ACCOUNT)))["BASE"]["acctcode"], demo::ACCOUNT);
    assert_eq!(rules(&asked("U1/ledger".to_owned())), ["account"]);
}

#[test]
fn other_paths_can_be_given_answers() {
    let mut world = World::new();
    let path = "/v1/api/iserver/contract/1/info";
    let stubs = r#"{"path":"/v1/api/iserver/contract/*/info","calls":1,"do":{"stub":{"first":1}}}
                   {"path":"/v1/api/iserver/contract/*/info","do":{"stub":["then"]}}
                   {"path":"/v1/api/portfolio/accounts","do":{"stub":[]}}"#;
    Fault::parse_script(stubs).unwrap().into_iter().for_each(|stub| world.sim.add_fault(stub));
    assert_eq!(rules(&world.send(&get(path, "nonsense"))), ["bearer"], "whoever asks is checked");
    let bearer = world.bearer();
    assert_eq!(rules(&world.send(&get(path, &bearer))), ["no-bridge"]);
    assert_eq!(text(&world.send(&get("/v1/api/portfolio/accounts", &bearer))), "[]");
    world.send(&init(&bearer, true));
    let reply = world.send(&post(path, &bearer));
    assert_eq!((status(&reply), text(&reply)), (200, r#"["then"]"#), "the first was for the first caller");
    assert_eq!(status(&world.send(&get("/v1/api/iserver/contract/1", &bearer))), 404);
}
