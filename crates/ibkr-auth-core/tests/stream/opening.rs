//! From a closed socket to one that serves.

use super::*;

#[test]
fn nothing_but_tic_is_sent_before_it_is_ready() {
    let mut wire = Wire::new(Tier::Brokerage);
    assert_eq!(wire.stream.state(), State::Closed);
    wire.wish("smd+1+{}");
    wire.wish("inp+exercise");
    wire.hear(SUCCESS);
    wire.hear(r#"{"topic":"act","args":{}}"#);
    assert_eq!((wire.opened, wire.sent()), (1, vec!["tic".to_owned()]), "`system` is too early a sign");
    assert_eq!(wire.stream.state(), State::Open(Readiness::NotYet));
    wire.hear(READY);
    assert_eq!(wire.sent(), ["smd+1+{}", "inp+exercise"]);
    assert_eq!((&wire.events[..], wire.stream.state()), (&[Event::Ready][..], State::Open(Readiness::Ready)));
}

#[test]
fn the_session_id_is_sent_when_it_is_asked_for_and_once() {
    let mut wire = Wire::new(Tier::Brokerage);
    wire.run();
    assert_eq!(wire.sent(), ["tic"]);
    wire.hear(WAITING);
    assert_eq!(wire.sent(), [r#"{"session":"bb66"}"#]);
    wire.hear(WAITING);
    wire.hear(READY);
    assert_eq!(wire.sent(), [""; 0], "a socket that has its session takes it for a topic");
}

#[test]
fn without_a_session_id_a_new_connection_is_tried() {
    let mut wire = Wire::without_session_id();
    wire.run();
    wire.hear(WAITING);
    assert!(matches!(wire.events[..], [Event::Lost { why: Loss::NoSessionId, .. }]), "{:?}", wire.events);
    assert_eq!(wire.closed, 1);
}

#[test]
fn a_socket_that_serves_nothing_is_given_up() {
    let mut wire = Wire::new(Tier::Brokerage);
    wire.run();
    for _ in 0..29 {
        wire.pass(seconds(1));
        wire.hear(HEARTBEAT);
    }
    assert_eq!(wire.closed, 0);
    wire.pass(seconds(1));
    assert!(matches!(wire.events[..], [Event::Lost { why: Loss::NotReady, .. }]), "{:?}", wire.events);
}

#[test]
fn pieces_of_the_status_add_up_and_a_competitor_holds_up() {
    let mut wire = Wire::new(Tier::Brokerage);
    wire.wish("smd+1");
    wire.hear(r#"{"topic":"sts","args":{"competing":true}}"#);
    wire.hear(READY);
    assert_eq!(wire.asked(), [""; 0]);
    assert_eq!(wire.events, [Event::PortfolioOnly { competing: true, reason: None }]);
    wire.hear(r#"{"topic":"sts","args":{"competing":false}}"#);
    assert_eq!(wire.asked(), ["smd+1"]);
}

#[test]
fn portfolio_topics_need_no_brokerage_session() {
    let mut wire = Wire::new(Tier::Brokerage);
    for wish in ["smd+1", "spl", "sld+U1", "ssd+U1"] {
        wire.wish(wish);
    }
    wire.hear(NOT_AUTHENTICATED);
    assert_eq!(wire.asked(), ["ssd+U1", "sld+U1", "spl"]);
    assert_eq!(wire.stream.state(), State::Open(Readiness::Portfolio));
    wire.live(seconds(300));
    assert_eq!((wire.asked(), wire.closed), (vec![], 0), "there is nothing to gain by another connection");
    wire.hear(READY);
    assert_eq!(wire.asked(), ["smd+1"]);
}

#[test]
fn where_the_status_does_not_come_it_is_waited_for_in_the_brokerage_tier() {
    let mut wire = Wire::new(Tier::Brokerage);
    wire.wish("spl");
    wire.hear(SUCCESS);
    wire.pass(seconds(9));
    assert_eq!(wire.asked(), [""; 0]);
    wire.pass(seconds(1));
    assert_eq!(wire.asked(), ["spl"]);

    let mut wire = Wire::new(Tier::ReadOnly);
    wire.wish("spl");
    wire.hear(SUCCESS);
    assert_eq!(wire.asked(), ["spl"]);
}

#[test]
fn what_waits_is_bounded_and_told() {
    let mut wire = Wire::new(Tier::Brokerage);
    for number in 0..HELD {
        wire.wish(&format!("inp+{number}"));
    }
    assert_eq!(wire.stream.wish("inp+more").unwrap_err().kind(), ErrorKind::NotConnected);
    wire.wish(r#"{"session":"theirs"}"#);
    wire.wish("smd+1");
    wire.hear(READY);
    let asked = wire.asked();
    assert_eq!(
        (asked.len(), asked[0].as_str()),
        (1 + HELD, "smd+1"),
        "a subscription is no frame that waits"
    );
    assert!(asked[1..].iter().enumerate().all(|(number, text)| *text == format!("inp+{number}")));
}

#[test]
fn a_gate_alone_holds_all_it_is_given() {
    let mut gate = Gate::new(Tier::Brokerage);
    let now = Wire::new(Tier::Brokerage).now.mono;
    gate.opened(Some(&Secret::new("ours")));
    for text in ["smd+1", "spl", "tic", r#"{"session":"theirs"}"#, "umd+1+{}", "upl"] {
        gate.hold(text).unwrap();
    }
    let all = |gate: &mut Gate| std::iter::from_fn(|| gate.release(now)).collect::<Vec<_>>();
    assert_eq!(all(&mut gate), ["tic"]);
    gate.saw(now, &Frame::parse(WAITING));
    assert_eq!(all(&mut gate), [r#"{"session":"ours"}"#]);
    gate.saw(now, &Frame::parse(NOT_AUTHENTICATED));
    assert_eq!(all(&mut gate), ["spl", "upl"], "none waits for one that needs more");
    gate.saw(now, &Frame::parse(READY));
    assert_eq!(all(&mut gate), ["smd+1", "umd+1+{}"]);
    gate.closed();
    gate.hold("sor").unwrap();
    assert_eq!(all(&mut gate), [""; 0]);
    assert!(!format!("{gate:?}").contains("ours"));
}

#[test]
fn a_session_gives_the_request_once_it_has_a_token() {
    let mut session = Session::new(testing::config(), testing::FakeKey, 0);
    assert_eq!(session.websocket([0; 16]).unwrap_err().kind(), ErrorKind::OutOfOrder);
    assert_eq!(session.snapshot().websocket([0; 16]).unwrap_err().kind(), ErrorKind::NotConnected);
    let (mut bench, connect) = (testing::Bench::new(), session.connect());
    bench.run(&mut session, &connect, testing::healthy).unwrap();
    let tickle = session.tickle();
    bench.run(&mut session, &tickle, testing::healthy).unwrap();
    for upgrade in [session.websocket([0; 16]), session.snapshot().websocket([0; 16])].map(Result::unwrap) {
        let (bearer, id) = (session.bearer().unwrap(), upgrade.session_id().unwrap().clone());
        assert!(!format!("{upgrade:?}").contains(bearer.expose()));
        let request = upgrade.into_request();
        assert_eq!(request.uri().query(), Some(format!("bearer_token={}", bearer.expose()).as_str()));
        assert_eq!(request.headers()["cookie"], format!("api={}", id.expose()));
    }
}

#[test]
fn debug_hides_the_session_id() {
    assert_eq!(format!("{:?}", Output::Send(r#"{"session":"bb66"}"#.to_owned())), "Send([redacted])");
    assert_eq!(format!("{:?}", Output::Send("tic".to_owned())), r#"Send("tic")"#);
}
