//! `access_token`: `POST /v1/api/oauth/access_token`, with which a consent ends.

use std::time::SystemTime;

use ibkr_jws::Sign;
use serde::Deserialize;

use super::{RequestToken, Verifier, signed};
use crate::{Config, Error, Request, Response, Secret, Step, wire::answer};

const STEP: Step = Step::ConsentedToken;

/// What a user has granted, until he withdraws it. For one username and consumer the token stays the same,
/// and each consent brings another secret: the one before is of no use from then on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Granted {
    /// The access token.
    pub access_token: Secret,
    /// Its secret, encrypted to the consumer's encryption key, in base64: see
    /// [`DecryptionKey::decrypt`](ibkr_oauth1::DecryptionKey::decrypt).
    pub encrypted_secret: Secret,
    /// Whether it is a paper account's; `None` when IBKR did not say.
    pub is_paper: Option<bool>,
}

/// Builds the request, signed as of `wall`. Send it at once, and once: it spends token and verifier.
///
/// # Errors
/// [`ErrorKind::Sign`](crate::ErrorKind::Sign) when the key cannot sign, and
/// [`ErrorKind::Config`](crate::ErrorKind::Config) for a login by OAuth 2.0.
pub fn request(
    config: &Config,
    key: &(impl Sign + ?Sized),
    token: &RequestToken,
    verifier: &Verifier,
    wall: SystemTime,
) -> Result<Request, Error> {
    signed(STEP, config, key, Some(token), &[("oauth_verifier", verifier.0.expose())], wall)
}

/// Reads the answer.
///
/// # Errors
/// [`ErrorKind::Rejected`](crate::ErrorKind::Rejected) when IBKR refused consumer, request token, verifier or
/// signature, with what to do: spent ones need a new consent. Others as everywhere; where no answer came the
/// consent may be spent, and has to be asked for anew.
pub fn parse(
    config: &Config,
    response: &Response,
    (token, verifier): (&RequestToken, &Verifier),
) -> Result<Granted, Error> {
    read(config, response).map_err(|error| error.without(&[token.expose(), verifier.0.expose()]))
}

fn read(config: &Config, response: &Response) -> Result<Granted, Error> {
    #[derive(Deserialize)]
    struct Body {
        oauth_token: String,
        oauth_token_secret: String,
        #[serde(default)]
        is_paper: Option<bool>,
        // IBKR's OpenAPI names it so; its example and everybody else as above.
        #[serde(default)]
        is_true: Option<bool>,
    }
    let body: Body = answer::json(STEP, config, response)?;
    let secret = |text| answer::secret(STEP, config, response, text);
    if !body.oauth_token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(answer::unreadable(STEP, config, response));
    }
    Ok(Granted {
        access_token: secret(body.oauth_token)?,
        encrypted_secret: secret(body.oauth_token_secret)?,
        is_paper: body.is_paper.or(body.is_true),
    })
}
