//! Late, lost and overtaking answers; what joins, waits and cancels.

use super::*;

#[test]
fn a_lost_answer_is_a_timeout_and_a_late_one_is_ignored() {
    let mut session = session();
    let mut bench = Bench::new();
    let ticket = session.get_access_token();
    let transmit = loop {
        match session.poll(bench.now) {
            Output::Send(transmit) => break transmit,
            other => drop(other),
        }
    };
    loop {
        match session.poll(bench.now) {
            Output::Wait(wait) if wait.in_flight == 0 => break,
            Output::Wait(wait) => bench.advance(wait.remaining(bench.now.mono)),
            other => drop(other),
        }
    }
    assert_eq!(ticket.outcome().unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(bench.elapsed(), transmit.timeout + Duration::from_secs(5));

    session.receive(bench.now, transmit.id, healthy(&transmit));
    let bearer = session.get_bearer_token();
    let outcome = bench.run(&mut session, &bearer, healthy);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::OutOfOrder, "the late token was not taken");
}

#[test]
fn late_answers_of_an_old_session_say_nothing_about_the_new_one() {
    let lost = r#"{"session":"00","iserver":{"authStatus":{"authenticated":false,"competing":true}}}"#;
    let late = [
        (Step::Tickle, answer(401, "")),
        (Step::Tickle, answer(200, lost)),
        (Step::Status, answer(400, r#"{"error":"no bridge"}"#)),
    ];
    for (step, answer) in late {
        let (mut session, mut bench) = (session(), Bench::new());
        let ticket = session.connect();
        bench.run(&mut session, &ticket, numbered_bearer(1)).unwrap();
        match step {
            Step::Tickle => drop(session.tickle()),
            _ => drop(session.status()),
        }
        let old = pending(&mut session, &bench).remove(0);
        bench.advance(Duration::from_secs(2));
        let ticket = session.connect();
        bench.run(&mut session, &ticket, numbered_bearer(2)).unwrap();
        session.receive(bench.now, old.id, Ok(answer));
        assert!(session.is_connected(), "{step}");
        assert_eq!(session.bearer().unwrap().expose(), "bearer.2");
        assert!(session.session_id().is_none());
    }
}

#[test]
fn nothing_overtakes_a_logout() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    bench.run(&mut session, &ticket, healthy).unwrap();
    let logout = session.logout();
    let again = session.connect();
    let sent = pending(&mut session, &bench);
    assert_eq!(sent.iter().map(|transmit| transmit.step).collect::<Vec<_>>(), [Step::Logout]);
    session.receive(bench.now, sent[0].id, healthy(&sent[0]));
    bench.run(&mut session, &again, healthy).unwrap();
    assert!(logout.outcome().unwrap().is_ok() && session.is_connected());
}

#[test]
fn a_logout_in_the_middle_of_a_login_leaves_no_session_behind() {
    let (mut session, mut bench) = (session(), Bench::new());
    let login = session.connect();
    let first: Vec<_> = pending(&mut session, &bench);
    for transmit in &first {
        session.receive(bench.now, transmit.id, healthy(transmit));
    }
    let bearer = pending(&mut session, &bench).remove(0);
    assert_eq!(bearer.step, Step::GetBearerToken);
    let logout = session.logout();
    assert!(pending(&mut session, &bench).is_empty(), "it waits for the bearer token");
    session.receive(bench.now, bearer.id, healthy(&bearer));
    bench.run(&mut session, &logout, healthy).unwrap();
    assert_eq!(steps(&bench), [Step::Logout]);
    assert_eq!(login.outcome().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn logging_out_without_a_session_sends_nothing() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.logout();
    bench.run(&mut session, &ticket, healthy).unwrap();
    assert!(bench.sent.is_empty());
}

#[test]
fn two_connects_at_once_are_one_login() {
    let (mut session, mut bench) = (session(), Bench::new());
    let (one, two) = (session.connect(), session.connect());
    bench.run(&mut session, &one, healthy).unwrap();
    bench.run(&mut session, &two, healthy).unwrap();
    assert_eq!(count(&bench, Step::GetAccessToken), 1);
}

#[test]
fn logout_cancels_everything_else() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let again = session.connect();
    assert!(matches!(session.poll(bench.now), Output::Send(_)));
    let logout = session.logout();
    bench.run(&mut session, &logout, healthy).unwrap();
    assert_eq!(again.outcome().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(steps(&bench).last(), Some(&Step::Logout));
}

#[test]
fn logging_out_when_we_are_out_already_is_no_error() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.logout();
    bench.run(&mut session, &ticket, |_| Ok(answer(401, ""))).unwrap();
    assert!(!session.is_connected());
}

#[test]
fn a_logout_that_ibkr_does_not_confirm_is_an_error_and_forgets_nothing() {
    for body in ["<html>hotel</html>", r#"{"status":false}"#, ""] {
        let mut session = session();
        let (mut bench, _) = connect(&mut session, healthy);
        let ticket = session.logout();
        bench.run(&mut session, &ticket, |_| Ok(answer(200, body))).unwrap_err();
        assert!(session.headers().is_some(), "it can be tried again");
    }
}

#[test]
fn the_same_seed_repeats_the_same_run() {
    let run = |seed| {
        let config = testing::config().with_retry(Retry::default()).unwrap();
        let mut session = Session::new(config, testing::FakeKey, seed);
        let failures = vec![Ok(answer(503, "")), Ok(answer(503, ""))];
        connect(&mut session, first(Step::SsodhInit, failures)).0.sent
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
