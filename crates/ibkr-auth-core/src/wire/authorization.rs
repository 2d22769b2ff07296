//! What opens `/v1/api`, and requests that are made ready with it: of a session's own, and of the user's.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, TRANSFER_ENCODING, USER_AGENT,
    },
    request::Parts,
    uri::PathAndQuery,
};
use ibkr_oauth1::{Call, LiveSessionToken};

use super::{answer::LONGEST_SECRET, build, path};
use crate::{
    Advice, Config, Error, ErrorKind, OAuth1, Request, Response, Secret, Step, clock::CORRECTED,
    time::unix_seconds,
};

/// `Date` has whole seconds, and answers take time.
const JUST_NOW: Duration = Duration::from_secs(2);
const FORM: &str = "application/x-www-form-urlencoded";

/// What opens `/v1/api`. Exhaustive on purpose: each login has one.
#[derive(Debug, Clone)]
pub enum SessionToken {
    /// The bearer token of `sso-sessions`, by OAuth 2.0.
    Bearer(Secret),
    /// The live session token, by OAuth 1.0a: never sent, it signs each request.
    Live(LiveSessionToken),
}

/// What opens `/v1/api`: the session's token and, once an answer has brought it, the session id.
#[derive(Debug, Clone)]
pub struct Authorization {
    token: SessionToken,
    session_id: Option<Secret>,
    timestamps: Timestamps,
    mark: SessionMark,
}

/// Tells the sessions of one client apart: each login makes a new one. It stands in the extensions of every
/// request that was made ready for one, for whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionMark(u64);

impl SessionMark {
    /// The session of this number.
    #[doc(hidden)]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// When requests were signed: OAuth 1.0a wants no timestamp to be lower than one before (RFC 5849 §3.3), and
/// a clock may be set back. Clones share what they know.
///
/// One that IBKR cannot have accepted binds nobody: a clock that was hours ahead for a moment must not have
/// every later request refused.
#[derive(Clone, Default)]
pub(crate) struct Timestamps(Arc<AtomicU64>);

impl Timestamps {
    pub(crate) fn next(&self, wall: SystemTime) -> u64 {
        let now = unix_seconds(wall);
        self.0.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// The last one, for whoever goes on; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// IBKR's clock shows this: it has refused whatever was stamped far later, and in a refusal whatever was
    /// stamped later at all. How far it lets clocks be off is not known.
    pub(crate) fn refute(&self, date: SystemTime, is_refusal: bool) {
        let most = if is_refusal { JUST_NOW } else { CORRECTED };
        let accepted = unix_seconds(date).saturating_add(most.as_secs());
        // A request that is signed meanwhile is stamped as if this had come after it.
        let last = self.last();
        if last > accepted {
            let _ = self.0.compare_exchange(last, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// One of another process, unless it lies so far ahead of `wall` that IBKR cannot have accepted it.
    pub(crate) fn recall(&self, last: u64, wall: SystemTime) {
        if last <= unix_seconds(wall).saturating_add(CORRECTED.as_secs()) {
            self.0.fetch_max(last, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Timestamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.last())
    }
}

impl Authorization {
    /// By the bearer token of `sso-sessions`, or the live session token.
    pub fn new(token: SessionToken) -> Self {
        Self { token, session_id: None, timestamps: Timestamps::default(), mark: SessionMark::default() }
    }

    /// Sends `session` of a tickle's answer as the cookie `api`, too.
    #[must_use]
    pub fn with_session_id(mut self, id: Option<Secret>) -> Self {
        self.session_id = id;
        self
    }

    pub(crate) fn of_session(self, mark: SessionMark, timestamps: Timestamps) -> Self {
        Self { timestamps, mark, ..self }
    }

    /// Which session it is of.
    pub fn mark(&self) -> SessionMark {
        self.mark
    }

    /// Whether both are of one session at IBKR, whichever client restored it.
    #[doc(hidden)]
    pub fn has_token_of(&self, other: &Self) -> bool {
        match (&self.token, &other.token) {
            (SessionToken::Bearer(one), SessionToken::Bearer(other)) => one.expose() == other.expose(),
            (SessionToken::Live(one), SessionToken::Live(other)) => one.to_base64() == other.to_base64(),
            (SessionToken::Bearer(_) | SessionToken::Live(_), _) => false,
        }
    }

    /// The bearer token, if it is one.
    pub fn bearer(&self) -> Option<&Secret> {
        match &self.token {
            SessionToken::Bearer(token) => Some(token),
            SessionToken::Live(_) => None,
        }
    }

    /// The session id, once it is known.
    pub fn session_id(&self) -> Option<&Secret> {
        self.session_id.as_ref()
    }

    /// `Authorization`, `User-Agent` and, when known, `Cookie: api=…`, for any request to `/v1/api`. The
    /// secret ones are marked sensitive. `None` with OAuth 1.0a: there each request is signed by itself.
    pub fn headers(&self, config: &Config) -> Option<HeaderMap> {
        let authorization = self.bearer()?.header("Bearer ")?;
        Some(self.headers_with(config, authorization))
    }

    fn headers_with(&self, config: &Config, authorization: HeaderValue) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, config.user_agent.clone());
        headers.insert(AUTHORIZATION, authorization);
        headers.extend(self.cookie().map(|value| (COOKIE, value)));
        headers
    }

    /// The session id as the cookie `api`.
    pub(crate) fn cookie(&self) -> Option<HeaderValue> {
        self.session_id.as_ref()?.header("api=")
    }

    /// The headers of this one request, signed as of `wall` where it has to be.
    fn headers_of(
        &self,
        config: &Config,
        (method, url, form): (&Method, &str, &[u8]),
        wall: SystemTime,
    ) -> Result<HeaderMap, Error> {
        let authorization = match &self.token {
            SessionToken::Bearer(token) => token.header("Bearer "),
            SessionToken::Live(token) => {
                let login = config.login.needs_oauth1(None)?;
                let nonce = login.random.nonce().map_err(|error| Error::unsigned(None, error))?;
                let timestamp = self.timestamps.next(wall);
                let call = call(login, (method.as_str(), url, form), &nonce, timestamp, &[]);
                Secret::new(call.signed_by_token(token).as_str()).header("")
            }
        };
        // All of it was checked when it was read: nothing that cannot be a header gets this far.
        let unusable = || Error::config("the session's token cannot stand in a header", "connect again");
        Ok(self.headers_with(config, authorization.ok_or_else(unusable)?))
    }

    /// The user's own request, with our headers over the user's and the host in front of a bare path.
    pub(crate) fn authorize(
        &self,
        config: &Config,
        request: Request,
        wall: SystemTime,
    ) -> Result<Request, Error> {
        let (parts, body) = request.into_parts();
        let is_form = parts.headers.get(CONTENT_TYPE).is_some_and(is_form);
        let mut parts = self.authorize_head(config, parts, if is_form { &body } else { &[] }, wall)?;
        if parts.method != Method::GET || !body.is_empty() {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        parts.headers.remove(TRANSFER_ENCODING);
        Ok(Request::from_parts(parts, body))
    }

    /// The same for a request whose body flows: its length is for whoever sends it. `form`: the body if it is
    /// one of `application/x-www-form-urlencoded`, which OAuth 1.0a signs.
    pub(crate) fn authorize_head(
        &self,
        config: &Config,
        mut parts: Parts,
        form: &[u8],
        wall: SystemTime,
    ) -> Result<Parts, Error> {
        let url = match parts.uri.authority() {
            None => config.host.url(parts.uri.path_and_query().map_or("/", PathAndQuery::as_str)),
            Some(_) => parts.uri.to_string(),
        };
        let on_our_host =
            url.strip_prefix(config.host.base_url()).is_some_and(|rest| rest.starts_with("/v1/api/"));
        let refused = |what| {
            let help = "give a path such as /v1/api/portfolio/accounts";
            Error::plain(ErrorKind::Config, None, what, help, Advice::DoNotRetry)
        };
        if !path::is_plain_path(parts.uri.path()) {
            return Err(refused("the request's path has a `.` or `..` between slashes, or a backslash"));
        }
        let headers = self.headers_of(config, (&parts.method, &url, form), wall)?;
        parts.uri = url.try_into().ok().filter(|_| on_our_host).ok_or_else(|| {
            refused("the path must begin with /v1/api, at the session's host: nothing else may see its token")
        })?;
        parts.headers.remove(HOST);
        parts.headers.extend(headers);
        parts.extensions.insert(self.mark);
        Ok(parts)
    }

    pub(crate) fn get(&self, step: Step, config: &Config, wall: SystemTime) -> Result<Request, Error> {
        self.request(step, config, Method::GET, None, wall)
    }

    pub(crate) fn post(
        &self,
        step: Step,
        config: &Config,
        json: Option<&'static str>,
        wall: SystemTime,
    ) -> Result<Request, Error> {
        self.request(step, config, Method::POST, json, wall)
    }

    fn request(
        &self,
        step: Step,
        config: &Config,
        method: Method,
        json: Option<&'static str>,
        wall: SystemTime,
    ) -> Result<Request, Error> {
        let url = config.host.url(step.path());
        let headers = self.headers_of(config, (&method, &url, &[]), wall)?;
        let body = json.map(|json| ("application/json", json.as_bytes().to_vec()));
        let mut request = build::request(step, config, method, &url, headers, body)?;
        request.extensions_mut().insert(self.mark);
        Ok(request)
    }
}

/// What is signed of a request, beside how.
pub(super) fn call<'a>(
    login: &'a OAuth1,
    (method, url, form): (&'a str, &'a str, &'a [u8]),
    nonce: &'a str,
    timestamp: u64,
    extra: &'a [(&'a str, &'a str)],
) -> Call<'a> {
    Call {
        method,
        url,
        form,
        query: login.query,
        realm: login.realm(),
        consumer_key: &login.consumer_key,
        token: Some(login.access_token.expose()),
        nonce,
        timestamp,
        extra,
    }
}

/// Whether this is the type of a body that OAuth 1.0a signs (RFC 5849 §3.4.1.3.1).
pub(crate) fn is_form(content_type: &HeaderValue) -> bool {
    let media_type = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes())
}

/// A session id that an answer sets as the cookie `api`. The value may change from answer to answer. One that
/// is too long would have every later request refused.
pub(crate) fn session_cookie(response: &Response) -> Option<Secret> {
    let cookies =
        response.headers().get_all(SET_COOKIE).into_iter().filter_map(|cookie| cookie.to_str().ok());
    let values = cookies.filter_map(|cookie| cookie.split(';').next()?.trim().strip_prefix("api="));
    values
        .filter(|value| (1..=LONGEST_SECRET).contains(&value.len()))
        .filter(|value| value.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(Secret::new)
        .next_back()
}
