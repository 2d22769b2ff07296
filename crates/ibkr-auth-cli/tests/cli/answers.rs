//! What the API answers, as it is printed.

use serde_json::Value;

use crate::common::{Ran, World};

fn answered(action: &str) -> Ran {
    run(action, &["get", "/portfolio/accounts"])
}

/// As programs are told it.
fn told(action: &str) -> Ran {
    run(action, &["get", "/portfolio/accounts", "--json"])
}

fn run(action: &str, arguments: &[&str]) -> Ran {
    let world = World::new();
    world.fault(&format!(r#"{{"on":"portfolio/accounts","do":{action}}}"#));
    world.run(arguments)
}

#[test]
fn an_error_goes_to_standard_error_and_its_body_to_standard_output() {
    let ran = answered(r#"{"status":404,"body":{"error":"no such thing"}}"#);
    assert_eq!(ran.code, Some(9));
    assert_eq!(ran.json()["error"], "no such thing");
    assert!(ran.err.contains("404"), "{ran}");
}

#[test]
fn text_is_printed_as_it_is() {
    let action = r#"{"status":200,"body":"gone\nfor ever\n"}"#;
    let ran = answered(action);
    assert_eq!((ran.code, ran.out.trim_end()), (Some(0), "gone\nfor ever"));
    assert_eq!(told(action).json(), "gone\nfor ever\n");
}

#[test]
fn what_would_move_the_cursor_is_neutralised() {
    let ran = answered(r#"{"status":200,"body":"a\u001b[2Jb\u0007c\rd\u009be\u0000"}"#);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(!ran.out.trim_end().contains(|c: char| c.is_control()), "{:?}", ran.out);
    let ran = answered(r#"{"status":200,"body":{"name":"a\u001b[2Jb\u009b"}}"#);
    assert!(!ran.out.replace('\n', "").contains(|c: char| c.is_control()), "{:?}", ran.out);
    assert_eq!(ran.json()["name"], "a\u{1b}[2Jb\u{9b}", "JSON says the same");
}

#[test]
fn text_that_reads_from_right_to_left_is_neutralised() {
    let ran = answered(r#"{"status":200,"body":"a\u202eb\u2066c"}"#);
    assert!(!ran.out.contains(['\u{202e}', '\u{2066}']), "{:?}", ran.out);
}

#[test]
fn a_web_page_is_no_answer_of_the_api() {
    let ran = answered(r#"{"html":true}"#);
    ran.fails(8, &["cannot read the answer (200 OK, text/html", "Welcome to the network", "login page"]);
    assert_eq!(ran.out, "");
    answered(r#"{"html":true,"status":502}"#).fails(9, &["502"]);
}

#[test]
fn bytes_that_are_no_text_are_no_answer_either() {
    for action in [r#"{"garbage":true}"#, r#"{"status":200,"body":"{","headers":{"content-type":"a/b"}}"#] {
        let ran = answered(action);
        ran.fails(8, &["cannot read the answer (200 OK, "]);
        assert!(!ran.err.contains(|c: char| c.is_control() && c != '\n'), "{:?}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn programs_get_one_value_whatever_comes() {
    for (action, code) in [
        (r#"{"html":true}"#, 8),
        (r#"{"garbage":true}"#, 8),
        (r#"{"status":204}"#, 0),
        (r#"{"status":404,"body":"no such thing"}"#, 9),
        (r#"{"html":true,"status":502}"#, 9),
        (r#"{"garbage":true,"status":502}"#, 9),
    ] {
        let ran = told(action);
        assert_eq!(ran.code, Some(code), "{action}: {ran}");
        ran.json();
        if code == 9 {
            let error: Value = serde_json::from_str(&ran.err).unwrap();
            assert_eq!(error["error"]["exit_code"], code);
        } else {
            assert_eq!(ran.err, "", "{action}");
        }
    }
}

#[test]
fn an_empty_answer_is_no_proof_that_something_was_done() {
    let ran = run(r#"{"status":200,"body":""}"#, &["post", "/portfolio/accounts"]);
    ran.fails(10, &["may have been executed", "0 bytes"]);
    let ran = run(r#"{"status":204}"#, &["post", "/portfolio/accounts"]);
    assert_eq!(ran.code, Some(0), "{ran}");
}

#[test]
fn an_empty_answer_prints_nothing() {
    let ran = answered(r#"{"status":204}"#);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
}

#[test]
fn an_answer_that_is_too_long_is_not_read() {
    let ran = answered(r#"{"huge":100000000}"#);
    assert!(matches!(ran.code, Some(7 | 8)), "{}", ran.err);
    assert!(ran.out.len() < 2_000_000);
}

#[test]
fn a_change_that_is_neither_granted_nor_refused_is_in_doubt() {
    for status in [302, 408, 503] {
        let action = format!(r#"{{"status":{status},"body":{{}}}}"#);
        run(&action, &["post", "/portfolio/accounts"])
            .fails(10, &["may have been executed", &status.to_string()]);
        answered(&action).fails(9, &[&status.to_string()]);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    answered(r#"{"redirect":"https://evil.example/"}"#).fails(9, &["302"]);
}

#[test]
fn values_come_through_as_they_are_written() {
    let body = r#"{\"orderId\":123456789012345678901234567890,\"px\":1.10,\"neg\":-0,\"big\":1e400,\"b\":1,\"b\":2}"#;
    let action = format!(r#"{{"status":200,"body":"{body}"}}"#);
    for ran in [answered(&action), told(&action)] {
        assert_eq!(ran.code, Some(0), "{ran}");
        for value in ["123456789012345678901234567890,", "1.10,", "-0,", "1e400,", "\"b\": 1,", "\"b\": 2\n"]
        {
            assert!(ran.out.contains(value), "{value}: {ran}");
        }
    }
    let world = crate::requests::ready_to_trade();
    world.fault(&format!(r#"{{"on":"place-order","do":{action}}}"#));
    world.succeed(["post", &crate::requests::orders(), "--data", crate::requests::ORDER]);
}

#[test]
fn a_success_that_says_that_it_is_none_is_told_from_one() {
    let elsewhere =
        r#"{"status":200,"body":{"error":"Trading TWS session is connected from a different IP address"}}"#;
    let ran = answered(elsewhere);
    ran.fails(6, &["200 OK with an error inside", "log out TWS"]);
    assert!(ran.json()["error"].as_str().unwrap().contains("different IP"), "and it is printed");
    let ran = told(elsewhere);
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!((ran.code, &error["error"]["status"]), (Some(6), &Value::from(200)));
    for wrong in [
        r#"{"error":"Order rejected"}"#,
        r#"{"error":{"code":1}}"#,
        r#"[{"order_id":"1"},{"error":"no"}]"#,
        r#""{\"error\":\"no\",\"error\":\"\"}""#,
    ] {
        answered(&format!(r#"{{"status":200,"body":{wrong}}}"#)).fails(9, &["an error inside"]);
    }
    for fine in [r#"{"error":null}"#, r#"{"error":""}"#, r#"{"error":false}"#, r#"["error"]"#] {
        let ran = answered(&format!(r#"{{"status":200,"body":{fine}}}"#));
        assert_eq!(ran.code, Some(0), "{ran}");
    }
}

#[test]
fn what_cannot_be_seen_is_not_shown_either() {
    let unseen = "\u{feff}\u{ad}\u{e0041}\u{200b}\u{180e}\u{fff9}\u{202e}";
    let text = answered(&format!(r#"{{"status":200,"body":"a{unseen}b"}}"#));
    let json = answered(&format!(r#"{{"status":200,"body":{{"name":"a{unseen}b"}}}}"#));
    for ran in [&text, &json] {
        assert!(!ran.out.contains(|c| unseen.contains(c)), "{:?}", ran.out);
    }
    assert_eq!(json.json()["name"], format!("a{unseen}b"), "JSON says the same");
}
