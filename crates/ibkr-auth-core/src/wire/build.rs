//! What every request has in common.

use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, TRANSFER_ENCODING,
        USER_AGENT,
    },
    request::Parts,
    uri::PathAndQuery,
};

use ibkr_jws::{Jws, JwsError, Sign};
use serde::Serialize;

use super::{answer::LONGEST_SECRET, path};
use crate::{Advice, Config, Error, ErrorKind, Request, Response, Secret, Step};

/// What opens `/v1/api`: the SSO bearer token and, once an answer has brought it, the session id.
/// Exhaustive on purpose: it is written as a literal, for single steps.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The bearer token of `sso-sessions`.
    pub bearer: Secret,
    /// `session` of a tickle answer, sent as the cookie `api`.
    pub session_id: Option<Secret>,
}

impl Authorization {
    /// `Authorization`, `User-Agent` and, when known, `Cookie: api=…`, for any request to `/v1/api`. The
    /// secret ones are marked sensitive.
    pub fn headers(&self, config: &Config) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, config.user_agent.clone());
        // Both were checked when they were read from an answer: nothing that cannot be a header gets this
        // far.
        headers.extend(self.bearer.header("Bearer ").map(|value| (AUTHORIZATION, value)));
        headers.extend(self.cookie().map(|value| (COOKIE, value)));
        headers
    }

    /// The session id as the cookie `api`.
    pub(crate) fn cookie(&self) -> Option<HeaderValue> {
        self.session_id.as_ref()?.header("api=")
    }

    /// The user's own request, with our headers over the user's and the host in front of a bare path.
    pub(crate) fn authorize(&self, config: &Config, request: Request) -> Result<Request, Error> {
        let (parts, body) = request.into_parts();
        let mut parts = self.authorize_head(config, parts)?;
        if parts.method != Method::GET || !body.is_empty() {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        parts.headers.remove(TRANSFER_ENCODING);
        Ok(Request::from_parts(parts, body))
    }

    /// The same for a request whose body flows: its length is for whoever sends it.
    pub(crate) fn authorize_head(&self, config: &Config, mut parts: Parts) -> Result<Parts, Error> {
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
        parts.uri = url.try_into().ok().filter(|_| on_our_host).ok_or_else(|| {
            refused("the path must begin with /v1/api, at the session's host: nothing else may see its token")
        })?;
        parts.headers.remove(HOST);
        parts.headers.extend(self.headers(config));
        Ok(parts)
    }

    pub(crate) fn get(&self, step: Step, config: &Config, path: &str) -> Result<Request, Error> {
        request(step, config, Method::GET, &config.host.url(path), self.headers(config), None)
    }

    pub(crate) fn post(
        &self,
        step: Step,
        config: &Config,
        path: &str,
        json: Option<&'static str>,
    ) -> Result<Request, Error> {
        let body = json.map(|json| ("application/json", json.as_bytes().to_vec()));
        request(step, config, Method::POST, &config.host.url(path), self.headers(config), body)
    }
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

/// Every POST carries `Content-Length`, an empty one too: without it IBKR's edge answers 411.
pub(crate) fn request(
    step: Step,
    config: &Config,
    method: Method,
    url: &str,
    mut headers: HeaderMap,
    body: Option<(&'static str, Vec<u8>)>,
) -> Result<Request, Error> {
    headers.insert(USER_AGENT, config.user_agent.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    if let Some((content_type, _)) = body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let body = body.map(|(_, body)| body).unwrap_or_default();
    if method == Method::POST {
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
    let mut request = http::Request::builder().method(method).uri(url).body(body).map_err(|_| {
        let what = "cannot build the request's URL";
        Error::plain(ErrorKind::Config, Some(step), what, "check domain or base_url", Advice::DoNotRetry)
    })?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// `step`: which one it is for, if it is one of a login.
pub(super) fn sign(
    step: Option<Step>,
    config: &Config,
    key: &(impl Sign + ?Sized),
    claims: &impl Serialize,
) -> Result<Jws, Error> {
    Jws::rs256(&config.client_key_id, claims, key).map_err(|error| match error {
        JwsError::Sign(error) => Error::unsigned(step, error),
        error => Error::plain(ErrorKind::Sign, step, error.to_string(), "check the key", Advice::DoNotRetry),
    })
}
