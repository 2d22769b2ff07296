//! What a snapshot says of a session that somebody else drives: what can be sent, and what became of the
//! driver.

use ibkr_auth_core::{KeepConnected, Phase};

use super::*;

fn own_request(session: &Session) -> Result<(), Error> {
    let request = http::Request::get("/v1/api/iserver/accounts").body(Vec::new()).unwrap();
    session.snapshot().authorize(request, Bench::new().now).map(|_| ())
}

#[test]
fn a_request_that_comes_too_early_or_too_late_says_what_the_session_is_doing() {
    let (mut session, mut bench) = (session(), Bench::new());
    let says = |session: &mut Session, phase: &str, help: &str, advice: Advice| {
        let error = own_request(session).unwrap_err();
        assert_eq!((error.kind(), error.advice()), (ErrorKind::NotConnected, advice), "{error}");
        assert!(error.message().contains(phase) && error.help().contains(help), "{error}");
        assert!(!error.may_have_been_executed());
    };
    let soon = Advice::RetryAfter(Duration::from_secs(1));
    session.keep_connected(KeepConnected::default());
    says(&mut session, "connecting", "`ready`", soon);

    let busy = |_: &Transmit| Ok(testing::rate_limited(None));
    bench.until(&mut session, |session| matches!(session.phase(), Phase::Waiting { .. }), busy);
    let error = own_request(&session).unwrap_err();
    assert!(matches!(error.advice(), Advice::RetryAfter(wait) if wait > Duration::from_secs(500)), "{error}");

    bench.until(&mut session, Session::is_connected, healthy);
    own_request(&session).unwrap();

    session.pause();
    bench.until(&mut session, |session| session.bearer().is_none(), healthy);
    says(&mut session, "paused", "`resume`", Advice::DoNotRetry);

    let refuses = |_: &Transmit| Ok(answer(401, "{}"));
    session.resume();
    bench.until(&mut session, |session| session.phase() == Phase::Stopped, refuses);
    says(&mut session, "stopped, because", "new client", Advice::DoNotRetry);

    let ticket = session.logout();
    bench.run(&mut session, &ticket, healthy).unwrap();
    says(&mut session, "no session", "new client", Advice::Reconnect);
}

#[test]
fn an_abandoned_session_is_stopped_and_opens_nothing() {
    let (mut session, mut bench) = (session(), Bench::new());
    session.keep_connected(KeepConnected::default());
    bench.until(&mut session, Session::is_connected, healthy);
    let (left, event) = session.snapshot().abandoned(Error::panicked());
    assert_eq!((left.phase(), left.is_connected()), (Phase::Stopped, false));
    assert!(left.headers().is_none() && left.authorization().is_none());
    assert_eq!(left.stopped_by().unwrap().kind(), ErrorKind::Panicked);
    assert_eq!(left.readiness().unwrap().unwrap_err().advice(), Advice::Reconnect);
    assert!(event.to_string().starts_with("stopped, because"), "{event}");
}
