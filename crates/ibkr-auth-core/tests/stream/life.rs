//! An open socket: `tic`, silence, losses, and how it is tried again.

use super::*;

fn losses(wire: &Wire) -> Vec<(Loss, Duration)> {
    let lost = |event: &Event| match event {
        Event::Lost { why, again_in } => Some((*why, *again_in)),
        _ => None,
    };
    wire.events.iter().filter_map(lost).collect()
}

#[test]
fn a_tic_is_sent_each_three_quarters_of_a_minute() {
    let mut wire = Wire::ready();
    wire.live(seconds(450));
    assert_eq!(wire.sent(), ["tic"; 10]);
}

#[test]
fn silence_is_noticed_and_a_heartbeat_is_none() {
    let mut wire = Wire::ready();
    wire.live(seconds(600));
    assert_eq!(wire.closed, 0);
    wire.pass(seconds(29));
    assert_eq!(wire.closed, 0);
    wire.pass(seconds(1));
    assert_eq!((wire.closed, wire.stream.state()), (1, State::Closed));
    assert_eq!(losses(&wire)[0].0, Loss::Silent);
    wire.pass(seconds(2));
    assert_eq!(wire.opened, 2);
}

#[test]
fn waits_double_up_to_a_minute_and_a_half_more() {
    let mut wire = Wire::new(Tier::Brokerage);
    wire.run();
    let mut doubled = seconds(1);
    for failures in 1..10 {
        wire.lose();
        let (_, wait) = *losses(&wire).last().unwrap();
        assert!((doubled..doubled * 3 / 2).contains(&wait), "{wait:?} after {failures}");
        wire.pass(wait - Duration::from_millis(1));
        assert_eq!(wire.opened, failures);
        wire.pass(Duration::from_millis(1));
        assert_eq!(wire.opened, failures + 1);
        doubled = (doubled * 2).min(seconds(60));
    }
}

#[test]
fn only_a_connection_that_was_ready_for_a_minute_begins_anew() {
    let second_wait = |ready_for| {
        let mut wire = Wire::ready();
        wire.lose();
        wire.pass(seconds(2));
        wire.hear(NOT_AUTHENTICATED);
        wire.live(seconds(20));
        wire.hear(READY);
        wire.live(ready_for);
        wire.lose();
        losses(&wire)[1].1
    };
    assert!(second_wait(seconds(30)) >= seconds(2));
    assert!(second_wait(seconds(40)) < seconds(2));
}

#[test]
fn it_is_opened_anew_at_once_when_that_is_wanted() {
    let mut wire = Wire::ready();
    wire.wish("smd+1");
    wire.sent();
    wire.stream.reopen(wire.now);
    wire.run();
    assert_eq!((wire.closed, wire.opened, losses(&wire)), (1, 2, vec![(Loss::Reopened, Duration::ZERO)]));
    wire.hear(READY);
    assert_eq!(wire.asked(), ["smd+1"]);

    for failures in 0..5 {
        wire.lose();
        assert_eq!(wire.opened, 2 + failures, "it waits");
        wire.stream.reopen(wire.now);
        wire.run();
        assert_eq!((wire.closed, wire.opened), (1, 3 + failures));
    }
    assert!(losses(&wire).iter().all(|(_, wait)| *wait < seconds(2)), "{:?}", wire.events);
}

#[test]
fn the_end_of_a_connection_that_was_given_up_is_no_news() {
    let mut wire = Wire::ready();
    wire.pass(seconds(30));
    wire.events.clear();
    wire.lose();
    assert_eq!(wire.events, []);
}

#[test]
fn losing_the_brokerage_session_is_told_and_what_needs_it_is_made_anew() {
    let mut wire = Wire::ready();
    wire.wish("smd+1");
    wire.wish("spl");
    wire.sent();
    let since = wire.now.wall;
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl";
    wire.hear(&format!(r#"{{"topic":"sts","args":{{"authenticated":false,"fail":"bad {token}"}}}}"#));
    let reason = Some("bad [redacted]".to_owned());
    assert_eq!(wire.events, [Event::PortfolioOnly { competing: false, reason }]);
    wire.events.clear();
    wire.live(seconds(100));
    wire.hear(READY);
    assert_eq!((wire.asked(), wire.opened), (vec!["smd+1".to_owned()], 1), "P&L was served all the time");
    let [Event::Ready, Event::Gap(gap)] = &wire.events[..] else { panic!("{:?}", wire.events) };
    assert_eq!((gap.key.as_str(), gap.since, gap.until), ("smd+1", since, since + seconds(100)));
}
