//! Wrong clocks, and what is never signed twice.

use super::*;

#[test]
fn a_wrong_clock_is_corrected_and_the_step_tried_once_more() {
    for (step, offset) in
        [(Step::GetAccessToken, 280), (Step::GetAccessToken, -90), (Step::GetBearerToken, 280)]
    {
        let refused = || Ok(dated(answer(401, r#"{"error":"invalid_client"}"#), offset));
        let mut session = session();
        let mut bodies = Vec::new();
        let mut answers = first(step, vec![refused()]);
        let (bench, outcome) = connect(&mut session, |transmit| {
            if transmit.step == step {
                bodies.push(transmit.request.body().clone());
            }
            answers(transmit)
        });
        outcome.unwrap();
        assert!((offset * 1000 - 1_100..=offset * 1000).contains(&session.clock_skew().millis()));
        assert_eq!(count(&bench, step), 2);
        assert_ne!(bodies[0], bodies[1], "an assertion is never sent twice");
        assert!(bench.elapsed() < Duration::from_secs(1), "nothing to wait for");
    }
}

#[test]
fn a_refusal_after_the_clock_was_corrected_is_final() {
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::GetAccessToken => Ok(dated(answer(401, ""), 200)),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(count(&bench, Step::GetAccessToken), 2);
}

#[test]
fn a_clock_that_is_off_by_more_is_for_the_user_to_set() {
    for offset in [3_600, -400, 200_000_000] {
        let mut session = session();
        let (bench, outcome) = connect(&mut session, |transmit| match transmit.step {
            Step::GetAccessToken => Ok(dated(answer(401, ""), offset)),
            _ => healthy(transmit),
        });
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.advice()), (ErrorKind::Clock, Advice::DoNotRetry));
        assert!(error.help().contains("clock"), "{error}");
        assert_eq!(count(&bench, Step::GetAccessToken), 1, "nothing is signed for another day");
        assert_eq!(session.clock_skew().millis(), 0);
    }
}

#[test]
fn a_single_step_corrects_the_clock_too_but_repeats_nothing_else() {
    let mut bench = Bench::new();
    let mut one = session();
    let ticket = one.get_access_token();
    let refused = Ok(dated(answer(400, ""), 60));
    bench.run(&mut one, &ticket, first(Step::GetAccessToken, vec![refused])).unwrap();
    assert_eq!(bench.sent.len(), 2);

    for failure in [Ok(answer(503, "")), Err(TransportError::timeout())] {
        let mut bench = Bench::new();
        let mut one = session();
        let ticket = one.get_access_token();
        bench.run(&mut one, &ticket, first(Step::GetAccessToken, vec![failure])).unwrap_err();
        assert_eq!(bench.sent.len(), 1);
    }
}

#[test]
fn two_tokens_within_a_second_are_not_asked_with_the_same_assertion() {
    let (mut session, mut bench) = (session(), Bench::new());
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let ticket = session.get_access_token();
        bench
            .run(&mut session, &ticket, |transmit| {
                assert!(seen.insert(transmit.request.body().clone()));
                healthy(transmit)
            })
            .unwrap();
    }
    assert_eq!(seen.len(), 3);
    assert!(bench.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_clock_that_is_set_back_repeats_no_assertion() {
    let (mut session, mut bench) = (session(), Bench::new());
    let mut seen = BTreeSet::new();
    for back in [0, 1, 1, 2, 0, 3] {
        bench.now.wall -= Duration::from_secs(back);
        let ticket = session.get_access_token();
        bench
            .run(&mut session, &ticket, |transmit| {
                assert!(seen.insert(transmit.request.body().clone()), "sent twice");
                healthy(transmit)
            })
            .unwrap();
    }
}

#[test]
fn a_look_up_service_teaches_neither_clock_nor_cookie() {
    let mut session = session();
    let (_, outcome) = connect(&mut session, |transmit| {
        let mut response = healthy(transmit)?;
        if transmit.step == Step::PublicIp {
            response = dated(response, 7200);
            response.headers_mut().insert("set-cookie", "api=abcdef".parse().unwrap());
        }
        Ok(response)
    });
    outcome.unwrap();
    assert_eq!((session.clock_skew().millis(), session.session_id().is_some()), (0, false));
}
