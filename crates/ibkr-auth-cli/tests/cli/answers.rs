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
fn a_redirect_is_not_followed() {
    answered(r#"{"redirect":"https://evil.example/"}"#).fails(9, &["302"]);
}
