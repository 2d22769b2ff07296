//! What the servers check and how long things live. Where IBKR publishes a value it is the default; where sources
//! disagree the choice is a field.

use std::time::Duration;

/// The switches. Change the fields you need: `config.rules.established_after = Duration::ZERO`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Life of an access token (`expires_in`). IBKR's OpenAPI shows 86399 seconds; reports go down to 10 minutes.
    pub access_token_life: Duration,
    /// The longest `exp - iat` of a client assertion. The limit is not published: IBKR's samples use 30 seconds, ibauth
    /// 0.0.8 used 600.
    pub assertion_life: Duration,
    /// The longest `exp - iat` of an `sso-sessions` request. IBKR's samples use 24 hours.
    pub sso_request_life: Duration,
    /// How far a client's clock may be off before `iat` and `exp` are refused. IBKR publishes none.
    pub clock_tolerance: Duration,
    /// Accept any `aud`. IBKR's samples send the literal `/token`, which is what is demanded otherwise.
    pub any_audience: bool,
    /// Accept `text/plain` and the like for `sso-sessions` beside `application/jwt`: some samples send them.
    pub text_for_jwt: bool,
    /// Token errors as RFC 6749 has them (`{"error":"invalid_client"}`) instead of the documented problem+json.
    pub rfc6749_errors: bool,
    /// Refuse an `sso-sessions` request whose `ip` and `alternativeIps` lack the caller's address.
    pub ip_checked_at_login: bool,
    /// Refuse every later request from another address.
    pub ip_checked_always: bool,
    /// Life of an SSO bearer: 60 minutes in IBKR's DAM guide.
    pub bearer_life: Duration,
    /// What starts a bearer's life anew.
    pub bearer_extended_by: Extension,
    /// How `EXPIRES` of `sso/validate` counts.
    pub expires: Expires,
    /// The brokerage session ends after this long without a request: 5 minutes in IBKR's DAM guide.
    pub brokerage_idle: Duration,
    /// From `ssodh/init` until `established`.
    pub established_after: Duration,
    /// Whether `logout` ends the SSO session too, or the brokerage session only (both are reported).
    pub logout_ends_sso: bool,
    /// Compress answers for clients that accept gzip, as IBKR does.
    pub gzip: bool,
    /// Answer 401 to cookies that IBKR does not know, as its edge does.
    pub strict_cookies: bool,
    /// Verify and make RSA signatures. Without them a year in virtual time costs no cryptography: everything else that
    /// is checked about an assertion still is.
    pub signatures: bool,
    /// Limits on the pace of requests, or none.
    pub pacing: Option<Pacing>,
    /// At most this many token requests, and as many `sso-sessions` requests, per client. IBKR limits logins but
    /// publishes no number, so there is none by default.
    pub login_limit: Option<Limit>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            access_token_life: Duration::from_secs(86_399),
            assertion_life: Duration::from_secs(600),
            sso_request_life: Duration::from_secs(86_400),
            clock_tolerance: Duration::ZERO,
            any_audience: false,
            text_for_jwt: false,
            rfc6749_errors: false,
            ip_checked_at_login: true,
            ip_checked_always: true,
            bearer_life: Duration::from_secs(3600),
            bearer_extended_by: Extension::Validate,
            expires: Expires::MillisLeft,
            brokerage_idle: Duration::from_secs(300),
            established_after: Duration::from_secs(1),
            logout_ends_sso: true,
            gzip: true,
            strict_cookies: true,
            signatures: true,
            pacing: Some(Pacing::default()),
            login_limit: None,
        }
    }
}

/// What extends an SSO bearer. The sources disagree: 60 minutes extended by `sso/validate` (IBKR's DAM guide), or
/// 10 minutes that slide with every request (as real `ssoExpires` values look).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `sso/validate` alone.
    Validate,
    /// Any request.
    AnyRequest,
}

/// How `EXPIRES` counts: IBKR's OpenAPI says milliseconds left, IBKR's DAM guide shows milliseconds since the epoch.
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

/// IBKR's pacing limits (Web API documentation). The limits of single endpoints are those of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pacing {
    /// All requests of one username.
    pub global: Limit,
    /// So many 429 within a minute put the address into the penalty box. IBKR does not say how many.
    pub patience: usize,
    /// How long everything from there is answered 429: 10 minutes.
    pub penalty: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { global: Limit::new(50, 1), patience: 10, penalty: Duration::from_secs(600) }
    }
}
