//! `status`: `POST /v1/api/iserver/auth/status`, the state of the brokerage session.

use std::time::SystemTime;

use super::{auth_status::AuthStatus, authorization::Authorization};
use crate::{Config, Error, Request, Response, Step};

const STEP: Step = Step::Status;

/// Builds the request. OAuth 1.0a signs it as of `wall`.
///
/// # Errors
/// None in practice.
pub fn request(config: &Config, authorization: &Authorization, wall: SystemTime) -> Result<Request, Error> {
    authorization.post(STEP, config, None, wall)
}

/// Reads the state.
///
/// # Errors
/// [`ErrorKind::Unauthorized`](crate::ErrorKind::Unauthorized) when the bearer token is no longer good.
pub fn parse(config: &Config, response: &Response) -> Result<AuthStatus, Error> {
    AuthStatus::read(STEP, config, response)
}
