//! A login by OAuth 1.0a on the same machine.

use std::time::{Duration, SystemTime};

use ibkr_auth_core::{
    ErrorKind, Event, KeepConnected, LoginBudget, Phase, Response, SavedSession, Session, Step, Tier,
    Transmit, TransportError,
    oauth1::{QueryTreatment, Random, SignError},
    testing::{Bench, FakeKey, answer, config, expired, healthy, oauth1_config},
};

fn session() -> Session {
    Session::new(oauth1_config(), FakeKey, 0)
}

fn steps(bench: &Bench) -> Vec<Step> {
    bench.sent.iter().map(|(_, step)| *step).collect()
}

fn authorization(transmit: &Transmit) -> String {
    transmit.request.headers()["authorization"].to_str().unwrap().to_owned()
}

/// A member of an `Authorization: OAuth` header.
fn member(header: &str, name: &str) -> String {
    let after = header.split(&format!("{name}=\"")).nth(1).unwrap_or_else(|| panic!("{name} in {header}"));
    after.split('"').next().unwrap().to_owned()
}

#[test]
fn a_login_mints_a_token_opens_the_session_and_asks_for_no_address() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    let connected = bench.run(&mut session, &ticket, healthy).unwrap();
    assert_eq!(steps(&bench), [Step::GetLiveSessionToken, Step::SsodhInit]);
    assert!(connected.public_ip.is_none() && session.is_connected() && session.bearer().is_none());
    assert!(session.headers().is_none(), "no headers are good for more than one request");
}

#[test]
fn the_read_only_tier_needs_the_token_alone() {
    let mut session = Session::new(oauth1_config().with_tier(Tier::ReadOnly), FakeKey, 0);
    let mut bench = Bench::new();
    let ticket = session.connect();
    bench.run(&mut session, &ticket, healthy).unwrap();
    assert_eq!(steps(&bench), [Step::GetLiveSessionToken]);
    assert!(session.is_connected());
}

#[test]
fn each_request_is_signed_by_itself_and_no_time_runs_backwards() {
    let (mut session, mut bench) = (session(), Bench::new());
    let mut headers = Vec::new();
    let ticket = session.connect();
    let heard = |transmit: &Transmit| {
        headers.push(authorization(transmit));
        healthy(transmit)
    };
    bench.run(&mut session, &ticket, heard).unwrap();
    let request = || http::Request::get("/v1/api/portfolio/accounts?a=b").body(Vec::new()).unwrap();
    let mut now = bench.now;
    for _ in 0..3 {
        now.wall -= Duration::from_secs(100);
        let ready = session.authorize(request(), now).unwrap();
        assert!(ready.headers()["authorization"].is_sensitive());
        headers.push(ready.headers()["authorization"].to_str().unwrap().to_owned());
    }
    let all = |name: &str| headers.iter().map(|header| member(header, name)).collect::<Vec<_>>();
    let (nonces, times) = (all("oauth_nonce"), all("oauth_timestamp"));
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(nonces.iter().collect::<std::collections::BTreeSet<_>>().len(), headers.len(), "{nonces:?}");
    assert_eq!(
        all("oauth_signature_method"),
        ["RSA-SHA256", "HMAC-SHA256", "HMAC-SHA256", "HMAC-SHA256", "HMAC-SHA256"]
    );
    assert_eq!(all("realm"), ["limited_poa"; 5]);
}

#[test]
fn the_query_is_signed_in_the_way_that_was_chosen() {
    let signature = |query| {
        let config = oauth1_config().with_query_treatment(query).unwrap();
        let (mut session, mut bench) = (Session::new(config, FakeKey, 0), Bench::new());
        let ticket = session.connect();
        bench.run(&mut session, &ticket, healthy).unwrap();
        let request = |path: &str| http::Request::get(path).body(Vec::new()).unwrap();
        let ready = session.authorize(request("/v1/api/md?a=1"), bench.now).unwrap();
        member(ready.headers()["authorization"].to_str().unwrap(), "oauth_signature")
    };
    let of = [QueryTreatment::Merged, QueryTreatment::LeftOut, QueryTreatment::InUrl].map(signature);
    assert!(of[0] != of[1] && of[1] != of[2] && of[0] != of[2], "{of:?}");
}

#[test]
fn steps_of_the_other_login_are_refused_with_what_takes_their_place() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.get_bearer_token();
    let refused = bench.run(&mut session, &ticket, healthy).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.help().contains("get_live_session_token"), "{refused}");
    let ticket = session.validate_sso();
    assert_eq!(bench.run(&mut session, &ticket, healthy).unwrap_err().kind(), ErrorKind::Config);
    let mut other = Session::new(config(), FakeKey, 0);
    let ticket = other.get_live_session_token();
    assert!(bench.run(&mut other, &ticket, healthy).unwrap_err().to_string().contains("OAuth 1.0a"));
    assert!(bench.sent.is_empty());
    let ticket = session.tickle();
    let early = bench.run(&mut session, &ticket, healthy).unwrap_err();
    assert!(early.kind() == ErrorKind::OutOfOrder && early.to_string().contains("get_live_session_token"));
}

/// An answer whose token is another one than ours.
fn unproven(transmit: &Transmit) -> Result<Response, TransportError> {
    let mut response = healthy(transmit)?;
    let text = String::from_utf8(response.body().clone()).unwrap();
    *response.body_mut() = text.replace("signature\":\"", "signature\":\"00").into_bytes();
    Ok(response)
}

#[test]
fn a_token_that_does_not_prove_itself_is_minted_anew_once_with_another_exponent() {
    let (mut session, mut bench) = (session(), Bench::new());
    let mut challenges = Vec::new();
    let ticket = session.connect();
    let outcome = bench.run(&mut session, &ticket, |transmit: &Transmit| {
        if transmit.step != Step::GetLiveSessionToken {
            return healthy(transmit);
        }
        challenges.push(member(&authorization(transmit), "diffie_hellman_challenge"));
        if challenges.len() == 1 { unproven(transmit) } else { healthy(transmit) }
    });
    assert!(outcome.is_ok());
    assert!(challenges.len() == 2 && challenges[0] != challenges[1], "{challenges:?}");

    let (mut session, mut bench) = (self::session(), Bench::new());
    let ticket = session.connect();
    let failed = bench.run(&mut session, &ticket, unproven).unwrap_err();
    assert_eq!((failed.kind(), steps(&bench).len()), (ErrorKind::Unproven, 2));
    assert!(failed.help().contains("Diffie-Hellman parameters"), "{failed}");
}

#[test]
fn what_ibkr_says_of_a_consumer_is_told_apart() {
    for (body, hint) in [
        (r#"{"error":"id: 39687, error: invalid consumer","statusCode":401}"#, "not yet"),
        (
            r#"{"error":"id: 118871, error: LST failed, error: No access secret key found for X","statusCode":401}"#,
            "generate a new one",
        ),
        (r#"{"error":"Unauthorized","statusCode":401}"#, "signature key"),
    ] {
        let (mut session, mut bench) = (session(), Bench::new());
        let ticket = session.connect();
        let refused = bench.run(&mut session, &ticket, |_: &Transmit| Ok(answer(401, body))).unwrap_err();
        assert_eq!((refused.kind(), steps(&bench).len()), (ErrorKind::Rejected, 1), "not tried again");
        assert!(refused.help().contains(hint), "{refused}: {}", refused.help());
    }
}

#[test]
fn a_live_session_token_is_replaced_before_its_end_and_sso_validate_is_never_sent() {
    let (mut session, mut bench) = (session(), Bench::new());
    session.keep_connected(KeepConnected::default());
    // Not looked at in the very moment in which it is replaced.
    bench.live(&mut session, Duration::from_secs(7), healthy);
    let (mut lost, days) = (0, 5);
    for _ in 0..days * 24 * 60 {
        bench.live(&mut session, Duration::from_secs(60), healthy);
        lost += u32::from(session.phase() != Phase::Connected);
    }
    let count = |step| steps(&bench).iter().filter(|sent| **sent == step).count();
    assert_eq!(count(Step::ValidateSso), 0);
    assert_eq!(count(Step::GetLiveSessionToken), 6, "one a day");
    assert_eq!(lost, 0, "it was good all the time");
}

#[test]
fn a_session_that_ends_is_healed_by_a_new_token_and_not_in_a_loop() {
    let (mut session, mut bench) = (session(), Bench::new());
    session.keep_connected(KeepConnected::default());
    bench.until(&mut session, Session::is_connected, healthy);
    let mut is_over = true;
    bench.live(&mut session, Duration::from_secs(120), |transmit: &Transmit| match transmit.step {
        Step::GetLiveSessionToken => {
            is_over = false;
            healthy(transmit)
        }
        _ if is_over => Ok(expired()),
        _ => healthy(transmit),
    });
    assert!(
        session.is_connected() && bench.events.iter().any(|event| matches!(event, Event::Recovered { .. }))
    );
    bench.sent.clear();
    bench.live(&mut session, Duration::from_secs(3_600), |transmit: &Transmit| match transmit.step {
        Step::GetLiveSessionToken => healthy(transmit),
        _ => Ok(expired()),
    });
    let minted = steps(&bench).iter().filter(|step| **step == Step::GetLiveSessionToken).count();
    assert!(minted <= 12, "{minted} in an hour");
}

#[test]
fn a_saved_session_goes_on_signing_and_its_time_goes_on() {
    let (mut first, mut bench) = (session(), Bench::new());
    let ticket = first.connect();
    bench.run(&mut first, &ticket, healthy).unwrap();
    let saved = first.save(bench.now).unwrap();
    let mut second = session();
    second.restore(&saved, bench.now).unwrap();
    let mut now = bench.now;
    now.wall -= Duration::from_secs(50);
    let request = || http::Request::get("/v1/api/portfolio/accounts").body(Vec::new()).unwrap();
    let header = |session: &Session, now| {
        session.authorize(request(), now).unwrap().headers()["authorization"].to_str().unwrap().to_owned()
    };
    let (one, other) = (header(&first, bench.now), header(&second, now));
    let time = |header: &str| member(header, "oauth_timestamp").parse::<u64>().unwrap();
    assert!(time(&other) + 1 >= time(&one), "a clock that was set back is not followed");
    let mut stranger = Session::new(config(), FakeKey, 0);
    assert_eq!(stranger.restore(&saved, bench.now).unwrap_err().kind(), ErrorKind::Config);
}

/// A server whose clock is `off` from the bench's, and that refuses what is stamped too far from it.
fn timely(transmit: &Transmit, now: SystemTime, off: i64) -> Result<Response, TransportError> {
    let shift = Duration::from_secs(off.unsigned_abs());
    let server = if off < 0 { now - shift } else { now + shift };
    let seconds = server.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let stamped: u64 = member(&authorization(transmit), "oauth_timestamp").parse().unwrap();
    let mut response = match stamped.abs_diff(seconds) <= 30 {
        true => healthy(transmit)?,
        false => answer(401, r#"{"error":"id: 1, error: invalid oauth_timestamp","statusCode":401}"#),
    };
    let date = httpdate::fmt_http_date(server).parse().unwrap();
    response.headers_mut().insert(http::header::DATE, date);
    Ok(response)
}

#[test]
fn a_request_that_is_refused_for_its_time_is_signed_again_and_costs_no_login() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    let now = bench.now.wall;
    bench.run(&mut session, &ticket, |transmit| timely(transmit, now, 0)).unwrap();
    let from = bench.sent.len();
    let ticket = session.status();
    // The clock is two minutes behind from one request to the next.
    let now = bench.now.wall;
    let status = bench.run(&mut session, &ticket, |transmit| timely(transmit, now, 120)).unwrap();
    assert!(status.is_ready() && session.is_connected());
    assert_eq!(steps(&bench)[from..], [Step::Status, Step::Status]);
}

#[test]
fn a_clock_that_is_hours_off_is_no_refusal_of_the_session() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    let now = bench.now.wall;
    bench.run(&mut session, &ticket, |transmit| timely(transmit, now, 0)).unwrap();
    // Nothing vouches for the other clock: the monotonic one has stood still, too.
    let now = bench.now.wall;
    let ticket = session.status();
    let refused = bench.run(&mut session, &ticket, |transmit| timely(transmit, now, 7_200)).unwrap_err();
    assert_eq!((refused.kind(), refused.step()), (ErrorKind::Clock, Some(Step::Status)));
    let ticket = session.status();
    bench.run(&mut session, &ticket, |transmit| timely(transmit, now, 0)).unwrap();
    assert!(session.is_connected(), "the same live session token");
}

#[test]
fn a_time_that_was_refused_binds_no_later_request() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    let now = bench.now.wall;
    bench.run(&mut session, &ticket, |transmit| timely(transmit, now, -7_200)).unwrap_err();
    bench.now.wall -= Duration::from_secs(7_200);
    let now = bench.now.wall;
    let ticket = session.connect();
    bench.run(&mut session, &ticket, |transmit| timely(transmit, now, 0)).unwrap();
}

#[test]
fn a_session_that_is_to_be_replaced_is_tickled_while_the_clock_is_thought_wrong() {
    let (mut session, mut bench) = (session(), Bench::new());
    session.keep_connected(KeepConnected::default());
    bench.until(&mut session, Session::is_connected, healthy);
    bench.live(&mut session, Duration::from_secs(23 * 3_600 + 49 * 60), healthy);
    let (mut tickles, mut was_told) = (Vec::new(), false);
    let start = bench.now.mono;
    bench.live(&mut session, Duration::from_secs(600), |transmit| match transmit.step {
        Step::GetLiveSessionToken if !was_told => {
            was_told = true;
            let mut refused = answer(401, "{}");
            refused.headers_mut().insert("date", "Thu, 01 Jan 1970 00:00:00 GMT".parse().unwrap());
            Ok(refused)
        }
        step => {
            tickles.extend((step == Step::Tickle).then_some(transmit.id));
            healthy(transmit)
        }
    });
    assert!(was_told && bench.now.mono - start >= Duration::from_secs(600));
    assert!(tickles.len() >= 9, "{}", tickles.len());
    assert_eq!(session.phase(), Phase::Connected);
}

#[test]
fn a_login_that_the_clock_has_spoiled_and_that_may_not_be_repeated_yet_is_no_refusal() {
    for config in [oauth1_config(), config()] {
        let (mut session, mut bench) = (Session::new(config, FakeKey, 0), Bench::new());
        let policy = KeepConnected::default().with_logins(LoginBudget { per_hour: 1, per_day: 10 });
        session.keep_connected(policy);
        let now = bench.now.wall;
        bench.live(&mut session, Duration::from_secs(60), |transmit| match transmit.step.is_signed() {
            true => {
                let mut refused = answer(401, r#"{"title":"Unauthorized"}"#);
                let date = httpdate::fmt_http_date(now + Duration::from_secs(120)).parse().unwrap();
                refused.headers_mut().insert(http::header::DATE, date);
                Ok(refused)
            }
            false => healthy(transmit),
        });
        assert!(matches!(session.phase(), Phase::LoginsSpent { .. }), "{}", session.phase());
        bench.until(&mut session, Session::is_connected, healthy);
    }
}

#[test]
fn without_random_numbers_nothing_is_sent() {
    let none = Random::from_fn(|_| Err(SignError::new("this machine gives no random numbers")));
    let config = oauth1_config().with_random(none).unwrap();
    let (mut session, mut bench) = (Session::new(config, FakeKey, 0), Bench::new());
    let ticket = session.connect();
    assert_eq!(bench.run(&mut session, &ticket, healthy).unwrap_err().kind(), ErrorKind::Sign);
    assert!(bench.sent.is_empty());
}

#[test]
fn the_stream_is_opened_with_the_access_token_and_the_session_id() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    bench.run(&mut session, &ticket, healthy).unwrap();
    let ticket = session.tickle();
    bench.run(&mut session, &ticket, healthy).unwrap();
    let request = session.websocket([0; 16]).unwrap().into_request();
    assert_eq!(request.uri().query(), Some("oauth_token=0123456789abcdef0123"));
    assert_eq!(request.headers()["cookie"], "api=bb665d0f55b6289d70bc7380089fc96f");
    assert!(!request.headers().contains_key("authorization"));
}

/// Another program with the same access token has stamped later: IBKR refuses what is lower.
fn stamped_before(transmit: &Transmit, least: u64) -> Result<Response, TransportError> {
    let stamped: u64 = member(&authorization(transmit), "oauth_timestamp").parse().unwrap();
    match stamped < least {
        true => Ok(answer(401, r#"{"error":"id: 1, error: invalid oauth_timestamp","statusCode":401}"#)),
        false => healthy(transmit),
    }
}

#[test]
fn a_time_that_another_program_has_overtaken_costs_neither_session_nor_login() {
    let (mut session, mut bench) = (session(), Bench::new());
    session.keep_connected(KeepConnected::default());
    bench.until(&mut session, Session::is_connected, healthy);
    let ahead = bench.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 200;
    bench.live(&mut session, Duration::from_secs(600), |transmit| stamped_before(transmit, ahead));
    assert!(session.is_connected());
    let logins = steps(&bench).iter().filter(|step| **step == Step::GetLiveSessionToken).count();
    assert_eq!(logins, 1, "{:?}", steps(&bench));
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Phase { phase: Phase::Stopped, .. })));
}

#[test]
fn a_login_whose_time_was_overtaken_waits_and_is_no_refusal() {
    let (mut session, mut bench) = (session(), Bench::new());
    session.keep_connected(KeepConnected::default());
    let ahead = bench.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 100;
    bench.live(&mut session, Duration::from_secs(1_200), |transmit| stamped_before(transmit, ahead));
    assert!(session.is_connected(), "{:?}", session.phase());
}

#[test]
fn a_clock_that_is_ahead_by_more_than_ibkr_takes_is_corrected_too() {
    for off in [-120, -31, 31, 120] {
        let (mut session, mut bench) = (session(), Bench::new());
        let ticket = session.connect();
        let now = bench.now.wall;
        bench.run(&mut session, &ticket, |transmit| timely(transmit, now, off)).unwrap();
        let logins = steps(&bench).iter().filter(|step| **step == Step::GetLiveSessionToken).count();
        assert_eq!(logins, 2, "{off}: refused once, then by IBKR's clock");
    }
}

#[test]
fn whoever_goes_on_with_a_session_knows_ibkrs_clock() {
    let (mut first, mut bench) = (session(), Bench::new());
    let ticket = first.connect();
    let now = bench.now.wall;
    bench.run(&mut first, &ticket, |transmit| timely(transmit, now, -25)).unwrap();
    let saved = first.save(bench.now).unwrap();
    let request = || http::Request::get("/v1/api/portfolio/accounts").body(Vec::new()).unwrap();
    let stamp = |session: &Session, now| {
        let ready = session.authorize(request(), now).unwrap();
        member(ready.headers()["authorization"].to_str().unwrap(), "oauth_timestamp").parse::<u64>().unwrap()
    };
    let mut second = session();
    second.restore(&saved, bench.now).unwrap();
    let mut now = bench.now;
    now.wall += Duration::from_secs(60);
    assert!(stamp(&first, now).abs_diff(stamp(&second, now)) <= 1, "both by IBKR's clock");
    // What is old is not believed.
    let mut third = session();
    now.wall += Duration::from_secs(2 * 3_600);
    third.restore(&saved, now).unwrap();
    let seconds = now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(stamp(&third, now), seconds);
}

#[test]
fn two_programs_that_throw_each_other_out_do_it_ever_more_rarely() {
    // A live session token replaces the one before: whose is the last one is good.
    let (mut one, mut other) = (session(), session());
    let (mut bench, mut other_bench) = (Bench::new(), Bench::new());
    other_bench.now = bench.now;
    let mut last = 0;
    let mut logins = 0;
    one.keep_connected(KeepConnected::default());
    other.keep_connected(KeepConnected::default());
    for _ in 0..(2 * 3_600) {
        for (index, (session, bench)) in
            [(&mut one, &mut bench), (&mut other, &mut other_bench)].into_iter().enumerate()
        {
            bench.live(session, Duration::from_secs(1), |transmit: &Transmit| match transmit.step {
                Step::GetLiveSessionToken => {
                    (last, logins) = (index, logins + 1);
                    healthy(transmit)
                }
                _ if last == index => healthy(transmit),
                _ => Ok(expired()),
            });
        }
    }
    assert!(logins <= 30, "{logins} logins of both in two hours");
}

#[test]
fn no_number_in_a_saved_session_leads_to_a_panic_or_to_a_time_that_ibkr_refuses() {
    let (mut first, mut bench) = (session(), Bench::new());
    let ticket = first.connect();
    bench.run(&mut first, &ticket, healthy).unwrap();
    let saved = first.save(bench.now).unwrap();
    let whole: serde_json::Value = serde_json::from_str(saved.expose()).unwrap();
    let seconds = bench.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    for stamp in [0, 1, seconds, seconds + 301, u64::from(u32::MAX), u64::MAX] {
        for skew in [0, 299_000, -299_000, i64::MAX, i64::MIN] {
            let mut changed = whole.clone();
            (changed["timestamp"], changed["skew"]) = (stamp.into(), skew.into());
            let mut next = session();
            next.restore(&SavedSession::new(changed.to_string()), bench.now).unwrap();
            let request = http::Request::get("/v1/api/portfolio/accounts").body(Vec::new()).unwrap();
            let ready = next.authorize(request, bench.now).unwrap();
            let signed = member(ready.headers()["authorization"].to_str().unwrap(), "oauth_timestamp");
            let off = signed.parse::<u64>().unwrap().abs_diff(seconds);
            assert!(off <= 600, "{stamp} {skew}: {off} s off");
        }
    }
}
