//! What IBKR says.

use std::borrow::Cow;

use super::*;

#[test]
fn frames_are_told_apart() {
    for (text, expected) in [
        (SUCCESS, Frame::Success),
        (HEARTBEAT, Frame::Heartbeat(1_712_596_911_593)),
        (WAITING, Frame::WaitingForSession),
        (r#"{"topic":"tic","lastAccessed":1,"alive":true}"#, Frame::Tic),
        (r#"{"message":"Unsubscribed 20477"}"#, Frame::Unsubscribed("20477".into())),
        (r#"{"result":"unsubscribed from summary"}"#, Frame::Unsubscribed("summary".into())),
        ("ech+hb", Frame::Echo),
        (r#"{"topic":"system"}"#, Frame::Other),
        (r#"{"message":"hello"}"#, Frame::Other),
        (r#"["topic","smd+1"]"#, Frame::Other),
        (r#"{"topic":"smd+1""#, Frame::Other),
        ("", Frame::Other),
    ] {
        assert_eq!(Frame::parse(text), expected, "{text}");
        assert_eq!(Frame::parse(text.as_bytes()), expected, "binary {text}");
    }
}

#[test]
fn a_message_is_known_by_its_topic_wherever_that_stands() {
    let message = |topic: &'static str, server_id: Option<&'static str>| Frame::Message {
        topic: topic.into(),
        server_id: server_id.map(Cow::from),
    };
    for (text, expected) in [
        (r#"{"31":"168.42","conid":1,"a":[{"topic":"x"}],"topic":"smd+1"}"#, message("smd+1", None)),
        (r#"{"topic":"ntf","args":[{"error":"inside"}],"error":null}"#, message("ntf", None)),
        (r#"{"topic":"smh+1","serverId":"77"}"#, message("smh+1", Some("77"))),
        (r#"{"topic":"smh+1","serverId":77,"message":{"deep":[1.5,-1]}}"#, message("smh+1", Some("77"))),
        (r#"{"topic":"sor","error":false}"#, message("sor", None)),
        (r#"{"t\u006fpic":"smd\u002b1"}"#, message("smd+1", None)),
    ] {
        assert_eq!(Frame::parse(text), expected, "{text}");
    }
}

#[test]
fn a_topic_is_borrowed() {
    let Frame::Message { topic, server_id } = Frame::parse(r#"{"topic":"smh+1","serverId":"77"}"#) else {
        panic!("no message");
    };
    assert!(matches!((topic, server_id), (Cow::Borrowed("smh+1"), Some(Cow::Borrowed("77")))));
}

#[test]
fn a_status_says_what_it_says() {
    let Frame::Status(status) = Frame::parse(
        r#"{"topic":"sts","args":{"authenticated":false,"competing":true,"message":"","fail":"x","serverName":1}}"#,
    ) else {
        panic!("no status");
    };
    let said = (status.authenticated, status.competing, status.reason.as_deref());
    assert_eq!(said, (Some(false), Some(true), Some("x")));
    let Frame::Status(status) = Frame::parse(r#"{"topic":"sts","args":"odd"}"#) else { panic!("no status") };
    assert_eq!((status.authenticated, status.competing, status.reason), (None, None, None));
}

#[test]
fn an_error_is_one_in_either_form_and_its_debug_is_redacted() {
    for (text, topic, message) in [
        (r#"{"error":"Topic unknown","code":1}"#, None, "Topic unknown"),
        (r#"{"topic":"smd+1","error":"no data"}"#, Some("smd+1"), "no data"),
        (r#"{"topic":"error","message":"bad"}"#, None, "bad"),
        (r#"{"topic":"error","error":{"a":1}}"#, None, ""),
        (r#"{"error":{"a":1},"message":"said here"}"#, None, "said here"),
    ] {
        let Frame::Error(refusal) = Frame::parse(text) else { panic!("{text}") };
        assert_eq!((refusal.topic.as_deref(), refusal.message.as_ref()), (topic, message), "{text}");
    }
    let frame = Frame::parse(r#"{"error":"Topic unknown 'bb665d0f55b6289d70bc7380089fc96f'"}"#);
    assert!(!format!("{frame:?}").contains("bb66"), "{frame:?}");
}

#[test]
fn a_username_is_not_shown() {
    assert_eq!(format!("{:?}", Frame::parse(SUCCESS)), "Success");
}
