//! `validate_sso`: `GET /v1/api/sso/validate`. IBKR allows one a minute; each extends the bearer token.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use super::{answer, auth_status::lenient_u64, authorization::Authorization};
use crate::{Advice, Config, Error, ErrorKind, Request, Response, Secret, Step};

const STEP: Step = Step::ValidateSso;
/// Above this an `EXPIRES` is a date in milliseconds since 1970, below it the milliseconds that are left.
const FIRST_DATE: u64 = 100_000_000_000;

/// What IBKR knows about the SSO session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SsoDetails {
    /// When the session ends unless it is extended.
    pub expires: Option<Expiry>,
    /// The username.
    pub user_name: Option<Secret>,
    /// Whether it is a paper account (`LOGIN_TYPE` 2).
    pub paper: Option<bool>,
    /// IBKR's region, such as `NJ`.
    pub region: Option<String>,
}

/// The end of a session, in the two forms in which IBKR gives it. Exhaustive on purpose: there is no third
/// way to say when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// This long after the answer.
    In(Duration),
    /// At this time of IBKR's clock.
    At(SystemTime),
}

impl Expiry {
    /// From milliseconds: left, or since 1970.
    pub(crate) fn from_millis(millis: u64) -> Option<Self> {
        let duration = Duration::from_millis(millis);
        match millis > FIRST_DATE {
            true => SystemTime::UNIX_EPOCH.checked_add(duration).map(Self::At),
            false => Some(Self::In(duration)),
        }
    }
}

/// Builds the request. OAuth 1.0a signs it as of `wall`.
///
/// # Errors
/// None in practice.
pub fn request(config: &Config, authorization: &Authorization, wall: SystemTime) -> Result<Request, Error> {
    authorization.get(STEP, config, wall)
}

/// Reads the details. Of the many members only `RESULT` is required: IBKR's own examples differ in all
/// others.
///
/// # Errors
/// [`ErrorKind::Unauthorized`] when IBKR says that the session is not valid, in either of its two ways.
pub fn parse(config: &Config, response: &Response) -> Result<SsoDetails, Error> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "RESULT")]
        result: bool,
        #[serde(rename = "EXPIRES", default)]
        expires: Value,
        #[serde(rename = "USER_NAME", default)]
        user_name: Value,
        #[serde(rename = "LOGIN_TYPE", default)]
        login_type: Value,
        #[serde(default)]
        region: Value,
    }
    let body: Body = answer::json(STEP, config, response)?;
    if !body.result {
        let what = "IBKR says that the session is not valid";
        return Err(Error::plain(
            ErrorKind::Unauthorized,
            Some(STEP),
            what,
            "connect again",
            Advice::Reconnect,
        ));
    }
    Ok(SsoDetails {
        expires: lenient_u64(&body.expires).and_then(Expiry::from_millis),
        user_name: body.user_name.as_str().map(Secret::new),
        paper: lenient_u64(&body.login_type).map(|kind| kind == 2),
        region: body.region.as_str().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<SsoDetails, ErrorKind> {
        let config = Config::new("client", "main", "someone").unwrap();
        parse(&config, &Response::new(body.into())).map_err(|error| error.kind())
    }

    #[test]
    fn both_forms_of_expires_are_read() {
        let left = read(r#"{"RESULT":true,"EXPIRES":415890}"#).unwrap().expires;
        assert_eq!(left, Some(Expiry::In(Duration::from_millis(415_890))));
        let date = read(r#"{"RESULT":true,"EXPIRES":1666711150728}"#).unwrap().expires;
        assert_eq!(date, Some(Expiry::At(SystemTime::UNIX_EPOCH + Duration::from_millis(1_666_711_150_728))));
        assert_eq!(read(r#"{"RESULT":true,"EXPIRES":null}"#).unwrap().expires, None);
    }

    #[test]
    fn only_the_result_is_required() {
        assert!(
            read(r#"{"RESULT":true,"region":null,"LOGIN_TYPE":"2","features":[]}"#).unwrap().paper.unwrap()
        );
        assert_eq!(read(r#"{"RESULT":false,"USER_NAME":"someone"}"#).unwrap_err(), ErrorKind::Unauthorized);
        assert_eq!(read(r#"{"USER_NAME":"someone"}"#).unwrap_err(), ErrorKind::Unreadable);
    }
}
