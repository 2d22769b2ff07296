//! The steps of a login, its tiers and its services.

use super::*;

#[test]
fn connect_is_three_round_trips_and_the_look_up_overlaps_the_first() {
    let mut session = session();
    let (bench, outcome) = connect(&mut session, healthy);
    assert!(outcome.is_ok() && session.is_connected());
    assert_eq!(steps(&bench), [Step::GetAccessToken, Step::PublicIp, Step::GetBearerToken, Step::SsodhInit]);
    let round_trips: Vec<_> = bench.sent.iter().map(|(at, _)| at.as_millis() / 20).collect();
    assert_eq!(round_trips, [0, 0, 1, 2]);
    assert_eq!(bench.elapsed().as_millis() / 20, 3);
    assert_eq!(session.public_ip().unwrap().to_string(), "203.0.113.7");
    assert!(matches!(bench.events.last(), Some(Event::Connected)));
}

#[test]
fn with_an_access_token_and_a_fixed_address_a_new_session_is_two_round_trips() {
    let config = testing::config().with_public_ip([198, 51, 100, 1].into()).unwrap();
    let (mut session, mut bench) = (Session::new(config, testing::FakeKey, 1), Bench::new());
    let ticket = session.connect();
    bench.run(&mut session, &ticket, healthy).unwrap();
    session.keep_connected(KeepConnected::default());
    bench.live(&mut session, Duration::from_secs(60), healthy);
    let expired = first(Step::Tickle, vec![Ok(testing::expired())]);
    bench.until(&mut session, |session| !session.is_connected(), expired);
    let lost = bench.elapsed();
    bench.until(&mut session, Session::is_connected, healthy);
    assert_eq!(count(&bench, Step::GetAccessToken), 1);
    assert_eq!((bench.elapsed() - lost).as_millis() / 20, 2);
}

#[test]
fn sso_validate_is_asked_while_an_established_session_is_awaited() {
    let (bench, outcome) = connect_with(&mut session(), not_yet_established(healthy));
    assert_eq!(outcome.unwrap().sso.and_then(|sso| sso.paper), Some(false));
    let order = [Step::SsodhInit, Step::ValidateSso, Step::Status];
    assert_eq!(steps(&bench)[3..], order);
}

#[test]
fn a_refusal_of_sso_validate_ends_a_login_that_still_waits() {
    let refused = |transmit: &Transmit| match transmit.step {
        Step::SsodhInit => Ok(answer(200, NOT_YET)),
        Step::ValidateSso => Ok(answer(401, "{}")),
        _ => healthy(transmit),
    };
    let (bench, outcome) = connect(&mut session(), refused);
    assert_eq!(outcome.unwrap_err().step(), Some(Step::ValidateSso));
    assert_eq!((count(&bench, Step::ValidateSso), count(&bench, Step::Status)), (1, 0));
}

/// A login that was established before `sso/validate` answered, which is still to come.
fn established_before_validated() -> (Session, Bench, Ticket<Connected>, RequestId) {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    let mut unanswered = None;
    for _ in 0..5 {
        for transmit in pending(&mut session, &bench) {
            match transmit.step {
                Step::ValidateSso => unanswered = Some(transmit.id),
                Step::SsodhInit => session.receive(bench.now, transmit.id, Ok(answer(200, NOT_YET))),
                _ => session.receive(bench.now, transmit.id, healthy(&transmit)),
            }
        }
        bench.advance(Duration::from_secs(1));
    }
    (session, bench, ticket, unanswered.unwrap())
}

#[test]
fn an_established_session_does_not_wait_for_sso_validate_but_hears_it() {
    let (mut session, bench, ticket, id) = established_before_validated();
    assert!(ticket.outcome().unwrap().unwrap().sso.is_none() && session.is_connected());
    session.receive(bench.now, id, Ok(testing::healthy_answer(Step::ValidateSso)));
    assert_eq!(session.snapshot().sso().and_then(|sso| sso.paper), Some(false));

    let (mut session, bench, _, id) = established_before_validated();
    session.receive(bench.now, id, Ok(answer(401, "{}")));
    assert!(!session.is_connected(), "it says that the session is not good");
}

#[test]
fn who_asks_for_sso_validate_while_one_is_under_way_waits_for_that() {
    let (mut session, bench, _, id) = established_before_validated();
    let tickets = [session.validate_sso(), session.validate_sso()];
    session.keep_connected(KeepConnected::default());
    assert!(pending(&mut session, &bench).iter().all(|transmit| transmit.step != Step::ValidateSso));
    session.receive(bench.now, id, Ok(testing::healthy_answer(Step::ValidateSso)));
    assert!(tickets.iter().all(|ticket| ticket.outcome().unwrap().unwrap().paper == Some(false)));
}

#[test]
fn the_automatic_mode_that_begins_anew_takes_no_answer_from_who_waits_for_it() {
    let (mut session, mut bench) = (session(), Bench::new());
    session.keep_connected(KeepConnected::default());
    let mut extension = None;
    while extension.is_none() {
        for transmit in pending(&mut session, &bench) {
            match transmit.step {
                Step::ValidateSso => extension = Some(transmit.id),
                _ => session.receive(bench.now, transmit.id, healthy(&transmit)),
            }
        }
        bench.advance(Duration::from_secs(1));
    }
    let ticket = session.validate_sso();
    pending(&mut session, &bench);
    session.keep_connected(KeepConnected::default());
    pending(&mut session, &bench);
    session.receive(bench.now, extension.unwrap(), Ok(testing::healthy_answer(Step::ValidateSso)));
    assert_eq!(ticket.outcome().unwrap().unwrap().paper, Some(false));
}

#[test]
fn of_two_that_ask_for_sso_validate_at_once_one_is_sent() {
    let (mut session, mut bench) = (session(), Bench::new());
    let connect = session.connect();
    bench.run(&mut session, &connect, healthy).unwrap();
    let (one, other) = (session.validate_sso(), session.validate_sso());
    bench.run(&mut session, &one, healthy).unwrap();
    bench.run(&mut session, &other, healthy).unwrap();
    assert_eq!(count(&bench, Step::ValidateSso), 1);
}

#[test]
fn a_fixed_address_is_not_looked_up() {
    let config = testing::config().with_public_ip([198, 51, 100, 1].into()).unwrap();
    let mut session = Session::new(config, testing::FakeKey, 1);
    let (bench, outcome) = connect(&mut session, healthy);
    assert!(outcome.is_ok());
    assert_eq!(count(&bench, Step::PublicIp), 0);
    assert_eq!(session.public_ip().unwrap().to_string(), "198.51.100.1");
}

#[test]
fn the_read_only_tier_opens_no_brokerage_session() {
    let mut session = Session::new(testing::config().with_tier(Tier::ReadOnly), testing::FakeKey, 1);
    let (bench, outcome) = connect(&mut session, healthy);
    assert!(outcome.is_ok() && session.is_connected());
    assert_eq!(count(&bench, Step::SsodhInit) + count(&bench, Step::Status), 0);
}

#[test]
fn connect_waits_until_the_session_is_established() {
    let not_yet = || Ok(answer(200, NOT_YET));
    let answers = first(Step::Status, vec![not_yet(), not_yet()]);
    let (bench, outcome) = connect(&mut session(), not_yet_established(answers));
    outcome.unwrap();
    assert_eq!(count(&bench, Step::Status), 3);
    assert!(bench.elapsed() >= Duration::from_secs(3));
}

#[test]
fn a_session_that_is_never_established_ends_the_wait() {
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::SsodhInit | Step::Status => Ok(answer(200, NOT_YET)),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::NotEstablished);
    assert!((30..35).contains(&bench.elapsed().as_secs()));
}

#[test]
fn a_session_that_opens_with_compete_alone_is_told_at_once_with_the_way_out() {
    let refused = r#"{"passed":false,"authenticated":false,"connected":true,"competing":false}"#;
    let reason = r#"{"authenticated":false,"connected":true,"competing":false,
        "fail":"Force compete capability must be used together with compete flag"}"#;
    for (init, status) in [(refused, LOST), (reason, reason), (r#"{"authenticated":false}"#, reason)] {
        let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
            Step::SsodhInit => Ok(answer(200, init)),
            Step::Status => Ok(answer(200, status)),
            _ => healthy(transmit),
        });
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Competing);
        assert!(error.to_string().contains("compete alone"), "{error}");
        assert!(error.help().contains("connect with compete"), "{error}");
        assert!(bench.elapsed() < Duration::from_secs(3) && count(&bench, Step::Status) <= 1);
    }
}

#[test]
fn a_competing_session_is_told_at_once_when_we_do_not_compete() {
    let held = |transmit: &Transmit| match transmit.step {
        Step::SsodhInit | Step::Status => Ok(answer(200, LOST)),
        _ => healthy(transmit),
    };
    let (bench, outcome) = connect(&mut session(), held);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Competing);
    assert!(bench.elapsed() < Duration::from_secs(1));

    let mut competing = Session::new(testing::config().with_compete(true), testing::FakeKey, 1);
    let (bench, outcome) = connect(&mut competing, held);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Competing);
    assert!(
        bench.elapsed() >= Duration::from_secs(30),
        "when we compete, the other one is given time to end"
    );
}

#[test]
fn why_a_session_is_not_established_is_passed_on() {
    let failing =
        r#"{"authenticated":true,"established":false,"connected":true,"fail":"testuser is not entitled"}"#;
    let (_, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::SsodhInit | Step::Status => Ok(answer(200, failing)),
        _ => healthy(transmit),
    });
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("[redacted] is not entitled"), "{error}");
}

#[test]
fn single_steps_build_on_each_other_in_ibauths_order() {
    let (mut session, mut bench) = (session(), Bench::new());
    macro_rules! run {
        ($method:ident) => {{
            let ticket = session.$method();
            bench.run(&mut session, &ticket, healthy)
        }};
    }
    assert_eq!(run!(get_bearer_token).unwrap_err().kind(), ErrorKind::OutOfOrder);
    assert_eq!(run!(tickle).unwrap_err().kind(), ErrorKind::OutOfOrder);
    assert!(session.headers().is_none());
    assert_eq!(run!(get_access_token).unwrap().expires_in, Some(Duration::from_secs(86_399)));
    assert_eq!(run!(get_bearer_token).unwrap().token.expose(), "fake.bearer.token");
    assert_eq!(run!(validate_sso).unwrap().region.as_deref(), Some("NJ"));
    assert!(run!(ssodh_init).unwrap().is_ready());
    assert!(run!(status).unwrap().is_ready());
    assert_eq!(run!(tickle).unwrap().session_id.unwrap().expose().len(), 32);

    let headers = session.headers().unwrap();
    assert_eq!(headers["authorization"], "Bearer fake.bearer.token");
    assert_eq!(headers["cookie"], "api=bb665d0f55b6289d70bc7380089fc96f");
    assert!(headers["authorization"].is_sensitive() && headers["cookie"].is_sensitive());
    assert!(headers.contains_key("user-agent"));

    run!(logout).unwrap();
    assert!(!session.is_connected() && session.headers().is_none());
}

#[test]
fn a_request_of_ones_own_is_authorized_for_our_host_alone() {
    let mut session = session();
    let request = |url: &str| {
        let request =
            http::Request::post(url).header("host", "evil.example").header("authorization", "Basic x");
        request.header("transfer-encoding", "chunked").body(b"{}".to_vec()).unwrap()
    };
    assert_eq!(
        session.authorize(request("/v1/api/portfolio/accounts"), Bench::new().now).unwrap_err().kind(),
        ErrorKind::OutOfOrder
    );
    connect(&mut session, healthy).1.unwrap();
    for url in
        ["/v1/api/iserver/account/DU1/orders", "https://api.ibkr.com/v1/api/iserver/account/DU1/orders"]
    {
        let ready = session.authorize(request(url), Bench::new().now).unwrap();
        assert_eq!(ready.uri(), "https://api.ibkr.com/v1/api/iserver/account/DU1/orders");
        assert_eq!(ready.headers()["authorization"], "Bearer fake.bearer.token");
        assert_eq!(ready.headers()["content-length"], "2");
        assert!(!ready.headers().contains_key("host") && !ready.headers().contains_key("transfer-encoding"));
    }
    for url in [
        "https://evil.example/v1/api/x",
        "https://api.ibkr.com.evil.example/v1/api/x",
        "/gw/api/v1/accounts",
        "/",
    ] {
        assert_eq!(
            session.authorize(request(url), Bench::new().now).unwrap_err().kind(),
            ErrorKind::Config,
            "{url}"
        );
    }
}

#[test]
fn the_next_service_is_asked_when_one_gives_no_address() {
    let useless = vec![
        Ok(answer(200, "<html>")),
        Err(TransportError::new(TransportKind::Connect, "")),
        Ok(answer(200, "127.0.0.1")),
    ];
    let mut session = session();
    let mut hosts = Vec::new();
    let mut answers = first(Step::PublicIp, useless);
    let (bench, outcome) = connect(&mut session, |transmit| {
        if transmit.step == Step::PublicIp {
            hosts.push(transmit.request.uri().host().unwrap().to_owned());
            assert!(transmit.timeout <= Duration::from_secs(5));
        }
        answers(transmit)
    });
    outcome.unwrap();
    assert_eq!(hosts, ["api.ipify.org", "checkip.amazonaws.com", "ipinfo.io", "ifconfig.me"]);
    assert!(bench.elapsed() < Duration::from_secs(1));
}

#[test]
fn no_address_is_an_error_never_a_guess() {
    let (bench, outcome) = connect(&mut session(), |transmit| match transmit.step {
        Step::PublicIp => Ok(answer(200, "no idea")),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::PublicIp);
    assert_eq!((count(&bench, Step::PublicIp), count(&bench, Step::GetBearerToken)), (20, 0));
}

#[test]
fn the_host_can_be_changed_while_running() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    session.set_host(Host::numbered(5).unwrap());
    let ticket = session.tickle();
    bench
        .run(&mut session, &ticket, |transmit| {
            assert_eq!(transmit.request.uri().to_string(), "https://5.api.ibkr.com/v1/api/tickle");
            healthy(transmit)
        })
        .unwrap();
}

#[test]
fn every_request_is_complete() {
    connect(&mut session(), |transmit| {
        let headers = transmit.request.headers();
        assert!(headers.contains_key("user-agent"), "the edge answers 403 without");
        if transmit.request.method() == "POST" {
            let length = transmit.request.body().len().to_string();
            assert_eq!(headers["content-length"], length.as_str(), "the edge answers 411 without");
        }
        assert!(transmit.timeout > Duration::ZERO);
        healthy(transmit)
    })
    .1
    .unwrap();
}
