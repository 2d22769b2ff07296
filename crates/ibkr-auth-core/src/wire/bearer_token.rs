//! `get_bearer_token`: `POST /gw/api/v1/sso-sessions`, a signed body that names the user and the public
//! address.

use core::net::Ipv4Addr;
use std::time::SystemTime;

use http::{HeaderMap, Method, header::AUTHORIZATION};
use ibkr_jws::Sign;
use serde::{Deserialize, Serialize};

use super::{access_token::AccessToken, answer, build, jitter::AssertionJitter};
use crate::{Advice, Config, Error, ErrorKind, Request, Response, Secret, Step, time::unix_seconds};

const STEP: Step = Step::GetBearerToken;
/// IBKR's samples let the signed request live for a day.
const LIFETIME: u64 = 86_400;

/// What opens `/v1/api`. It opens the read-only tier at once, the brokerage tier after `ssodh_init`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BearerToken {
    /// The token.
    pub token: Secret,
}

#[derive(Serialize)]
struct Claims<'a> {
    ip: Ipv4Addr,
    credential: &'a str,
    iss: &'a str,
    exp: u64,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(rename = "alternativeIps", skip_serializing_if = "<[_]>::is_empty")]
    alternative_ips: &'a [Ipv4Addr],
}

/// Signs the request for a session that is used from `ip`. Send it at once, and once.
///
/// # Errors
/// [`ErrorKind::Sign`] when the key cannot sign.
pub fn request(
    config: &Config,
    key: &(impl Sign + ?Sized),
    wall: SystemTime,
    access_token: &AccessToken,
    ip: Ipv4Addr,
) -> Result<Request, Error> {
    request_within(config, key, wall, access_token, ip, AssertionJitter::default())
}

pub(crate) fn request_within(
    config: &Config,
    key: &(impl Sign + ?Sized),
    wall: SystemTime,
    access_token: &AccessToken,
    ip: Ipv4Addr,
    jitter: AssertionJitter,
) -> Result<Request, Error> {
    let login = config.login.needs_oauth2(Some(STEP))?;
    let now = unix_seconds(wall);
    let claims = Claims {
        ip,
        credential: login.credential.expose(),
        iss: &login.client_id,
        exp: now + LIFETIME - jitter.sso_request_ends,
        iat: now.saturating_sub(jitter.sso_request_begins),
        service: login.service.as_deref(),
        alternative_ips: &login.alternative_ips,
    };
    let jws = build::sign(Some(STEP), config, key, &claims)?;
    let mut headers = HeaderMap::new();
    headers.extend(access_token.token.header("Bearer ").map(|value| (AUTHORIZATION, value)));
    let body = ("application/jwt", jws.expose().as_bytes().to_vec());
    build::request(STEP, config, Method::POST, &config.host.url(STEP.path()), headers, Some(body))
}

/// Reads the token. IBKR gives no lifetime with it: `validate_sso` and `tickle` do.
///
/// # Errors
/// [`ErrorKind::Rejected`] when IBKR refused the user, the address or the scope; others as everywhere.
pub fn parse(config: &Config, response: &Response) -> Result<BearerToken, Error> {
    #[derive(Deserialize)]
    struct Body {
        // An older version of IBKR's OpenAPI calls it `sessionToken`.
        #[serde(alias = "sessionToken", alias = "session_token")]
        access_token: String,
        #[serde(default)]
        active: Option<bool>,
    }
    let body: Body = answer::json(STEP, config, response)?;
    if body.active == Some(false) {
        let what = "IBKR made a session that is not active";
        let help = "ask IBKR whether the username may use the Web API";
        return Err(Error::plain(ErrorKind::Rejected, Some(STEP), what, help, Advice::DoNotRetry));
    }
    Ok(BearerToken { token: answer::secret(STEP, config, response, body.access_token)? })
}
