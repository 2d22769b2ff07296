//! `get_live_session_token`: `POST /v1/api/oauth/live_session_token`, OAuth 1.0a's way to a session: a
//! Diffie-Hellman exchange, signed with the consumer's key.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, header::AUTHORIZATION};
use ibkr_jws::Sign;
use ibkr_oauth1::{Exponent, LiveSessionToken};
use serde::Deserialize;

use super::{
    answer,
    authorization::{Timestamps, call},
    build,
};
use crate::{Advice, Config, Error, ErrorKind, Request, Response, Secret, Step};

const STEP: Step = Step::GetLiveSessionToken;

/// What requests of OAuth 1.0a are signed with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveSession {
    /// The token. It is never sent.
    pub token: LiveSessionToken,
    /// When it ends by IBKR's clock: about 24 hours after it was made. `None` when IBKR did not say.
    pub expires: Option<SystemTime>,
}

/// Builds the request, signed as of `wall`. Send it at once, and once; keep the exponent for the answer.
///
/// # Errors
/// [`ErrorKind::Sign`] when the key cannot sign, and [`ErrorKind::Config`] for a login by OAuth 2.0.
pub fn request(
    config: &Config,
    key: &(impl Sign + ?Sized),
    wall: SystemTime,
) -> Result<(Request, Exponent), Error> {
    request_after(config, key, wall, &Timestamps::default())
}

pub(crate) fn request_after(
    config: &Config,
    key: &(impl Sign + ?Sized),
    wall: SystemTime,
    timestamps: &Timestamps,
) -> Result<(Request, Exponent), Error> {
    let login = config.login.needs_oauth1(Some(STEP))?;
    let unsigned = |error| Error::unsigned(Some(STEP), error);
    let exponent = login.random.exponent().map_err(unsigned)?;
    let nonce = login.random.nonce().map_err(unsigned)?;
    let challenge = login.dh_parameters.challenge(&exponent);
    let extra = [("diffie_hellman_challenge", challenge.as_str())];
    let url = config.host.url(STEP.path());
    let call = call(login, ("POST", &url, &[]), &nonce, timestamps.next(wall), &extra);
    let secret = login.access_token_secret.get().map_err(unsigned)?;
    let header = call.signed_by_key(key, Some(&secret)).map_err(unsigned)?;
    let mut headers = HeaderMap::new();
    headers.extend(Secret::new(header.as_str()).header("").map(|value| (AUTHORIZATION, value)));
    Ok((build::request(STEP, config, Method::POST, &url, headers, None)?, exponent))
}

/// Computes the token from the answer, and has it prove itself.
///
/// # Errors
/// [`ErrorKind::Unproven`] when it does not: once, that may be chance; twice, the Diffie-Hellman parameters
/// are others than those that IBKR has. [`ErrorKind::Rejected`] when IBKR refused consumer, token or
/// signature; others as everywhere.
pub fn parse(config: &Config, response: &Response, exponent: &Exponent) -> Result<LiveSession, Error> {
    #[derive(Deserialize)]
    struct Body {
        // IBKR's OpenAPI names it as the request does; its example and everybody else as here.
        #[serde(alias = "diffie_hellman_challenge")]
        diffie_hellman_response: String,
        live_session_token_signature: String,
        #[serde(default)]
        live_session_token_expiration: Option<serde_json::Value>,
    }
    let login = config.login.needs_oauth1(Some(STEP))?;
    let body: Body = answer::json(STEP, config, response)?;
    let secret = login.access_token_secret.get().map_err(|error| Error::unsigned(Some(STEP), error))?;
    let shared = login.dh_parameters.shared(&body.diffie_hellman_response, exponent);
    let token = shared.ok().map(|shared| LiveSessionToken::derive(&shared, &secret));
    let proven =
        token.filter(|token| token.proves_itself(&login.consumer_key, &body.live_session_token_signature));
    let expires = body.live_session_token_expiration.as_ref().and_then(super::auth_status::lenient_u64);
    Ok(LiveSession {
        token: proven.ok_or_else(unproven)?,
        expires: expires.and_then(|millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))),
    })
}

fn unproven() -> Error {
    let what = "IBKR's live session token is another than the one computed here";
    let help = "check that the Diffie-Hellman parameters are those that were uploaded to IBKR";
    Error::plain(ErrorKind::Unproven, Some(STEP), what, help, Advice::DoNotRetry)
}
