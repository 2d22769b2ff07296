//! What is tried again, and what is not.

use super::*;

#[test]
fn what_may_pass_is_tried_again_with_growing_waits() {
    let failures = [
        Err(TransportError::timeout()),
        Ok(answer(503, "")),
        Ok(answer(200, "<html>hotel</html>")),
        Err(TransportError::new(TransportKind::Connect, "refused")),
    ];
    for step in [Step::GetAccessToken, Step::GetBearerToken, Step::SsodhInit] {
        let failures = failures.iter().map(|failure| match failure {
            Ok(response) => Ok(response.clone()),
            Err(error) => Err(TransportError::new(error.kind(), "")),
        });
        let (bench, outcome) = connect(&mut session(), first(step, failures.collect()));
        assert!(outcome.is_ok(), "{step}: {outcome:?}");
        let at: Vec<_> = bench.sent.iter().filter(|(_, sent)| *sent == step).map(|(at, _)| *at).collect();
        let waits: Vec<_> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        assert_eq!(waits.len(), 4);
        for (wait, least) in waits.iter().zip([1.0, 2.0, 4.0, 8.0]) {
            assert!((least..=least * 1.5 + 0.1).contains(wait), "{step}: {waits:?}");
        }
    }
}

fn broken() -> Answer {
    Err(TransportError::new(TransportKind::Broken, "reset"))
}

#[test]
fn a_connection_that_broke_is_replaced_at_once_and_once() {
    for step in [Step::SsodhInit, Step::GetAccessToken, Step::GetBearerToken] {
        let (bench, outcome) = connect(&mut session(), first(step, vec![broken()]));
        assert!(outcome.is_ok(), "{step}: {outcome:?}");
        assert_eq!(count(&bench, step), 2);
        // No two assertions are alike, so a signed step waits for the next second.
        assert!(
            bench.elapsed() <= Duration::from_millis(if step == Step::SsodhInit { 200 } else { 1_200 }),
            "{step}"
        );
        let (bench, outcome) = connect(&mut session(), first(step, vec![broken(), broken()]));
        assert!(outcome.is_ok(), "{step}: {outcome:?}");
        assert!(bench.elapsed() >= Duration::from_secs(2), "{step}: not hammered");
    }
    let once = Retry { attempts: 1, ..Retry::default() };
    let mut session = Session::new(testing::config().with_retry(once).unwrap(), testing::FakeKey, 1);
    let (bench, outcome) = connect(&mut session, first(Step::SsodhInit, vec![broken()]));
    assert_eq!((outcome.unwrap_err().kind(), count(&bench, Step::SsodhInit)), (ErrorKind::Transport, 1));
}

#[test]
fn of_the_single_steps_only_a_logout_is_sent_once_more() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    bench.run(&mut session, &ticket, healthy).unwrap();
    let ticket = session.tickle();
    let outcome = bench.run(&mut session, &ticket, first(Step::Tickle, vec![broken()]));
    assert_eq!((outcome.unwrap_err().kind(), count(&bench, Step::Tickle)), (ErrorKind::Transport, 1));
    let ticket = session.logout();
    bench.run(&mut session, &ticket, first(Step::Logout, vec![broken()])).unwrap();
    assert_eq!(count(&bench, Step::Logout), 2);
}

#[test]
fn a_login_does_not_depend_on_sso_validate() {
    for failure in
        [Ok(answer(429, "")), Ok(answer(503, "")), Ok(answer(404, "")), Err(TransportError::timeout())]
    {
        let mut session = session();
        let mut answers = first(Step::ValidateSso, vec![failure]);
        let (bench, outcome) = connect(&mut session, not_yet_established(&mut answers));
        outcome.unwrap();
        assert_eq!(count(&bench, Step::ValidateSso), 1, "IBKR takes one a minute");
        assert!(session.is_connected());
    }
}

#[test]
fn sso_validate_is_asked_once_a_minute_at_most() {
    let (mut session, mut bench) = (session(), Bench::new());
    for _ in 0..4 {
        let ticket = session.connect();
        bench.run(&mut session, &ticket, not_yet_established(healthy)).unwrap();
        bench.advance(Duration::from_secs(25));
    }
    assert_eq!(count(&bench, Step::ValidateSso), 2);
}

#[test]
fn a_success_with_an_error_inside_is_no_success() {
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::SsodhInit => Ok(answer(200, r#"{"error":"failed"}"#)),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(count(&bench, Step::SsodhInit), 5);
}

#[test]
fn patience_ends() {
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::GetBearerToken => Ok(answer(500, "")),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(count(&bench, Step::GetBearerToken), 5);
}

#[test]
fn what_cannot_pass_is_not_tried_again() {
    for (step, status) in [
        (Step::GetAccessToken, 400),
        (Step::GetAccessToken, 401),
        (Step::GetBearerToken, 401),
        (Step::GetBearerToken, 403),
        (Step::SsodhInit, 401),
        (Step::GetAccessToken, 302),
        (Step::GetAccessToken, 404),
    ] {
        let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
            sent if sent == step => Ok(answer(status, "{}")),
            _ => healthy(transmit),
        });
        let error = outcome.unwrap_err();
        assert_eq!((error.step(), count(&bench, step)), (Some(step), 1), "{error}");
        assert!(!error.help().is_empty());
    }
}

#[test]
fn an_untrusted_certificate_ends_it_at_once() {
    for kind in [TransportKind::Tls, TransportKind::CertificateDate] {
        let tls = Err(TransportError::new(kind, "not this one"));
        let (bench, outcome) = connect(&mut session(), first(Step::GetAccessToken, vec![tls]));
        assert_eq!(outcome.unwrap_err().advice(), Advice::DoNotRetry);
        assert_eq!(count(&bench, Step::GetAccessToken), 1);
    }
}

#[test]
fn credentials_that_the_proxy_refuses_are_not_tried_on_one_service_after_the_other() {
    let refused = || Err(TransportError::new(TransportKind::ProxyRefused, "407"));
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::PublicIp => refused(),
        _ => healthy(transmit),
    });
    let error = outcome.unwrap_err();
    assert_eq!((error.advice(), error.may_have_been_executed()), (Advice::DoNotRetry, false));
    assert_eq!(count(&bench, Step::PublicIp), 1);
}

#[test]
fn a_penalty_is_not_waited_out_but_told() {
    let (bench, outcome) = connect(&mut session(), first(Step::SsodhInit, vec![Ok(answer(429, ""))]));
    let error = outcome.unwrap_err();
    assert_eq!(error.advice(), Advice::RetryAfter(Duration::from_secs(900)));
    assert!(error.to_string().ends_with("not again before 900 s have passed"), "{error}");
    assert_eq!(count(&bench, Step::SsodhInit), 1);
}

#[test]
fn a_short_retry_after_is_obeyed() {
    let mut slow_down = answer(429, "");
    slow_down.headers_mut().insert("retry-after", "9".parse().unwrap());
    let (bench, outcome) = connect(&mut session(), first(Step::SsodhInit, vec![Ok(slow_down)]));
    assert!(outcome.is_ok());
    assert!(bench.elapsed() >= Duration::from_secs(9));
}

#[test]
fn a_410_to_init_is_forgiven_if_the_session_is_there_all_the_same() {
    let gone = || Ok(answer(410, "gone"));
    let (bench, outcome) = connect(&mut session(), first(Step::SsodhInit, vec![gone()]));
    assert!(outcome.is_ok());
    assert_eq!((count(&bench, Step::SsodhInit), count(&bench, Step::Status)), (1, 1));

    let (_, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::SsodhInit => gone(),
        Step::Status => Ok(answer(200, r#"{"authenticated":false,"competing":false,"connected":false}"#)),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn a_key_that_cannot_sign_ends_it_at_once() {
    struct Broken;
    impl ibkr_auth_core::Sign for Broken {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, ibkr_auth_core::SignError> {
            Err(ibkr_auth_core::SignError::new("the token is not plugged in"))
        }
    }
    let mut session = Session::new(testing::config(), Broken, 1);
    let (_, outcome) = connect(&mut session, healthy);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sign);
    assert!(error.to_string().contains("not plugged in"));
    let source = std::error::Error::source(&error).expect("the signer's own error");
    assert!(source.is::<ibkr_auth_core::SignError>());
}

#[test]
fn a_look_up_services_troubles_say_nothing_about_ibkr() {
    for (status, body) in [(429, ""), (410, "gone"), (302, ""), (401, "")] {
        let (bench, outcome) = connect(&mut session(), first(Step::PublicIp, vec![Ok(answer(status, body))]));
        assert!(outcome.is_ok(), "{status}: {outcome:?}");
        assert!(bench.elapsed() < Duration::from_secs(1), "{status}: the next service is asked at once");
    }
}

#[test]
fn a_web_page_that_says_403_is_the_edges_or_a_proxys_and_may_pass() {
    let page = || Ok(answer(403, "<html><title>Access Denied</title></html>"));
    for step in [Step::GetAccessToken, Step::GetBearerToken, Step::SsodhInit] {
        let (_, outcome) = connect(&mut session(), first(step, vec![page()]));
        assert!(outcome.is_ok(), "{step}: {outcome:?}");
    }
}

#[test]
fn a_refused_address_is_looked_up_elsewhere_before_it_counts() {
    let lookup = |address: &'static str| Ok(answer(200, address));
    let refused = || Ok(answer(401, "{}"));
    // The first service lies, the second tells the truth.
    let mut looked_up = 0;
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::PublicIp => {
            looked_up += 1;
            lookup(if looked_up == 1 { "8.8.8.8" } else { "9.9.9.9" })
        }
        Step::GetBearerToken if looked_up == 1 => refused(),
        _ => healthy(transmit),
    });
    outcome.unwrap();
    assert_eq!((count(&bench, Step::PublicIp), count(&bench, Step::GetBearerToken)), (2, 2));

    // All agree: it is a refusal, and the assertion was not spent again.
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::PublicIp => lookup("8.8.8.8"),
        Step::GetBearerToken => refused(),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(count(&bench, Step::GetBearerToken), 1);

    // Two ways out: the advice names what helps.
    let mut flip = false;
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::PublicIp => {
            flip = !flip;
            lookup(if flip { "8.8.8.8" } else { "9.9.9.9" })
        }
        Step::GetBearerToken => refused(),
        _ => healthy(transmit),
    });
    let error = outcome.unwrap_err();
    assert!(error.help().contains("alternative_ips"), "{error}");
    assert!(count(&bench, Step::GetBearerToken) <= 6);
}

#[test]
fn a_web_page_refuses_nothing_whatever_its_status() {
    for status in [400, 401] {
        for step in [Step::ValidateSso, Step::SsodhInit, Step::Status] {
            let page = http::Response::builder().status(status).header("content-type", "text/html");
            let page = page.body(b"<html><title>hotel</title></html>".to_vec()).unwrap();
            let (_, outcome) = connect(&mut session(), first(step, vec![Ok(page)]));
            outcome.unwrap();
        }
    }
}
