//! The state machine in virtual time: order, retries, clocks, hosts, tiers, and what is never done twice.

use std::{collections::BTreeSet, time::Duration};

use ibkr_auth_core::{
    Advice, Error, ErrorKind, Event, Host, Output, Response, Retry, Session, Step, Tier, Transmit,
    TransportError, TransportKind,
    testing::{self, Bench, answer, healthy},
};

type Answer = Result<Response, TransportError>;

const NOT_YET: &str = r#"{"authenticated":true,"established":false,"competing":false,"connected":true}"#;
const LOST: &str = r#"{"authenticated":false,"competing":true,"connected":true}"#;

fn session() -> Session {
    Session::new(testing::config(), testing::FakeKey, 1)
}

/// Answers the first calls of `step` from a list, everything else healthily.
fn first(step: Step, mut answers: Vec<Answer>) -> impl FnMut(&Transmit) -> Answer {
    answers.reverse();
    move |transmit| match (transmit.step == step).then(|| answers.pop()).flatten() {
        Some(answer) => answer,
        None => healthy(transmit),
    }
}

fn connect(session: &mut Session, answers: impl FnMut(&Transmit) -> Answer) -> (Bench, Result<(), Error>) {
    let mut bench = Bench::new();
    let ticket = session.connect();
    let outcome = bench.run(session, &ticket, answers).map(|_| ());
    (bench, outcome)
}

fn steps(bench: &Bench) -> Vec<Step> {
    bench.sent.iter().map(|(_, step)| *step).collect()
}

fn count(bench: &Bench, step: Step) -> usize {
    steps(bench).iter().filter(|sent| **sent == step).count()
}

fn date(seconds_after_start: i64) -> String {
    let wall = Bench::new().now.wall;
    let by = Duration::from_secs(seconds_after_start.unsigned_abs());
    httpdate::fmt_http_date(if seconds_after_start < 0 { wall - by } else { wall + by })
}

fn dated(mut response: Response, seconds_after_start: i64) -> Response {
    response.headers_mut().insert("date", date(seconds_after_start).parse().unwrap());
    response
}

#[test]
fn connect_is_five_requests_and_the_look_up_overlaps_the_token_request() {
    let mut session = session();
    let (bench, outcome) = connect(&mut session, healthy);
    outcome.unwrap();
    let order =
        [Step::GetAccessToken, Step::PublicIp, Step::GetBearerToken, Step::ValidateSso, Step::SsodhInit];
    assert_eq!(steps(&bench), order);
    let round_trips: Vec<_> = bench.sent.iter().map(|(at, _)| at.as_millis() / 20).collect();
    assert_eq!(round_trips, [0, 0, 1, 2, 3]);
    assert!(session.is_connected());
    assert_eq!(session.public_ip().unwrap().to_string(), "203.0.113.7");
    assert!(matches!(bench.events.last(), Some(Event::Connected)));
}

#[test]
fn a_fixed_address_is_not_looked_up() {
    let config = testing::config().with_public_ip([198, 51, 100, 1].into());
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
    let mut answers = first(Step::Status, vec![not_yet(), not_yet()]);
    let (bench, outcome) = connect(&mut session(), move |transmit| match transmit.step {
        Step::SsodhInit => Ok(answer(200, NOT_YET)),
        _ => answers(transmit),
    });
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
fn a_competing_session_is_told_at_once_when_we_do_not_compete() {
    let held = |transmit: &Transmit| match transmit.step {
        Step::SsodhInit | Step::Status => Ok(answer(200, LOST)),
        _ => healthy(transmit),
    };
    let mut yielding = Session::new(testing::config().with_compete(false), testing::FakeKey, 1);
    let (bench, outcome) = connect(&mut yielding, held);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Competing);
    assert!(bench.elapsed() < Duration::from_secs(1));

    let (bench, outcome) = connect(&mut session(), held);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Competing);
    assert!(
        bench.elapsed() >= Duration::from_secs(30),
        "when we compete, the other one is given time to end"
    );
}

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

#[test]
fn a_login_does_not_depend_on_sso_validate() {
    for failure in [Ok(answer(429, "")), Ok(answer(503, "")), Err(TransportError::timeout())] {
        let mut session = session();
        let (bench, outcome) = connect(&mut session, first(Step::ValidateSso, vec![failure]));
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
        bench.run(&mut session, &ticket, healthy).unwrap();
        bench.advance(Duration::from_secs(25));
    }
    assert_eq!(count(&bench, Step::ValidateSso), 2);
}

#[test]
fn an_access_token_that_has_ended_is_not_used() {
    for clock in ["mono", "wall"] {
        let (mut session, mut bench) = (session(), Bench::new());
        let ticket = session.get_access_token();
        bench.run(&mut session, &ticket, healthy).unwrap();
        match clock {
            "mono" => bench.now.mono += Duration::from_secs(86_400),
            _ => bench.now.wall += Duration::from_secs(86_400),
        }
        let ticket = session.get_bearer_token();
        let error = bench.run(&mut session, &ticket, healthy).unwrap_err();
        assert_eq!((error.kind(), count(&bench, Step::GetBearerToken)), (ErrorKind::Order, 0), "{clock}");
    }
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
        (Step::ValidateSso, 401),
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
        assert!(!error.todo().is_empty());
    }
}

#[test]
fn an_untrusted_certificate_ends_it_at_once() {
    let tls = Err(TransportError::new(TransportKind::Tls, "UnknownIssuer"));
    let (bench, outcome) = connect(&mut session(), first(Step::GetAccessToken, vec![tls]));
    assert_eq!(outcome.unwrap_err().advice(), Advice::Never);
    assert_eq!(count(&bench, Step::GetAccessToken), 1);
}

#[test]
fn a_penalty_is_not_waited_out_but_told() {
    let (bench, outcome) = connect(&mut session(), first(Step::SsodhInit, vec![Ok(answer(429, ""))]));
    assert_eq!(outcome.unwrap_err().advice(), Advice::RetryAfter(Duration::from_secs(600)));
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
fn a_wrong_clock_is_corrected_and_the_step_tried_once_more() {
    for (step, offset) in
        [(Step::GetAccessToken, 3600), (Step::GetAccessToken, -90), (Step::GetBearerToken, 3600)]
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
        Step::GetAccessToken => Ok(dated(answer(401, ""), 3600)),
        _ => healthy(transmit),
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(count(&bench, Step::GetAccessToken), 2);
}

#[test]
fn a_single_step_corrects_the_clock_too_but_repeats_nothing_else() {
    let mut bench = Bench::new();
    let mut one = session();
    let ticket = one.get_access_token();
    let refused = Ok(dated(answer(400, ""), 600));
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
fn single_steps_build_on_each_other_in_ibauths_order() {
    let (mut session, mut bench) = (session(), Bench::new());
    macro_rules! run {
        ($method:ident) => {{
            let ticket = session.$method();
            bench.run(&mut session, &ticket, healthy)
        }};
    }
    assert_eq!(run!(get_bearer_token).unwrap_err().kind(), ErrorKind::Order);
    assert_eq!(run!(tickle).unwrap_err().kind(), ErrorKind::Order);
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
        session.authorize(request("/v1/api/portfolio/accounts")).unwrap_err().kind(),
        ErrorKind::Order
    );
    connect(&mut session, healthy).1.unwrap();
    for url in
        ["/v1/api/iserver/account/DU1/orders", "https://api.ibkr.com/v1/api/iserver/account/DU1/orders"]
    {
        let ready = session.authorize(request(url)).unwrap();
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
        assert_eq!(session.authorize(request(url)).unwrap_err().kind(), ErrorKind::Config, "{url}");
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
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Order, "the late token was not taken");
}

/// Sends what is up and hands it over unanswered.
fn pending(session: &mut Session, bench: &Bench) -> Vec<Transmit> {
    let mut sent = Vec::new();
    loop {
        match session.poll(bench.now) {
            Output::Send(transmit) => sent.push(transmit),
            Output::Event(_) => {}
            Output::Wait(_) => return sent,
        }
    }
}

fn numbered_bearer(number: u32) -> impl FnMut(&Transmit) -> Answer {
    move |transmit| match transmit.step {
        Step::GetBearerToken => Ok(answer(200, &format!(r#"{{"access_token":"bearer.{number}"}}"#))),
        _ => healthy(transmit),
    }
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
fn a_bearer_token_in_any_shape_is_not_shown_when_a_server_repeats_it() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    let shape = "k3y:9f8e:7d6c";
    bench
        .run(&mut session, &ticket, |transmit| match transmit.step {
            Step::GetBearerToken => Ok(answer(200, &format!(r#"{{"access_token":"{shape}"}}"#))),
            _ => healthy(transmit),
        })
        .unwrap();
    let ticket = session.tickle();
    let echo = format!(r#"{{"error":"bad bearer {shape}"}}"#);
    let error = bench.run(&mut session, &ticket, |_| Ok(answer(500, &echo))).unwrap_err();
    assert!(error.to_string().contains("bad bearer [redacted]"), "{error:?}");
}

#[test]
fn a_token_that_cannot_stand_in_a_header_is_no_token() {
    for (step, body) in [
        (Step::GetAccessToken, "{\"access_token\":\"a\\r\\nb\"}"),
        (Step::GetBearerToken, "{\"access_token\":\"a b\"}"),
        (Step::GetBearerToken, "{\"access_token\":\"\"}"),
    ] {
        let (_, outcome) = connect(&mut session(), |transmit| match transmit.step {
            sent if sent == step => Ok(answer(200, body)),
            _ => healthy(transmit),
        });
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unreadable, "{body}");
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

#[test]
fn a_cookie_that_is_no_session_id_is_not_taken() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.status();
    bench
        .run(&mut session, &ticket, |transmit| {
            let mut response = healthy(transmit)?;
            response.headers_mut().insert("set-cookie", "api=../../etc; Path=/".parse().unwrap());
            Ok(response)
        })
        .unwrap();
    assert!(session.session_id().is_none());
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
fn null_where_a_flag_should_be_means_no() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    for body in [r#"{"iserver":{"authStatus":null}}"#, r#"{"iserver":{"authStatus":{"authenticated":null}}}"#]
    {
        let ticket = session.tickle();
        let tickle = bench.run(&mut session, &ticket, |_| Ok(answer(200, body))).unwrap();
        assert!(!tickle.auth_status.authenticated);
    }
}

#[test]
fn what_ibkr_says_about_the_session_is_believed() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.tickle();
    let lost = r#"{"session":"aa","iserver":{"authStatus":{"authenticated":false,"competing":false,"connected":true}}}"#;
    bench.run(&mut session, &ticket, |_| Ok(answer(200, lost))).unwrap();
    assert!(!session.is_connected());
}

#[test]
fn a_refused_bearer_says_nothing_about_the_brokerage_session() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    assert!(session.auth_status().is_some());
    let ticket = session.tickle();
    bench.run(&mut session, &ticket, |_| Ok(answer(401, ""))).unwrap_err();
    assert!(session.auth_status().is_none() && !session.is_connected());
}

#[test]
fn the_session_id_follows_the_cookie() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.status();
    bench
        .run(&mut session, &ticket, |transmit| {
            let mut response = healthy(transmit)?;
            let cookies = response.headers_mut();
            cookies.append("set-cookie", "x-sess-uuid=0.1; secure".parse().unwrap());
            cookies.append(
                "set-cookie",
                "api=ddbbf21e34c60566d44711ffb4e06006; Path=/; Secure".parse().unwrap(),
            );
            Ok(response)
        })
        .unwrap();
    assert_eq!(session.session_id().unwrap().expose(), "ddbbf21e34c60566d44711ffb4e06006");
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
