//! What every request has in common.

use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT},
};
use ibkr_jws::{Jws, JwsError, Sign};
use serde::Serialize;

use crate::{Advice, Config, Error, ErrorKind, Request, Step};

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
    let login = config.login.needs_oauth2(step)?;
    Jws::rs256(&login.client_key_id, claims, key).map_err(|error| match error {
        JwsError::Sign(error) => Error::unsigned(step, error),
        error => Error::plain(ErrorKind::Sign, step, error.to_string(), "check the key", Advice::DoNotRetry),
    })
}
