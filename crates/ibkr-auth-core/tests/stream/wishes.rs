//! Subscriptions: asked for, united, renewed, ended, and made anew with what may be missing.

use super::*;

const BARS: &str = r#"smh+1+{"bar":"1min"}"#;

fn history(server_id: &str) -> String {
    format!(r#"{{"serverId":"{server_id}","data":[],"topic":"smh+1"}}"#)
}

fn gaps(wire: &Wire) -> Vec<&str> {
    let gap = |event: &'_ Event| matches!(event, Event::Gap(_));
    let gaps = wire.events.iter().filter(|event| gap(event));
    gaps.map(|event| match event {
        Event::Gap(gap) => gap.key.as_str(),
        other => panic!("{other:?}"),
    })
    .collect()
}

#[test]
fn after_a_loss_all_is_asked_for_again_in_order_and_gaps_are_told() {
    let mut wire = Wire::ready();
    for wish in
        ["str", "spl+{}", "sor", "sbd+U1+1", "smh+1+{}", "smd+2", "smd+10", "sld+U1+{}", "ssd+U1+{}", "smd+3"]
    {
        wire.wish(wish);
    }
    wire.wish("umd+3+{}");
    wire.live(seconds(20));
    let since = wire.now.wall;
    wire.pass(seconds(5));
    wire.lose();
    wire.sent();
    wire.wish("smd+4");
    wire.wish("uor+{}");
    wire.pass(seconds(2));
    wire.hear(READY);
    let expected =
        ["ssd+U1+{}", "sld+U1+{}", "smd+2", "smd+10", "smd+4", "smh+1+{}", "spl+{}", "str", "sbd+U1+1"];
    assert_eq!(wire.asked(), expected);
    assert_eq!(gaps(&wire), ["ssd+U1", "sld+U1", "smd+2", "smd+10", "smh+1+{}", "spl", "str", "sbd+U1+1"]);
    let all = wire.events.iter().filter_map(|event| match event {
        Event::Gap(gap) => Some((gap.since, gap.until)),
        _ => None,
    });
    assert!(all.into_iter().all(|gap| gap == (since, wire.now.wall)), "from the last frame on");
}

#[test]
fn a_gap_begins_with_the_first_of_several_losses() {
    let mut wire = Wire::ready();
    wire.wish("smd+1");
    let since = wire.now.wall;
    wire.hear(NOT_AUTHENTICATED);
    wire.live(seconds(10));
    for _ in 0..3 {
        wire.lose();
        wire.pass(seconds(10));
        wire.hear(HEARTBEAT);
    }
    wire.hear(READY);
    let [.., Event::Gap(gap)] = &wire.events[..] else { panic!("{:?}", wire.events) };
    assert_eq!((gap.since, gap.until), (since, wire.now.wall));
}

#[test]
fn market_data_is_renewed_before_it_ends() {
    let mut wire = Wire::ready();
    // No other timer ends when this one does.
    wire.pass(seconds(7));
    wire.wish("smd+1");
    wire.wish("sor");
    wire.live(seconds(300));
    wire.wish(r#"smd+2+{"fields":["31"]}"#);
    wire.wish("smd+3");
    wire.wish("umd+3+{}");
    wire.asked();
    wire.live(seconds(239));
    assert_eq!(wire.asked(), [""; 0]);
    wire.pass(seconds(1));
    assert_eq!(wire.asked(), ["smd+1"]);
    wire.live(seconds(100));
    wire.wish("smd+1");
    wire.asked();
    wire.live(seconds(200));
    assert_eq!(wire.asked(), [r#"smd+2+{"fields":["31"]}"#]);
    wire.live(seconds(339));
    assert_eq!(wire.asked(), [""; 0], "it was asked for anew meanwhile");
    wire.live(seconds(1));
    assert_eq!(wire.asked(), ["smd+1"]);
}

#[test]
fn fields_are_united_and_stay_so() {
    let mut wire = Wire::ready();
    wire.wish(r#"smd+1+{"fields":["31"]}"#);
    wire.wish(r#"smd+1+{"fields":["84"]}"#);
    let both = r#"smd+1+{"fields":["31","84"]}"#;
    assert_eq!(wire.asked(), [r#"smd+1+{"fields":["31"]}"#, both]);
    wire.lose();
    wire.pass(seconds(2));
    wire.hear(READY);
    assert_eq!(wire.asked(), [both]);
    wire.wish(both);
    assert_eq!(wire.asked(), [both], "IBKR says anew how things stand");
}

#[test]
fn what_was_never_asked_for_is_not_ended() {
    let mut wire = Wire::new(Tier::Brokerage);
    wire.wish("smd+1");
    wire.wish("umd+1+{}");
    wire.wish("umd+2+{}");
    wire.hear(READY);
    assert_eq!(wire.asked(), [""; 0]);
    wire.wish("smd+1");
    wire.lose();
    wire.wish("umd+1+{}");
    wire.pass(seconds(2));
    wire.hear(READY);
    assert_eq!(wire.asked(), ["smd+1"], "it ended with its connection");
    assert_eq!(gaps(&wire), [""; 0]);
}

#[test]
fn each_topic_is_ended_as_ibkr_wants_it() {
    for (wish, end) in [
        ("smd+1+{}", "umd+1+{}"),
        ("smd+1@NYSE", "umd+1+{}"),
        ("sbd+U1+1+NYSE", "ubd+U1"),
        ("sor", "uor+{}"),
        ("spl", "upl+{}"),
        ("str+{\"days\":1}", "utr"),
        ("ssd+U1+{}", "usd+U1+{}"),
        ("sld+U1", "uld+U1+{}"),
    ] {
        let mut wire = Wire::ready();
        wire.wish(wish);
        wire.stream.end(&key(wish));
        wire.run();
        assert_eq!(wire.asked(), [wish, end]);
        assert_eq!(wire.stream.wishes().count(), 0);

        wire.wish(wish);
        wire.wish(end);
        assert_eq!(wire.asked(), [wish, end], "as a client writes it");
    }
}

#[test]
fn what_one_end_takes_along_is_asked_for_again() {
    let mut wire = Wire::ready();
    for wish in ["smd+1", "smd+1@NYSE", "smd+11", "sbd+U1+1", "sbd+U1+2", "sbd+U2+1"] {
        wire.wish(wish);
    }
    wire.asked();
    wire.stream.end(&key("smd+1@NYSE"));
    wire.stream.end(&key("sbd+U1+1"));
    wire.run();
    assert_eq!(wire.asked(), ["umd+1+{}", "ubd+U1", "smd+1", "sbd+U1+2"]);
    wire.wish("ubd+U1");
    assert_eq!(wire.asked(), ["ubd+U1"]);
    let left: Vec<_> = wire.stream.wishes().map(Key::as_str).collect();
    assert_eq!(left, ["sbd+U2+1", "smd+1", "smd+11"]);
}

#[test]
fn a_history_is_ended_by_its_server_id() {
    let mut wire = Wire::ready();
    wire.wish(BARS);
    wire.hear(&history("77"));
    wire.hear(&history("77"));
    wire.wish("umh+77");
    wire.hear(&history("77"));
    assert_eq!(wire.asked(), [BARS, "umh+77"], "and once");
    assert_eq!(wire.stream.wishes().count(), 0);
}

#[test]
fn a_history_that_has_not_begun_is_ended_when_it_does() {
    let mut wire = Wire::ready();
    wire.wish(BARS);
    wire.stream.end(&key(BARS));
    wire.run();
    assert_eq!(wire.asked(), [BARS]);
    wire.hear(&history("77"));
    assert_eq!(wire.asked(), ["umh+77"]);
}

#[test]
fn server_ids_are_forgotten_with_their_connection() {
    let mut wire = Wire::ready();
    wire.wish(BARS);
    wire.hear(&history("77"));
    wire.lose();
    wire.pass(seconds(2));
    wire.hear(READY);
    assert_eq!(wire.asked(), [BARS, BARS]);
    wire.wish("umh+77");
    assert_eq!(wire.stream.wishes().count(), 1, "it is another's now");
    wire.hear(&history("78"));
    wire.stream.end(&key(BARS));
    wire.run();
    assert_eq!(wire.asked(), ["umh+78"]);
}

#[test]
fn a_history_is_not_served_twice_after_the_brokerage_session_was_lost() {
    let mut wire = Wire::ready();
    wire.wish(BARS);
    wire.hear(&history("77"));
    wire.hear(NOT_AUTHENTICATED);
    assert_eq!(wire.asked(), [BARS]);
    wire.hear(READY);
    assert_eq!(wire.asked(), ["umh+77", BARS]);
}

#[test]
fn a_history_that_is_wished_for_again_begins_again() {
    let mut wire = Wire::ready();
    wire.wish(BARS);
    wire.wish(BARS);
    assert_eq!(wire.asked(), [BARS], "it is on its way to both");
    wire.hear(&history("77"));
    wire.wish(r#"smh+1+{ "bar": "1min" }"#);
    wire.hear(&history("77"));
    wire.hear(&history("78"));
    assert_eq!(wire.asked(), ["umh+77", r#"smh+1+{ "bar": "1min" }"#]);
    wire.wish("umh+78");
    assert_eq!(wire.asked(), ["umh+78"]);
}

#[test]
fn two_histories_of_one_contract_are_two() {
    let mut wire = Wire::ready();
    let days = r#"smh+1+{"bar":"1d"}"#;
    wire.wish(days);
    wire.wish(BARS);
    wire.hear(&history("1"));
    let of = |wire: &Wire, id: &str| {
        let text = history(id);
        let frame = Frame::parse(&text);
        wire.stream.keys_of(&frame).map(|key| key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of(&wire, "1"), [days, BARS].map(|wish| key(wish).to_string())[..1]);
    wire.hear(&history("2"));
    assert_eq!(of(&wire, "2"), [key(BARS).to_string()]);
    wire.asked();
    wire.stream.end(&key(days));
    wire.run();
    assert_eq!(wire.asked(), ["umh+1"]);
}

#[test]
fn a_message_belongs_to_what_it_answers() {
    let mut wire = Wire::ready();
    for wish in ["smd+1", "smd+1@NYSE", "smd+11", "spl", "sbd+U1+1+NYSE"] {
        wire.wish(wish);
    }
    let of = |topic: &str| {
        let text = format!(r#"{{"topic":"{topic}"}}"#);
        let frame = Frame::parse(&text);
        wire.stream.keys_of(&frame).map(|key| key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of("smd+1"), ["smd+1", "smd+1@NYSE"]);
    assert_eq!(of("spl"), ["spl"]);
    assert_eq!(of("sbd+U1+1"), ["sbd+U1+1+NYSE"]);
    for foreign in ["smd+111", "sm", "", "ntf", "system"] {
        assert_eq!(of(foreign), [""; 0], "{foreign}");
    }
}
