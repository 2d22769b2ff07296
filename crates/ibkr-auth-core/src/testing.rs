//! Tests without network (feature `testing`): virtual time, answers of a healthy IBKR, a key that costs
//! nothing.
//!
//! ```
//! use ibkr_auth_core::{Session, testing::{self, Bench}};
//!
//! let mut session = Session::new(testing::config(), testing::FakeKey, 0);
//! let ticket = session.connect();
//! let connected = Bench::new().run(&mut session, &ticket, testing::healthy);
//! assert!(connected.is_ok() && session.is_connected());
//! ```
//!
//! The automatic mode has no outcome to wait for: it lives for a time, or until something is reached.
//!
//! ```
//! use std::time::Duration;
//! use ibkr_auth_core::{Event, KeepConnected, Phase, Session, Step, testing::{self, Bench}};
//!
//! let mut session = Session::new(testing::config(), testing::FakeKey, 0);
//! session.keep_connected(KeepConnected::default());
//! let mut bench = Bench::new();
//! bench.until(&mut session, Session::is_connected, testing::healthy);
//!
//! // Another login takes the session, and ends after a quarter of an hour.
//! bench.live(&mut session, Duration::from_secs(600), |transmit| match transmit.step {
//!     Step::Tickle | Step::SsodhInit | Step::Status => Ok(testing::competing()),
//!     _ => testing::healthy(transmit),
//! });
//! assert_eq!(session.phase(), Phase::Yielded);
//! bench.until(&mut session, Session::is_connected, testing::healthy);
//! assert!(bench.events.iter().any(|event| matches!(event, Event::Recovered { .. })));
//! ```
//!
//! Whoever sends for a client (`Client::with_http`) is given the request alone: [`healthy_http`] answers
//! that.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant, SystemTime},
};

use ibkr_jws::{Sign, SignError};
use ibkr_oauth1::{AccessTokenSecret, DhParameters, Exponent, LiveSessionToken, Random};

use crate::{
    Config, Consumer, Error, Event, Now, Outcome, Output, Request, RequestId, Response, Session, Step,
    Ticket, Transmit, TransportError, Wait,
};

/// So many moves bring anything to its end.
const MOVES: usize = 10_000;
/// What has not come within this virtual time does not come.
const PATIENCE: Duration = Duration::from_secs(7 * 86_400);

const CONSUMER_KEY: &str = "TESTERKEY";
const SECRET: &[u8] = b"the secret of the access token";
/// Short, so that it costs nothing.
const PRIME: &str = "ed016e7a503ade7c29060cc6c374296984cced37004e12b6fd104111c4a0712b";

type Answer = Result<Response, TransportError>;

/// A configuration that is complete, for nobody.
pub fn config() -> Config {
    #[expect(clippy::expect_used, reason = "constants that are valid")]
    Config::new("TESTCLIENT", "main", "testuser").expect("valid")
}

/// The same, with a login by OAuth 1.0a.
pub fn oauth1_config() -> Config {
    let consumer = Consumer {
        consumer_key: CONSUMER_KEY,
        access_token: "0123456789abcdef0123",
        access_token_secret: AccessTokenSecret::new(SECRET).into(),
        dh_parameters: dh_parameters(),
    };
    #[expect(clippy::expect_used, reason = "constants that are valid")]
    let config = Config::oauth1(consumer).expect("valid");
    let counter = AtomicU8::new(1);
    let random = Random::from_fn(move |bytes| {
        bytes.fill(counter.fetch_add(1, Ordering::Relaxed));
        Ok(())
    });
    #[expect(clippy::expect_used, reason = "it is a login by OAuth 1.0a")]
    config.with_random(random).expect("valid")
}

fn dh_parameters() -> DhParameters {
    #[expect(clippy::expect_used, reason = "a prime")]
    DhParameters::from_hex(PRIME, 2).expect("valid")
}

/// Signs everything with the same bytes at once. No server accepts it.
#[derive(Debug, Clone, Copy)]
pub struct FakeKey;

impl Sign for FakeKey {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(b"signature".to_vec())
    }
}

/// What a healthy IBKR answers to each step. Build your own answers on it: change what your test is about,
/// pass the rest on.
///
/// # Errors
/// None: the type is what [`Bench::run`] takes.
pub fn healthy(transmit: &Transmit) -> Result<Response, TransportError> {
    Ok(healthy_http_of(transmit.step, &transmit.request))
}

fn healthy_http_of(step: Step, request: &Request) -> Response {
    match step {
        Step::GetLiveSessionToken => live_session_answer(request),
        step => healthy_answer(step),
    }
}

/// What a healthy IBKR answers to this step; for a live session token see [`live_session_answer`].
pub fn healthy_answer(step: Step) -> Response {
    Response::new(body(step).into())
}

/// The live session token that IBKR makes for [`oauth1_config`] of this request; it is good for a day from
/// the time at which it was signed. `{}` where that cannot be read.
pub fn live_session_answer(request: &Request) -> Response {
    let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let member = |name: &str| header?.split(&format!("{name}=\"")).nth(1)?.split('"').next();
    let made = || {
        let (exponent, parameters) = (Exponent::new([7; 32]), dh_parameters());
        let shared = parameters.shared(member("diffie_hellman_challenge")?, &exponent).ok()?;
        let proof = LiveSessionToken::derive(&shared, &AccessTokenSecret::new(SECRET)).proof(CONSUMER_KEY);
        let (answer, ends) =
            (parameters.challenge(&exponent), member("oauth_timestamp")?.parse::<u64>().ok()? + 86_400);
        Some(format!(
            r#"{{"diffie_hellman_response":"{answer}","live_session_token_signature":"{proof}",
                "live_session_token_expiration":{ends}000}}"#
        ))
    };
    Response::new(made().unwrap_or_else(|| "{}".to_owned()).into())
}

/// What a healthy IBKR answers to this request: that of its step, or `{}` to a request of your own.
pub fn healthy_http(request: &Request) -> Response {
    Step::of(request).map_or_else(|| answer(200, "{}"), |step| healthy_http_of(step, request))
}

/// Another login of the username has the brokerage session: an answer to `tickle`, `ssodh_init` and `status`.
pub fn competing() -> Response {
    answer(
        200,
        r#"{"authenticated":false,"established":false,"competing":true,"connected":true,
            "session":"bb665d0f55b6289d70bc7380089fc96f","ssoExpires":460311,"iserver":{"authStatus":
            {"authenticated":false,"established":false,"competing":true,"connected":true}}}"#,
    )
}

/// The bearer token has expired, or was ended: an answer to anything under `/v1/api`.
pub fn expired() -> Response {
    answer(401, r#"{"title":"Unauthorized","status":401,"detail":"Access token expired"}"#)
}

/// Too many requests. With `Retry-After`, or without: then IBKR's penalty box is meant, a quarter of an hour.
pub fn rate_limited(retry_after: Option<Duration>) -> Response {
    let mut response = answer(429, r#"{"error":"Too Many Requests","statusCode":429}"#);
    let seconds = retry_after.map(|wait| wait.as_secs().into());
    response.headers_mut().extend(seconds.map(|value: http::HeaderValue| (http::header::RETRY_AFTER, value)));
    response
}

/// There is no brokerage session: an answer to `status`, and to requests of your own to `/iserver`.
pub fn no_bridge() -> Response {
    answer(400, r#"{"error":"Bad Request: no bridge","statusCode":400}"#)
}

/// An answer with this status and body.
pub fn answer(status: u16, body: &str) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
    response
}

fn body(step: Step) -> &'static str {
    match step {
        Step::GetAccessToken => {
            r#"{"access_token":"fake.access.token","token_type":"Bearer","scope":"sso-sessions.write","expires_in":86399}"#
        }
        Step::PublicIp => "203.0.113.7",
        Step::GetBearerToken => r#"{"active":true,"access_token":"fake.bearer.token","token_type":"Bearer"}"#,
        Step::RequestToken => r#"{"oauth_token":"0123456789abcdef4567"}"#,
        Step::ConsentedToken => {
            r#"{"is_paper":true,"oauth_token":"0123456789abcdef0123","oauth_token_secret":"c2VjcmV0"}"#
        }
        // It depends on what was asked: see `live_session_answer`.
        Step::GetLiveSessionToken => "{}",
        Step::ValidateSso => {
            r#"{"RESULT":true,"EXPIRES":415890,"USER_NAME":"testuser","LOGIN_TYPE":1,"region":"NJ"}"#
        }
        Step::SsodhInit | Step::Status => {
            r#"{"authenticated":true,"established":true,"competing":false,"connected":true,"message":""}"#
        }
        Step::Tickle => {
            r#"{"session":"bb665d0f55b6289d70bc7380089fc96f","ssoExpires":460311,"iserver":{"authStatus":
               {"authenticated":true,"established":true,"competing":false,"connected":true}}}"#
        }
        Step::Logout => r#"{"status":true}"#,
    }
}

/// Drives a [`Session`] in virtual time: waits take none, answers take [`latency`](Self::latency).
#[derive(Debug)]
pub struct Bench {
    /// The time that the session is told. Starts at 2025-06-15T15:06:40Z; move it as the test needs.
    pub now: Now,
    /// From each request to its answer.
    pub latency: Duration,
    /// Everything sent, in order, with the time since the start.
    pub sent: Vec<(Duration, Step)>,
    /// Everything told, in order.
    pub events: Vec<Event>,
    start: Instant,
    arriving: Vec<(Instant, RequestId, Answer)>,
}

impl Bench {
    /// A bench at the start of its time.
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "some instant to count from: no test depends on which")]
        let start = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000);
        Self {
            now: Now { mono: start, wall },
            latency: Duration::from_millis(20),
            sent: Vec::new(),
            events: Vec::new(),
            start,
            arriving: Vec::new(),
        }
    }

    /// Virtual time that has passed.
    pub fn elapsed(&self) -> Duration {
        self.now.mono - self.start
    }

    /// Lets time pass on both clocks.
    pub fn advance(&mut self, by: Duration) {
        self.now.mono += by;
        self.now.wall += by;
    }

    /// Runs until the command has its outcome, giving each request to `answer`.
    ///
    /// # Errors
    /// The command's error.
    ///
    /// # Panics
    /// When the session does not come to an end after 10 000 moves.
    pub fn run<T: Outcome>(
        &mut self,
        session: &mut Session,
        ticket: &Ticket<T>,
        mut answer: impl FnMut(&Transmit) -> Result<Response, TransportError>,
    ) -> Result<T, Error> {
        for _ in 0..MOVES {
            let wait = self.settle(session, &mut answer);
            match ticket.outcome() {
                Some(outcome) => return outcome,
                None => self.wait(session, wait.until),
            }
        }
        panic!("the session does not come to an end: {session:?}");
    }

    /// Lets this time pass, giving each request to `answer`. What was due within it has been done.
    ///
    /// # Panics
    /// When that takes 10 000 moves without any time.
    pub fn live(
        &mut self,
        session: &mut Session,
        time: Duration,
        mut answer: impl FnMut(&Transmit) -> Result<Response, TransportError>,
    ) {
        let end = self.now.mono + time;
        let mut moves = 0;
        loop {
            let begun = self.now.mono;
            let wait = self.settle(session, &mut answer);
            if self.now.mono >= end && !self.arriving.iter().any(|(at, ..)| *at <= end) {
                return;
            }
            self.wait(session, Some(wait.until.map_or(end, |until| until.min(end))));
            moves = if self.now.mono > begun { 0 } else { moves + 1 };
            assert!(moves < MOVES, "the session comes to no rest: {session:?}");
        }
    }

    /// Lives until `reached` says so, giving each request to `answer`.
    ///
    /// # Panics
    /// When that does not come within a week of virtual time.
    pub fn until(
        &mut self,
        session: &mut Session,
        reached: impl Fn(&Session) -> bool,
        mut answer: impl FnMut(&Transmit) -> Result<Response, TransportError>,
    ) {
        let end = self.now.mono + PATIENCE;
        loop {
            let wait = self.settle(session, &mut answer);
            if reached(session) {
                return;
            }
            assert!(self.now.mono < end, "it does not come within a week: {session:?}");
            self.wait(session, wait.until);
        }
    }

    /// Does what is to be done now.
    fn settle(&mut self, session: &mut Session, answer: &mut dyn FnMut(&Transmit) -> Answer) -> Wait {
        for _ in 0..MOVES {
            match session.poll(self.now) {
                Output::Send(transmit) => {
                    self.sent.push((self.elapsed(), transmit.step));
                    self.arriving.push((self.now.mono + self.latency, transmit.id, answer(&transmit)));
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(wait) => return wait,
            }
        }
        panic!("the session comes to no rest: {session:?}");
    }

    fn wait(&mut self, session: &mut Session, until: Option<Instant>) {
        let next =
            self.arriving.iter().enumerate().min_by_key(|(_, (at, ..))| *at).map(|(i, (at, ..))| (i, *at));
        match (next, until) {
            (Some((index, at)), until) if until.is_none_or(|until| at <= until) => {
                let (_, id, result) = self.arriving.remove(index);
                self.advance(at.saturating_duration_since(self.now.mono));
                session.receive(self.now, id, result);
            }
            (_, Some(until)) => self.advance(until.saturating_duration_since(self.now.mono)),
            (_, None) => panic!("the session sleeps for ever: {session:?}"),
        }
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}
