//! How often is logged in at most, whoever asks for it, and however often the program is started again.

use std::time::SystemTime;

use ibkr_auth_core::{History, KeepConnected, Phase};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A process that begins with this history, and what it leaves behind. Everything sent is told with its time.
fn process(
    bench: &mut Bench,
    before: &History,
    answers: impl FnMut(&Transmit) -> Answer,
) -> (Result<(), Error>, History) {
    let mut session = session();
    session.recall(before, bench.now);
    let ticket = session.connect();
    let outcome = bench.run(&mut session, &ticket, answers).map(drop);
    (outcome, session.history(bench.now))
}

fn sent(bench: &Bench, step: Step) -> Vec<Duration> {
    bench.sent.iter().filter(|(_, sent)| *sent == step).map(|(at, _)| *at).collect()
}

/// Through JSON, as a file keeps it.
fn kept(history: &History) -> History {
    serde_json::from_str(&serde_json::to_string(history).unwrap()).unwrap()
}

#[test]
fn a_program_in_a_crash_loop_logs_in_no_more_often_than_is_safe() {
    for (apart, hours) in [(2, 3), (60, 30), (300, 30)] {
        let (mut bench, mut history) = (Bench::new(), History::default());
        while bench.elapsed() < hours * HOUR {
            let (outcome, after) = process(&mut bench, &history, healthy);
            if let Err(error) = outcome {
                assert_eq!((error.kind(), error.step()), (ErrorKind::LoginsSpent, None));
                assert!(!error.may_have_been_executed());
                let Advice::RetryAfter(left) = error.advice() else { panic!("{error:?}") };
                assert!(left <= HOUR, "{left:?}");
                assert!(error.to_string().contains("IBKR locks accounts"), "{error}");
            }
            history = kept(&after);
            bench.advance(Duration::from_secs(apart));
        }
        let logins = sent(&bench, Step::GetAccessToken);
        assert!(logins.windows(13).all(|more| more[12] - more[0] >= HOUR), "{apart}: {logins:?}");
        assert!(logins.windows(61).all(|more| more[60] - more[0] >= 24 * HOUR), "{apart}");
        assert!(logins.len() > 6 + 6 * (hours as usize - 1) / 4, "{apart}: it goes on: {}", logins.len());
    }
}

#[test]
fn whatever_answers_assertions_have_an_end() {
    let (mut bench, mut history) = (Bench::new(), History::default());
    let mut worst = None;
    for _ in 0..200 {
        let (outcome, after) = process(&mut bench, &history, |transmit| match transmit.step {
            Step::GetAccessToken => Ok(answer(503, "")),
            _ => healthy(transmit),
        });
        worst = outcome.err();
        history = kept(&after);
        assert!(history.logins.is_empty());
    }
    assert_eq!(worst.unwrap().kind(), ErrorKind::LoginsSpent);
    let assertions = sent(&bench, Step::GetAccessToken);
    assert!(assertions.len() >= 20, "a closed door is not given up too soon: {}", assertions.len());
    assert!(assertions.windows(41).all(|more| more[40] - more[0] >= HOUR));
}

#[test]
fn a_login_that_has_not_left_this_machine_counts_for_nothing() {
    let (mut bench, mut history) = (Bench::new(), History::default());
    for _ in 0..100 {
        let nowhere = || Err(TransportError::new(TransportKind::Connect, "no route"));
        let (outcome, after) = process(&mut bench, &history, |_| nowhere());
        assert_ne!(outcome.unwrap_err().kind(), ErrorKind::LoginsSpent);
        history = after;
    }
    assert_eq!((history.logins, history.assertions), (vec![], vec![]));
}

#[test]
fn a_whole_login_counts_once_and_so_do_its_steps_one_by_one() {
    let mut bench = Bench::new();
    let (_, after) = process(&mut bench, &History::default(), healthy);
    assert_eq!((after.logins.len(), after.assertions.len()), (1, 1));
    let mut session = session();
    for logins in 1..=2 {
        let ticket = session.get_access_token();
        bench.run(&mut session, &ticket, healthy).unwrap();
        let ticket = session.get_bearer_token();
        bench.run(&mut session, &ticket, healthy).unwrap();
        bench.advance(MINUTE);
        assert_eq!(session.history(bench.now).logins.len(), logins);
    }
    let ticket = session.get_bearer_token();
    bench.run(&mut session, &ticket, healthy).unwrap();
    assert_eq!(session.history(bench.now).logins.len(), 3, "the access token was used before");
}

#[test]
fn a_token_that_was_not_answered_pays_for_no_bearer() {
    let (mut bench, mut session) = (Bench::new(), session());
    let ticket = session.get_access_token();
    bench.run(&mut session, &ticket, healthy).unwrap();
    let ticket = session.get_access_token();
    bench.advance(MINUTE);
    bench.run(&mut session, &ticket, |_| Ok(answer(503, ""))).unwrap_err();
    let ticket = session.get_bearer_token();
    bench.run(&mut session, &ticket, healthy).unwrap();
    let history = session.history(bench.now);
    assert_eq!((history.logins.len(), history.assertions.len()), (2, 3));
}

#[test]
fn single_steps_and_the_automatic_mode_share_the_count() {
    let (mut bench, mut session) = (Bench::new(), session());
    let outcomes: Vec<_> = (0..8)
        .map(|_| {
            bench.advance(MINUTE / 6);
            let ticket = session.get_access_token();
            bench.run(&mut session, &ticket, healthy).map_err(|error| error.kind()).map(drop)
        })
        .collect();
    assert_eq!(outcomes[..6], [Ok(()); 6]);
    assert_eq!(outcomes[6..], [Err(ErrorKind::LoginsSpent); 2]);
    let before = bench.sent.len();
    session.keep_connected(KeepConnected::default());
    bench.live(&mut session, MINUTE, healthy);
    assert_eq!(bench.sent.len(), before);
    assert!(matches!(session.phase(), Phase::LoginsSpent { .. }));
    bench.until(&mut session, Session::is_connected, healthy);
    assert!(bench.elapsed() < 10 * MINUTE, "{:?}", bench.elapsed());
}

#[test]
fn a_connect_that_becomes_the_automatic_modes_is_held_back_as_well() {
    let (mut bench, mut session) = (Bench::new(), session());
    let mut history = History::default();
    for _ in 0..6 {
        history = history.with_login(bench.now.wall);
    }
    session.recall(&history, bench.now);
    let _ticket = session.connect();
    session.keep_connected(KeepConnected::default());
    bench.live(&mut session, MINUTE, healthy);
    assert_eq!(count(&bench, Step::GetAccessToken), 0);
    assert!(matches!(session.phase(), Phase::LoginsSpent { .. }));
}

#[test]
fn a_server_on_this_machine_locks_nobody_out() {
    let host = Host::custom("https://localhost:5000").unwrap();
    let (mut bench, mut history) = (Bench::new(), History::default());
    for _ in 0..50 {
        let mut session = Session::new(testing::config().with_host(host.clone()), testing::FakeKey, 1);
        session.recall(&history, bench.now);
        let ticket = session.connect();
        bench.run(&mut session, &ticket, healthy).unwrap();
        history = session.history(bench.now);
    }
    assert_eq!(history.logins.len(), 50, "it is known all the same");
}

#[test]
fn a_pause_that_ibkr_asked_for_outlives_the_process() {
    let mut bench = Bench::new();
    let (outcome, history) = process(&mut bench, &History::default(), |transmit| match transmit.step {
        Step::GetAccessToken => Ok(testing::rate_limited(Some(10 * MINUTE))),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::RateLimited);
    bench.advance(5 * MINUTE);
    let before = bench.sent.len();
    let (outcome, history) = process(&mut bench, &kept(&history), healthy);
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimited, None));
    assert!(!error.may_have_been_executed());
    assert!(matches!(error.advice(), Advice::RetryAfter(left) if left > 4 * MINUTE && left < 6 * MINUTE));
    assert_eq!(bench.sent.len(), before);
    // The automatic mode waits for its end.
    let mut session = session();
    session.recall(&history, bench.now);
    session.keep_connected(KeepConnected::default());
    bench.until(&mut session, Session::is_connected, healthy);
    assert!(bench.elapsed() >= 10 * MINUTE && bench.elapsed() < 11 * MINUTE, "{:?}", bench.elapsed());
    // Who takes the risk is not held back.
    let mut session = super::session();
    bench.now = Bench::new().now;
    session.recall(&history, bench.now);
    session.override_guard();
    let ticket = session.connect();
    bench.run(&mut session, &ticket, healthy).unwrap();
}

#[test]
fn who_takes_the_risk_is_counted_all_the_same() {
    let (mut bench, mut session) = (Bench::new(), session());
    let mut history = History::default();
    for _ in 0..12 {
        history = history.with_login(bench.now.wall);
    }
    session.recall(&history, bench.now);
    assert_eq!(session.may_log_in(bench.now).unwrap_err().kind(), ErrorKind::LoginsSpent);
    session.override_guard();
    session.may_log_in(bench.now).unwrap();
    let ticket = session.connect();
    bench.run(&mut session, &ticket, healthy).unwrap();
    let history = session.history(bench.now);
    assert_eq!(history.logins.len(), 13);
    assert_eq!(process(&mut bench, &history, healthy).0.unwrap_err().kind(), ErrorKind::LoginsSpent);
}

#[test]
fn a_clock_that_was_set_back_turns_no_guard_off_and_none_on_for_good() {
    let now = Bench::new().now;
    let seconds = now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    for ahead in [1, 9_000, 2_000_000_000, u64::MAX - seconds] {
        let later = seconds + ahead;
        let mut history = History::default();
        (history.logins, history.validated) = (vec![later; 12], Some(later));
        history.quiet_until = Some(later);
        let mut session = session();
        session.recall(&history, now);
        assert!(session.may_log_in(now).is_err());
        let seen = session.history(now);
        assert_eq!((seen.logins, seen.validated), (vec![seconds; 12], Some(seconds)), "{ahead}");
        assert_eq!(seen.quiet_until, Some(later.min(seconds + 3_600)));
    }
}

#[test]
fn a_history_that_is_handed_on_over_and_over_does_not_drift() {
    let mut bench = Bench::new();
    let mut history = History::default().with_login(bench.now.wall);
    let first = history.clone();
    for _ in 0..1_000 {
        bench.advance(Duration::from_millis(333));
        // The clock on the wall is slewed.
        bench.now.wall += Duration::from_nanos(300);
        let mut session = session();
        session.recall(&kept(&history), bench.now);
        history = session.history(bench.now);
    }
    assert_eq!((history.logins, history.validated), (first.logins, first.validated));
}

#[test]
fn no_two_logins_of_one_history_sign_the_same_bytes() {
    let mut signed = BTreeSet::new();
    // As many logins as one likes, at once and some seconds apart.
    for apart in 0..25 {
        let (mut bench, mut history) = (Bench::new(), History::default());
        bench.advance(apart * 1_000 * HOUR);
        for _ in 0..20 {
            let mut session = Session::new(testing::config(), testing::FakeKey, 7);
            session.recall(&history, bench.now);
            session.override_guard();
            let ticket = session.connect();
            let mut bodies = Vec::new();
            let outcome = bench.run(&mut session, &ticket, |transmit| {
                if matches!(transmit.step, Step::GetAccessToken | Step::GetBearerToken) {
                    bodies.push(transmit.request.body().clone());
                }
                healthy(transmit)
            });
            outcome.unwrap();
            assert!(bodies.into_iter().all(|body| signed.insert(body)), "{apart} s apart");
            history = session.history(bench.now);
            bench.advance(apart * Duration::from_secs(1));
        }
    }
}

#[test]
fn a_login_that_is_about_to_begin_is_counted_with_all_that_it_sends() {
    let now = Bench::new().now;
    let history = History::default().with_login(now.wall);
    assert_eq!((history.logins.len(), history.assertions.len()), (1, 1));
    let mut session = session();
    session.recall(&history, now);
    assert!(session.validate_allowed_in(now) > Duration::from_secs(59));
    let later = now.wall + Duration::from_secs(30);
    assert_eq!(history.clone().with_login(later).validated, history.validated, "that one does without");
    assert_eq!(history.logins_within(HOUR, later), 1);
    assert_eq!(history.logins_within(HOUR, now.wall + HOUR), 0);
}

#[test]
fn a_429_to_sso_validate_holds_nothing_else_back() {
    for (step, holds) in [(Step::ValidateSso, false), (Step::Tickle, true)] {
        let (mut session, mut bench) = (session(), Bench::new());
        let connect = session.connect();
        bench.run(&mut session, &connect, healthy).unwrap();
        let limited = || first(step, vec![Ok(testing::rate_limited(None))]);
        let error = match step {
            Step::Tickle => {
                let ticket = session.tickle();
                bench.run(&mut session, &ticket, limited()).unwrap_err()
            }
            _ => {
                let ticket = session.validate_sso();
                bench.run(&mut session, &ticket, limited()).unwrap_err()
            }
        };
        assert_eq!((error.kind(), error.pause().is_some()), (ErrorKind::RateLimited, holds));
        assert_eq!(session.may_log_in(bench.now).is_err(), holds);
        assert_eq!(session.history(bench.now).quiet_until.is_some(), holds);
    }
}
