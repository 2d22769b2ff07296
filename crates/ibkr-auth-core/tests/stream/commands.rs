//! What a client says.

use super::*;

#[test]
fn a_subscription_is_known_by_topic_and_target() {
    for (text, known, arguments) in [
        (r#"smd+265598+{"fields":["31"]}"#, "smd+265598", r#"{"fields":["31"]}"#),
        ("smd+265598@NYSE+{}", "smd+265598@NYSE", "{}"),
        ("sbd+U1+2+NYSE", "sbd+U1+2+NYSE", ""),
        ("sor", "sor", ""),
        ("spl{}", "spl", "{}"),
        (r#" str+{"days":1} "#, "str", r#"{"days":1}"#),
        (r#"ssd+U1+{"keys":["a+b"]}"#, "ssd+U1", r#"{"keys":["a+b"]}"#),
        (r#"smh+1+{"b":1, "a":2}"#, r#"smh+1+{"a":2,"b":1}"#, r#"{"b":1, "a":2}"#),
        ("shs+exercise", "shs+exercise", ""),
    ] {
        let Command::Subscribe(subscription) = Command::parse(text) else { panic!("{text}") };
        assert_eq!((subscription.key.as_str(), subscription.arguments), (known, arguments), "{text}");
    }
    let key = key(r#"smh+1+{"a":2}"#);
    assert_eq!((key.topic(), key.target()), ("smh", "1"));
}

#[test]
fn an_end_names_what_it_ends() {
    for (end, ended, not_ended) in [
        ("umd+1+{}", "smd+1", "smd+11"),
        ("umd+1", "smd+1@NYSE", "smd+2"),
        ("ubd+U1", "sbd+U1+1", "sbd+U12+1"),
        ("upl{}", "spl", "sor"),
        ("uor+{}", "sor", "str"),
        ("usd+U1+{}", "ssd+U1", "sld+U1"),
    ] {
        let Command::Unsubscribe(ending) = Command::parse(end) else { panic!("{end}") };
        assert!(ending.ends(&key(ended)) && !ending.ends(&key(not_ended)), "{end}");
    }
}

#[test]
fn a_session_frame_is_known_however_it_is_written() {
    for text in [r#"{"session":"a"}"#, r#" { "session" : "a" } "#, "{'session': 'a'}", r#"{"x":1,"session":"#]
    {
        assert_eq!(Command::parse(text), Command::Session, "{text}");
    }
}

#[test]
fn the_rest_is_what_it_is() {
    assert_eq!(Command::parse("tic\n"), Command::Tic);
    assert_eq!(Command::parse("ech+hb"), Command::Echo);
    for text in ["", "s", "sm", "smdx", "SMD+1", "sé+1", "system", "inp+exercise", "{}", "u€d", "x+{}"] {
        assert_eq!(Command::parse(text), Command::Other(text), "{text}");
    }
}
