//! `tickle`: `POST /v1/api/tickle` keeps the session alive. IBKR wants one about every 60 s.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::Value;

use super::{
    answer,
    auth_status::{AuthStatus, lenient_u64, null_is_default},
    authorization::Authorization,
    validate_sso::Expiry,
};
use crate::{Advice, Config, Error, ErrorKind, Request, Response, Secret, Step};

const STEP: Step = Step::Tickle;

/// What a tickle brings back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tickle {
    /// The session id: the cookie `api` of later requests and of the WebSocket.
    pub session_id: Option<Secret>,
    /// When the SSO session ends unless it is extended.
    pub sso_expires: Option<Expiry>,
    /// State of the brokerage session.
    pub auth_status: AuthStatus,
}

/// Builds the request. OAuth 1.0a signs it as of `wall`.
///
/// # Errors
/// None in practice.
pub fn request(config: &Config, authorization: &Authorization, wall: SystemTime) -> Result<Request, Error> {
    authorization.post(STEP, config, None, wall)
}

/// Reads what came back.
///
/// # Errors
/// [`ErrorKind::Unauthorized`] when there is no session any more (also as 200 `{"error":"no session"}`).
pub fn parse(config: &Config, response: &Response) -> Result<Tickle, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        #[serde(default)]
        error: Option<String>,
        #[serde(default)]
        session: Option<String>,
        #[serde(default)]
        sso_expires: Value,
        #[serde(default)]
        iserver: Option<Iserver>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Iserver {
        #[serde(default, deserialize_with = "null_is_default")]
        auth_status: AuthStatus,
    }
    let body: Body = answer::json(STEP, config, response)?;
    match (body.error.as_deref(), body.iserver) {
        (None, Some(iserver)) => Ok(Tickle {
            session_id: body
                .session
                .map(|id| answer::cookie_value(STEP, config, response, id))
                .transpose()?,
            sso_expires: lenient_u64(&body.sso_expires).and_then(Expiry::from_millis),
            auth_status: iserver.auth_status,
        }),
        (Some("no session"), _) => {
            let what = "IBKR answered \"no session\"";
            Err(Error::plain(ErrorKind::Unauthorized, Some(STEP), what, "connect again", Advice::Reconnect))
        }
        (Some(_), _) => Err(answer::error_in_success(STEP)),
        (None, None) => Err(answer::unreadable(STEP, config, response)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Tickle, ErrorKind> {
        let config = Config::new("client", "main", "someone").unwrap();
        parse(&config, &Response::new(body.into())).map_err(|error| error.kind())
    }

    #[test]
    fn with_and_without_a_brokerage_session() {
        let up = r#"{"session":"bb665d0f55b6289d70bc7380089fc96f","ssoExpires":460311,"collission":false,"userId":1,
            "hmds":{"error":"no bridge"},
            "iserver":{"authStatus":{"authenticated":true,"competing":false,"connected":true,"established":true}}}"#;
        let up = read(up).unwrap();
        assert!(up.auth_status.is_ready());
        assert_eq!(up.session_id.unwrap().expose(), "bb665d0f55b6289d70bc7380089fc96f");
        let down = r#"{"session":"bb","iserver":{"authStatus":{"authenticated":false}}}"#;
        assert!(!read(down).unwrap().auth_status.is_ready());
    }

    #[test]
    fn failures_that_come_as_200_are_failures() {
        assert_eq!(read(r#"{"error":"no session"}"#).unwrap_err(), ErrorKind::Unauthorized);
        assert_eq!(read(r#"{"error":"failed to process request"}"#).unwrap_err(), ErrorKind::Server);
        assert_eq!(read("<html>Sign in to the hotel's network</html>").unwrap_err(), ErrorKind::Unreadable);
        assert_eq!(read(r#"{"session":"a"#).unwrap_err(), ErrorKind::Unreadable);
        assert_eq!(read(r#"{"session":"a\r\nb","iserver":{}}"#).unwrap_err(), ErrorKind::Unreadable);
        let injected = r#"{"session":"abc;x-sess-uuid=EVIL","iserver":{}}"#;
        assert_eq!(read(injected).unwrap_err(), ErrorKind::Unreadable);
        let long = format!(r#"{{"session":"{}","iserver":{{}}}}"#, "a".repeat(9_000));
        assert_eq!(read(&long).unwrap_err(), ErrorKind::Unreadable);
    }
}
