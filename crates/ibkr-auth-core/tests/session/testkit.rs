//! The kit for tests without network: what it says is what a session understands.

use ibkr_auth_core::{KeepConnected, Phase};

use super::*;

fn kept() -> (Session, Bench) {
    let mut session = session();
    session.keep_connected(KeepConnected::default());
    let mut bench = Bench::new();
    bench.until(&mut session, Session::is_connected, healthy);
    (session, bench)
}

#[test]
fn a_request_tells_its_step() {
    let (mut session, mut bench) = (session(), Bench::new());
    let mut seen = 0;
    let mut check = |transmit: &Transmit| {
        seen += 1;
        assert_eq!(Step::of(&transmit.request), Some(transmit.step));
        Ok(testing::healthy_http(&transmit.request))
    };
    let connect = session.connect();
    bench.run(&mut session, &connect, &mut check).unwrap();
    let validate = session.validate_sso();
    bench.run(&mut session, &validate, &mut check).unwrap();
    let (status, tickle) = (session.status(), session.tickle());
    bench.run(&mut session, &status, &mut check).unwrap();
    bench.run(&mut session, &tickle, &mut check).unwrap();
    let logout = session.logout();
    bench.run(&mut session, &logout, &mut check).unwrap();
    assert_eq!(seen, 8, "every step there is");

    let own = http::Request::get("https://api.ibkr.com/v1/api/iserver/accounts").body(Vec::new()).unwrap();
    assert_eq!(Step::of(&own), None);
    assert_eq!(testing::healthy_http(&own).status(), 200);
}

#[test]
fn living_lets_exactly_that_time_pass() {
    let (mut session, mut bench) = kept();
    let (begun, tickles) = (bench.elapsed(), count(&bench, Step::Tickle));
    bench.live(&mut session, Duration::from_secs(900), healthy);
    assert_eq!(bench.elapsed() - begun, Duration::from_secs(900));
    assert!((14..=16).contains(&(count(&bench, Step::Tickle) - tickles)), "{:?}", bench.sent);
}

#[test]
fn canned_answers_mean_what_they_are_called() {
    let (mut session, mut bench) = kept();
    let mut says = |answer: Response| {
        let ticket = session.status();
        let outcome = bench.run(&mut session, &ticket, |_| Ok(answer.clone()));
        outcome.map(|status| status.competing).map_err(|error| (error.kind(), error.advice()))
    };
    let after = |seconds| Advice::RetryAfter(Duration::from_secs(seconds));
    assert_eq!(says(testing::competing()), Ok(true));
    assert_eq!(says(testing::expired()), Err((ErrorKind::Unauthorized, Advice::Reconnect)));
    assert_eq!(says(testing::no_bridge()), Err((ErrorKind::NoBrokerageSession, Advice::Reconnect)));
    assert_eq!(says(testing::rate_limited(None)), Err((ErrorKind::RateLimited, after(900))));
    let seven = Some(Duration::from_secs(7));
    assert_eq!(says(testing::rate_limited(seven)), Err((ErrorKind::RateLimited, after(7))));
}

#[test]
fn the_automatic_mode_meets_them_all() {
    let (mut session, mut bench) = kept();
    let tickle = |response: Response| {
        move |transmit: &Transmit| match transmit.step {
            Step::Tickle => Ok(response.clone()),
            _ => healthy(transmit),
        }
    };
    for response in [testing::expired(), testing::no_bridge()] {
        bench.until(&mut session, |session| session.phase() == Phase::Recovering, tickle(response));
        bench.until(&mut session, Session::is_connected, healthy);
    }
    bench.until(
        &mut session,
        |session| matches!(session.phase(), Phase::Waiting { .. }),
        tickle(testing::rate_limited(None)),
    );
    bench.until(&mut session, |session| session.phase() == Phase::Connected, healthy);
}
