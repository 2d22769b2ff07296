//! What the servers check and how long things live. Where IBKR publishes a value it is the default; where
//! sources disagree the choice is a rule.

mod define;
mod value;

use std::time::Duration;

use define::rules;
pub use define::{Rule, RuleError};

rules! {
    /// Life of an access token (`expires_in`). IBKR's OpenAPI shows 86399 seconds; reports go down to 10
    /// minutes.
    access_token_life: Duration = Duration::from_secs(86_399),
    /// The longest `exp - iat` of a client assertion. The limit is not published: IBKR's samples use 30
    /// seconds, ibauth 0.0.8 used 600.
    assertion_life: Duration = Duration::from_secs(600),
    /// The longest `exp - iat` of an `sso-sessions` request. IBKR's samples use 24 hours.
    sso_request_life: Duration = Duration::from_secs(86_400),
    /// How far a client's clock may be off before `iat` and `exp` are refused. IBKR publishes none.
    clock_tolerance: Duration = Duration::ZERO,
    /// Refuse a client assertion, and the signed body of a later request, that had its effect before. No
    /// source says whether IBKR does.
    replay_refused: bool = true,
    /// Accept any `aud`. IBKR's samples send the literal `/token`, which is what is demanded otherwise.
    any_audience: bool = false,
    /// Accept `text/plain` and the like for `sso-sessions` beside `application/jwt`: some samples send them.
    text_for_jwt: bool = false,
    /// Token errors as RFC 6749 has them (`{"error":"invalid_client"}`) instead of the documented
    /// problem+json.
    rfc6749_errors: bool = false,
    /// Refuse an `sso-sessions` request whose `ip` and `alternativeIps` lack the caller's address.
    ip_checked_at_login: bool = true,
    /// Refuse every later request from another address.
    ip_checked_always: bool = true,
    /// Life of an SSO bearer: 60 minutes in IBKR's DAM guide.
    bearer_life: Duration = Duration::from_secs(3600),
    /// What starts a bearer's life anew: `sso/validate` alone, any request (as real `ssoExpires` values look,
    /// with a life of 10 minutes), or nothing (users report an `ssoExpires` that counts down whatever they
    /// do).
    bearer_extended_by: Extension = Extension::Validate,
    /// How `EXPIRES` of `sso/validate` counts: milliseconds left, or since 1970.
    expires: Expires = Expires::MillisLeft,
    /// Life of a live session token of OAuth 1.0a: 24 hours in IBKR's OpenAPI.
    live_session_token_life: Duration = Duration::from_secs(86_400),
    /// Whether a new live session token ends the one before of the same consumer and access token. No source
    /// says.
    live_session_token_replaced: bool = true,
    /// Life of a request token of OAuth 1.0a until its access token is made. No source says.
    request_token_life: Duration = Duration::from_secs(600),
    /// How far `oauth_timestamp` may be off the servers' clock. No source says.
    oauth1_clock_tolerance: Duration = Duration::from_secs(300),
    /// Refuse an `oauth_timestamp` earlier than the last of the same consumer and access token, as IBKR's
    /// guide to OAuth has it.
    oauth1_timestamps_rise: bool = true,
    /// Where the base string of OAuth 1.0a has the query: among the parameters as in IBKR's samples, nowhere,
    /// or in the URL. Users report that each works.
    oauth1_query: SignedQuery = SignedQuery::Any,
    /// The brokerage session ends after this long without a request: 5 minutes in IBKR's DAM guide.
    brokerage_idle: Duration = Duration::from_secs(300),
    /// From `ssodh/init` until `established`.
    established_after: Duration = Duration::from_secs(1),
    /// How a session is told that another login has its brokerage session: by `competing: true` as IBKR
    /// documents, or, as users report, by the text `fail` alone, or not at all: then it looks like one that
    /// has idled.
    competing_shown: CompetingShown = CompetingShown::Flag,
    /// Refuse `ssodh/init` with `compete: false` though nobody else is there, as users report.
    compete_demanded: bool = false,
    /// Only one brokerage session in an SSO session: when it has ended, `ssodh/init` answers 503 until there
    /// is a new bearer. Users report hours of it.
    init_once: bool = false,
    /// Ask about every order before it is executed: it takes an answer to `iserver/reply`.
    order_questions: bool = false,
    /// Whether `logout` ends the SSO session too, or the brokerage session only (both are reported).
    logout_ends_sso: bool = true,
    /// Compress answers for clients that accept gzip, as IBKR does.
    gzip: bool = true,
    /// Answer 401 to cookies that IBKR does not know, as its edge does.
    strict_cookies: bool = true,
    /// Verify and make RSA signatures. Without them a year in virtual time costs no cryptography: everything
    /// else that is checked about an assertion still is. A live session token of OAuth 1.0a is then made with
    /// a small exponent, and signs as ever.
    signatures: bool = true,
    /// At most this many requests of one username: 10 a second on IBKR's newest page, 50 on others. Without
    /// a limit the endpoints have none of their own either; with one they have those of IBKR's table.
    pacing: Option<Limit> = Some(Limit::new(10, 1)),
    /// So many 429 within a minute put the address into the penalty box. IBKR does not say how many.
    pacing_patience: usize = 10,
    /// How long everything from an address in the penalty box is answered 429: 15 minutes on IBKR's newest
    /// page, 10 on another.
    pacing_penalty: Duration = Duration::from_secs(900),
    /// At most this many token requests of a client, and as many `sso-sessions` requests, or
    /// `live_session_token` requests of a consumer; those with a refused signature or claim do not count.
    /// IBKR limits logins but publishes no number.
    login_limit: Option<Limit> = None,
    /// Take the bearer of a socket from `sessionToken`, as IBKR's changelog says, beside `bearer_token`, as
    /// its OpenAPI says.
    ws_session_token: bool = false,
    /// Whether a socket needs the cookie `api` to have its session at once. IBKR's OpenAPI demands it.
    ws_cookie_required: bool = true,
    /// Send binary frames on sockets, as the Java gateway does, instead of text.
    ws_binary: bool = false,
    /// From the opening of a socket until its `sts`; what the client sends before is dropped. Users saw
    /// seconds.
    ws_ready_after: Duration = Duration::from_millis(300),
    /// How often a socket says `hb`: 10 seconds in IBKR's documentation.
    ws_heartbeat: Option<Duration> = Some(Duration::from_secs(10)),
    /// How often what a socket has subscribed to is told.
    ws_tick_every: Duration = Duration::from_secs(1),
    /// Market data on a socket ends after this long, unless it is asked for again: 10 minutes in IBKR's
    /// changelog, 15 elsewhere.
    ws_stream_life: Duration = Duration::from_secs(600),
    /// A connection is closed after this many requests, without a `Connection: close` that would announce it.
    connection_requests: Option<usize> = None,
    /// A connection is closed after this long without a request.
    connection_idle: Option<Duration> = None,
}

/// What extends an SSO bearer. The sources disagree: 60 minutes extended by `sso/validate` (IBKR's DAM
/// guide), 10 minutes that slide with every request (as real `ssoExpires` values look), or an end that
/// nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `sso/validate` alone.
    Validate,
    /// Any request.
    AnyRequest,
    /// Nothing.
    Nothing,
}

/// How a session is told that another login keeps it from the brokerage tier: documented is the flag, users
/// report the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompetingShown {
    /// `competing: true`.
    Flag,
    /// `competing: false`, and a `fail` text that speaks of the compete flag.
    FailText,
    /// `competing: false`, as after an idle end.
    Never,
}

/// Where a client of OAuth 1.0a signs the query of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedQuery {
    /// Wherever it likes.
    Any,
    /// Among the sorted parameters: IBKR's samples.
    Merged,
    /// Nowhere: `ibind`.
    LeftOut,
    /// In the URL, as it is sent.
    InUrl,
}

/// How `EXPIRES` counts: IBKR's OpenAPI says milliseconds left, IBKR's DAM guide shows milliseconds since the
/// epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// Milliseconds left.
    MillisLeft,
    /// Milliseconds since 1970.
    EpochMillis,
}

/// At most `count` requests in any `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many requests.
    pub count: usize,
    /// In how much time.
    pub per: Duration,
}

impl Limit {
    /// At most `count` requests in any `secs` seconds.
    pub const fn new(count: usize, secs: u64) -> Self {
        Self { count, per: Duration::from_secs(secs) }
    }
}
