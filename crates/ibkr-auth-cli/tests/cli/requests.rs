//! `get`, `post` and `delete`: what is sent, and what is refused before.

use ibkr_sim::{Endpoint, demo};

use crate::common::{World, run_with_input};

pub(crate) const ORDER: &str = r#"{"orders":[{"conid":265598,"side":"BUY"}]}"#;

pub(crate) fn orders() -> String {
    format!("/iserver/account/{}/orders", demo::ACCOUNT)
}

pub(crate) fn ready_to_trade() -> World {
    let world = World::new();
    world.succeed(["get", "/iserver/accounts"]);
    world
}

#[test]
fn a_get_with_a_lost_session_is_repeated_with_a_new_one() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().restart();
    let ran = world.succeed(["get", "/portfolio/accounts"]);
    assert_eq!(ran.json()[0]["accountId"], demo::ACCOUNT);
    assert_eq!(world.count(Endpoint::PortfolioAccounts), 2);
    assert_eq!(world.count(Endpoint::Token), 2);
}

#[test]
fn a_get_that_may_not_log_in_is_not_repeated() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().restart();
    world.run(["get", "/portfolio/accounts", "--no-login"]).fails(9, &["401"]);
    assert_eq!(world.count(Endpoint::PortfolioAccounts), 1);
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_get_that_is_refused_for_ever_ends() {
    let world = World::new();
    world.fault(r#"{"on":"portfolio/accounts","do":{"status":401}}"#);
    world.run(["get", "/portfolio/accounts"]).fails(9, &["401"]);
    assert_eq!(world.count(Endpoint::PortfolioAccounts), 2);
    assert_eq!(world.count(Endpoint::Token), 1, "the session is good");
}

/// IBKR has ended the brokerage session, and no invocation has seen that.
fn without_brokerage_session() -> World {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().advance(std::time::Duration::from_secs(360));
    world
}

#[test]
fn a_get_without_brokerage_session_is_repeated_once_that_is_open() {
    let world = without_brokerage_session();
    world.succeed(["get", "/iserver/accounts"]);
    assert_eq!((world.count(Endpoint::Accounts), world.count(Endpoint::Init)), (2, 2));
    assert_eq!(world.count(Endpoint::Token), 1, "no login was needed");
    for error in ["Bad Request: no bridge", "Init session first"] {
        let world = World::new();
        world.fault(&format!(
            r#"{{"on":"iserver/accounts","calls":1,"do":{{"status":400,"body":{{"error":"{error}","statusCode":400}}}}}}"#
        ));
        world.succeed(["get", "/iserver/accounts"]);
        assert_eq!(world.count(Endpoint::Accounts), 2);
    }
}

#[test]
fn a_get_that_may_not_log_in_opens_no_brokerage_session() {
    let world = without_brokerage_session();
    world
        .run(["get", "/iserver/accounts", "--no-login"])
        .fails(9, &["nothing was executed", "`ibkr-auth login`"]);
    assert_eq!((world.count(Endpoint::Accounts), world.count(Endpoint::Init)), (1, 1));
}

#[test]
fn an_order_without_brokerage_session_opens_it_for_the_next() {
    let world = ready_to_trade();
    world.simulator.handle().advance(std::time::Duration::from_secs(360));
    world.run(["post", &orders(), "--data", ORDER]).fails(9, &["nothing was executed"]);
    world.succeed(["header"]);
    assert_eq!((world.count(Endpoint::PlaceOrder), world.count(Endpoint::Init)), (1, 2));
}

#[test]
fn what_needs_no_brokerage_session_works_beside_another_login() {
    let world = World::new();
    world.simulator.handle().kick(None);
    world.run(["login"]).fails(6, &[]);
    for _ in 0..2 {
        let ran = world.succeed(["get", "/portfolio/accounts"]);
        assert_eq!(ran.json()[0]["accountId"], demo::ACCOUNT);
    }
    assert_eq!(world.count(Endpoint::Token), 2, "one session does for both");
    world.run(["get", "/iserver/accounts"]).fails(6, &["another login"]);
    let _keeper = world.keep(&[]);
    world.await_request(Endpoint::Tickle, 2);
}

#[test]
fn a_logout_of_ones_own_ends_the_kept_session() {
    let world = World::new();
    world.succeed(["login"]);
    world.succeed(["post", "//logout", "--data", "{}"]);
    world.run(["header", "--no-login"]).fails(4, &["there is no session"]);
    world.run(["post", "/logout"]).fails(4, &["there is no session"]);
    assert_eq!((world.count(Endpoint::Token), world.count(Endpoint::Logout)), (1, 1));
}

#[test]
fn a_body_comes_from_the_argument_a_file_or_standard_input() {
    let world = ready_to_trade();
    world.write("order.json", ORDER);
    world.succeed(["post", &orders(), "--data", ORDER]);
    world.succeed(["post", &orders(), "--data", "@order.json"]);
    let path = orders();
    let ran = run_with_input(world.command(["post", &path, "-d", "@-"]), ORDER);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(world.simulator.handle().counters().orders, 3);
}

#[test]
fn a_body_that_is_none_is_refused_before_anything_is_sent() {
    let world = World::new();
    world.write("half.json", &ORDER[..20]);
    world.write("binary", [0xff, 0xfe, 0x00]);
    world.write("huge.json", format!("\"{}\"", "x".repeat(1 << 20)));
    for (data, words) in [
        ("", "--data is not JSON"),
        ("{", "--data is not JSON"),
        ("{\"a\":1}}", "--data is not JSON"),
        ("acctId=U1", "--data is not JSON"),
        ("@half.json", "half.json is not JSON"),
        ("@binary", "binary is not JSON"),
        ("@huge.json", "longer than 1 MiB"),
        ("@nowhere.json", "cannot be read from nowhere.json"),
        ("@.", "it is a folder"),
        ("@", "cannot be read from"),
        ("@-", "standard input is not JSON"),
    ] {
        world.run(["post", "/tickle", "--data", data]).fails(2, &[words]);
    }
    assert!(world.sent().is_empty());
}

#[cfg(unix)]
#[test]
fn a_body_is_not_waited_for_at_a_pipe_without_a_writer() {
    let world = World::new();
    assert!(world.shell("mkfifo pipe").status().unwrap().success());
    world.run(["post", "/tickle", "--data", "@pipe"]).fails(2, &["it is not a regular file"]);
}

#[test]
fn an_error_about_a_body_does_not_repeat_it() {
    let world = World::new();
    let ran = world.run(["post", "/tickle", "--data", "{\"password\": hunter2}"]);
    ran.fails(2, &["line 1, column 14"]);
    assert!(!ran.err.contains("hunter2"), "{ran}");
}

#[test]
fn a_url_of_another_host_is_sent_no_token() {
    let world = World::new();
    let other = World::new();
    let foreign = format!("{}/v1/api/tickle", other.simulator.base_url());
    for url in [
        &foreign,
        "http://localhost/v1/api/tickle",
        "https://evil.example/v1/api/tickle",
        "//evil.example/x@y",
    ] {
        let ran = world.run(["get", url]);
        assert_ne!(ran.code, Some(0), "{url}: {ran}");
        assert!(!ran.err.contains("eyJ"), "{ran}");
    }
    assert!(other.sent().is_empty());
    let own = format!("{}/v1/api/portfolio/accounts", world.simulator.base_url());
    world.succeed(["get", &own]);
}

#[test]
fn a_url_of_another_host_costs_no_login() {
    let world = World::new();
    world.run(["get", "https://evil.example/v1/api/tickle"]).fails(2, &["evil.example"]);
    assert!(world.sent().is_empty());
}

#[test]
fn odd_paths_are_refused_or_sent_as_they_are() {
    let world = World::new();
    for path in ["", " ", "/a b", "/a\nb", "/a\tb", "/ä\u{7f}", "ht tp://x", "https://", "/<>\"`{}"] {
        world.run(["get", path]).fails(2, &["path"]);
    }
    assert!(world.sent().is_empty());
    world.succeed(["get", "/tickle?a=b&c=%20"]);
    let sent = world.requests();
    for path in ["/../../oauth2", "/%2e%2e/x", "/./tickle", "/a\\..\\b"] {
        world.run(["get", path]).fails(2, &["path", "backslash"]);
    }
    assert_eq!(world.requests(), sent);
    for path in ["/a//b", "/ä", "/x?y#z", "/v1/api/x", "-"] {
        let ran = world.run(["get", "--", path]);
        assert!(matches!(ran.code, Some(2 | 3 | 9)), "{path}: {ran}");
        assert!(!ran.err.contains("panicked"), "{ran}");
    }
}

#[test]
fn a_path_may_be_written_in_several_ways() {
    let world = World::new();
    for path in
        ["/iserver/accounts", "iserver/accounts", "/v1/api/iserver/accounts", "v1/api/iserver/accounts"]
    {
        world.succeed(["get", path]);
    }
    assert_eq!(world.count(Endpoint::Accounts), 4);
}

#[test]
fn what_ibkr_wants_first_is_said() {
    let world = World::new();
    world.run(["get", "/iserver/account/orders"]).fails(9, &["ibkr-auth get /iserver/accounts"]);
}

#[test]
fn an_idle_brokerage_session_is_said_to_orders() {
    let world = ready_to_trade();
    world.simulator.handle().advance(std::time::Duration::from_secs(360));
    world.run(["post", &orders(), "--data", ORDER]).fails(9, &["ibkr-auth login"]);
    assert_eq!(world.simulator.handle().counters().orders, 0);
    assert_eq!(world.count(Endpoint::PlaceOrder), 1);
}
