//! `ssodh_init`: `POST /v1/api/iserver/auth/ssodh/init` opens the brokerage session.

use std::time::SystemTime;

use super::{auth_status::AuthStatus, authorization::Authorization};
use crate::{Config, Error, Request, Response, Step};

const STEP: Step = Step::SsodhInit;

/// Builds the request. With `compete` it ends another brokerage session of the username.
/// OAuth 1.0a signs it as of `wall`.
///
/// # Errors
/// None in practice.
pub fn request(
    config: &Config,
    authorization: &Authorization,
    compete: bool,
    wall: SystemTime,
) -> Result<Request, Error> {
    // `publish` false makes IBKR answer 500 (IBKR's Client Portal API page).
    let body =
        if compete { r#"{"publish":true,"compete":true}"# } else { r#"{"publish":true,"compete":false}"# };
    authorization.post(STEP, config, Some(body), wall)
}

/// Reads the state that the session is in now. A success does not say that the session is ready: see
/// [`AuthStatus::is_ready`].
///
/// # Errors
/// [`ErrorKind::Server`](crate::ErrorKind::Server) among others: new paper accounts may answer 500 for weeks.
pub fn parse(config: &Config, response: &Response) -> Result<AuthStatus, Error> {
    AuthStatus::read(STEP, config, response)
}
