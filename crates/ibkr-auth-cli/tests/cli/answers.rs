//! What the API answers, as it is printed.

use crate::common::World;

fn answered(action: &str) -> crate::common::Ran {
    let world = World::new();
    world.fault(&format!(r#"{{"on":"portfolio/accounts","do":{action}}}"#));
    world.run(["get", "/portfolio/accounts"])
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
    let ran = answered(r#"{"status":200,"body":"gone\nfor ever\n"}"#);
    assert_eq!((ran.code, ran.out.trim_end()), (Some(0), "gone\nfor ever"));
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
fn a_web_page_is_no_answer_of_the_api_but_is_shown() {
    let ran = answered(r#"{"html":true}"#);
    assert!(ran.out.contains('<') && !ran.err.contains("panicked"), "{ran}");
    answered(r#"{"html":true,"status":502}"#).fails(9, &["502"]);
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let ran = answered(r#"{"garbage":true}"#);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(!ran.out.trim_end().contains(|c: char| c.is_control()), "{:?}", ran.out);
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
