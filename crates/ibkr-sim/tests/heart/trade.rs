//! Accounts first, then the rest.

use ibkr_sim::demo;
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
    let mut world = World::new();
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
