//! `get_access_token`: `POST /oauth2/api/v1/token`, client credentials with a signed assertion (RFC 7523
//! §2.2).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method};
use ibkr_jws::Sign;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{answer, build, jitter::AssertionJitter};
use crate::{Config, Error, Request, Response, Secret, Step, time::unix_seconds};

const STEP: Step = Step::GetAccessToken;

/// What `sso-sessions` is asked with. Another thing than the bearer token of `/v1/api`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AccessToken {
    /// The token.
    pub token: Secret,
    /// How long it is good, counted from the answer, as the server says. IBKR's OpenAPI shows 86 399 s.
    pub expires_in: Option<Duration>,
    /// The scopes granted, separated by spaces.
    pub scope: Option<String>,
}

/// A JSON object whose members stand as they are given.
struct Members<const N: usize>([(&'static str, Value); N]);

impl<const N: usize> Serialize for Members<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Signs an assertion as of `wall` (good from 10 s before to 20 s after, IBKR's own samples) and builds the
/// request. Send it at once, and once: for another try build another one.
///
/// # Errors
/// [`ErrorKind::Sign`](crate::ErrorKind::Sign) when the key cannot sign.
pub fn request(config: &Config, key: &(impl Sign + ?Sized), wall: SystemTime) -> Result<Request, Error> {
    request_within(config, key, wall, AssertionJitter::default())
}

pub(crate) fn request_within(
    config: &Config,
    key: &(impl Sign + ?Sized),
    wall: SystemTime,
    jitter: AssertionJitter,
) -> Result<Request, Error> {
    let login = config.login.needs_oauth2(Some(STEP))?;
    let now = unix_seconds(wall);
    let iss = &login.client_id;
    let exp = now + 20 - jitter.assertion_ends;
    let iat = now.saturating_sub(10 + jitter.assertion_begins);
    let mut claims = [
        ("iss", Value::from(&**iss)),
        ("sub", (&**iss).into()),
        ("aud", "/token".into()),
        ("exp", exp.into()),
        ("iat", iat.into()),
    ];
    jitter.reorder(&mut claims);
    let assertion = build::sign(Some(STEP), config, key, &Members(claims))?;
    let form = format!(
        "grant_type=client_credentials&client_assertion={}\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&scope={}",
        assertion.expose(),
        form_value(&login.scope),
    );
    let body = ("application/x-www-form-urlencoded", form.into_bytes());
    build::request(STEP, config, Method::POST, &config.host.url(STEP.path()), HeaderMap::new(), Some(body))
}

/// Reads the token.
///
/// # Errors
/// [`ErrorKind::Rejected`](crate::ErrorKind::Rejected) when IBKR refused the client or its key; others as
/// everywhere.
pub fn parse(config: &Config, response: &Response) -> Result<AccessToken, Error> {
    #[derive(Deserialize)]
    struct Body {
        access_token: String,
        #[serde(default)]
        expires_in: Option<Value>,
        #[serde(default)]
        scope: Option<String>,
    }
    let body: Body = answer::json(STEP, config, response)?;
    Ok(AccessToken {
        token: answer::secret(STEP, config, response, body.access_token)?,
        expires_in: body
            .expires_in
            .as_ref()
            .and_then(super::auth_status::lenient_u64)
            .map(Duration::from_secs),
        scope: body.scope,
    })
}

/// Percent-encodes all but unreserved characters; a space becomes `+` (`application/x-www-form-urlencoded`).
fn form_value(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
