//! A POST or DELETE is sent once, whatever happens; exit code 10 when it may have been executed.

use ibkr_sim::{Endpoint, HostState};

use crate::{
    common::{World, assert_shows, at_once},
    requests::{ORDER, orders, ready_to_trade},
};

at_once! {
    orders_are_sent_once:
    an_order_without_an_answer_may_have_been_executed,
    an_order_with_an_answer_that_cannot_be_read_may_have_been_executed,
    an_unsure_order_in_json_is_for_programs,
    an_order_that_is_refused_is_not_sent_again,
    an_order_on_which_ibkr_fails_may_have_been_executed,
    an_order_with_a_forgotten_session_is_not_sent_again,
    a_cancellation_is_sent_once_too,
    a_get_without_an_answer_is_no_danger,
    an_order_that_was_never_sent_is_no_danger,
    an_order_at_a_host_that_refuses_is_not_sent_again,
}

fn place(world: &World) -> crate::common::Ran {
    world.run(["post", &orders(), "--data", ORDER])
}

fn an_order_without_an_answer_may_have_been_executed() {
    for (fault, name, executed) in [
        (r#""hang":true"#, "hang", 0),
        (r#""reset":true"#, "reset", 0),
        (r#""reset":true,"processed":true"#, "reset", 1),
        (r#""truncate":3"#, "cut", 1),
        (r#""garbage":true,"truncate":3"#, "cut", 0),
    ] {
        let world = ready_to_trade();
        world.configure("timeout: 1s\n");
        world.fault(&format!(r#"{{"on":"place-order","do":{{{fault}}}}}"#));
        let ran = place(&world);
        ran.fails(10, &["it may have been executed", "ibkr-auth get /iserver/account/orders"]);
        assert_eq!(world.count(Endpoint::PlaceOrder), 1, "{name}");
        assert_eq!(world.simulator.handle().counters().orders, executed, "{name}");
        assert_shows!(world, format!("code_10_{name}"), ran);
    }
}

fn an_order_with_an_answer_that_cannot_be_read_may_have_been_executed() {
    for (fault, name) in [(r#""html":true"#, "page"), (r#""garbage":true,"processed":true"#, "garbage")] {
        let world = ready_to_trade();
        world.fault(&format!(r#"{{"on":"place-order","do":{{{fault}}}}}"#));
        let ran = place(&world);
        ran.fails(10, &["it may have been executed", "it begins with: "]);
        assert_eq!((world.count(Endpoint::PlaceOrder), ran.out.as_str()), (1, ""), "{name}");
        assert_shows!(world, format!("code_10_{name}"), ran);
    }
}

fn an_unsure_order_in_json_is_for_programs() {
    let world = ready_to_trade();
    world.fault(r#"{"on":"place-order","do":{"reset":true}}"#);
    let ran = world.run(["post", &orders(), "--data", ORDER, "--json"]);
    assert_eq!(ran.code, Some(10), "{ran}");
    assert_shows!(world, "code_10_json", ran);
}

fn an_order_that_is_refused_is_not_sent_again() {
    for status in [400, 401, 403, 410, 429] {
        let world = ready_to_trade();
        world.fault(&format!(r#"{{"on":"place-order","do":{{"status":{status}}}}}"#));
        place(&world).fails(9, &[&status.to_string()]);
        assert_eq!(world.count(Endpoint::PlaceOrder), 1, "{status}");
    }
}

fn an_order_on_which_ibkr_fails_may_have_been_executed() {
    for status in [500, 502, 503, 504] {
        let world = ready_to_trade();
        world.fault(&format!(r#"{{"on":"place-order","do":{{"status":{status}}}}}"#));
        let ran = place(&world);
        ran.fails(10, &[&status.to_string(), "may have been executed", "/iserver/account/orders"]);
        assert!(!ran.err.contains("try again"), "{ran}");
        assert_eq!(world.count(Endpoint::PlaceOrder), 1, "{status}");
    }
}

fn an_order_with_a_forgotten_session_is_not_sent_again() {
    let world = ready_to_trade();
    world.simulator.handle().restart();
    place(&world).fails(9, &["401", "nothing was executed"]);
    assert_eq!((world.count(Endpoint::PlaceOrder), world.count(Endpoint::Token)), (1, 1));
    // Run again, as it says: the session was put in doubt.
    let ran = place(&world);
    assert_eq!(world.count(Endpoint::Token), 2, "{ran}");
}

fn a_cancellation_is_sent_once_too() {
    for fault in [r#""hang":true"#, r#""reset":true"#] {
        let world = ready_to_trade();
        world.configure("timeout: 1s\n");
        world.fault(&format!(r#"{{"on":"cancel-order","do":{{{fault}}}}}"#));
        world.run(["delete", "/iserver/account/U1/order/1"]).fails(10, &["DELETE", "may have been executed"]);
        assert_eq!(world.count(Endpoint::CancelOrder), 1);
    }
}

fn a_get_without_an_answer_is_no_danger() {
    let world = ready_to_trade();
    world.configure("timeout: 1s\n");
    world.fault(r#"{"on":"iserver/accounts","do":{"hang":true}}"#);
    world.run(["get", "/iserver/accounts"]).fails(7, &["no answer in time"]);
}

fn an_order_that_was_never_sent_is_no_danger() {
    let world = ready_to_trade();
    let path = orders();
    world.fault(r#"{"on":"tls","do":{"reset":true}}"#);
    let ran = world.run(["post", &path, "--data", ORDER]);
    ran.fails(7, &["not sent: no connection"]);
    assert!(!ran.err.contains("may have been executed"), "{ran}");
    assert_eq!(world.count(Endpoint::PlaceOrder), 0);
}

fn an_order_at_a_host_that_refuses_is_not_sent_again() {
    let world = ready_to_trade();
    world.simulator.handle().set_host("localhost", Some(HostState::Refuse));
    let ran = place(&world);
    assert!(matches!(ran.code, Some(7 | 10)), "{ran}");
    world.simulator.handle().set_host("localhost", None);
    assert_eq!(world.simulator.handle().counters().orders, 0);
}
