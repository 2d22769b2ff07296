//! `request_token`: `POST /v1/api/oauth/request_token`, with which a consent begins.

use std::time::SystemTime;

use ibkr_jws::Sign;
use serde::Deserialize;

use super::{RequestToken, signed};
use crate::{Config, Error, Request, Response, Step, wire::answer};

const STEP: Step = Step::RequestToken;

/// Builds the request, signed as of `wall`. Send it at once, and once. `callback` is the address that IBKR
/// has registered for the consumer, or [`OUT_OF_BAND`](super::OUT_OF_BAND).
///
/// # Errors
/// [`ErrorKind::Sign`](crate::ErrorKind::Sign) when the key cannot sign, and
/// [`ErrorKind::Config`](crate::ErrorKind::Config) for a login by OAuth 2.0.
pub fn request(
    config: &Config,
    key: &(impl Sign + ?Sized),
    callback: &str,
    wall: SystemTime,
) -> Result<Request, Error> {
    signed(STEP, config, key, None, &[("oauth_callback", callback)], wall)
}

/// Reads the answer.
///
/// # Errors
/// [`ErrorKind::Rejected`](crate::ErrorKind::Rejected) when IBKR refused consumer, callback or signature,
/// with what to do: a consumer of one's own is refused too. Others as everywhere.
pub fn parse(config: &Config, response: &Response) -> Result<RequestToken, Error> {
    #[derive(Deserialize)]
    struct Body {
        oauth_token: String,
    }
    let body: Body = answer::json(STEP, config, response)?;
    RequestToken::new(&body.oauth_token).map_err(|_| answer::unreadable(STEP, config, response))
}
