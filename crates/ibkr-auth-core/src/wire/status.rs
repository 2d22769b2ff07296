//! `status`: `POST /v1/api/iserver/auth/status`, the state of the brokerage session.

use super::{auth_status::AuthStatus, build::Authorization};
use crate::{Config, Error, Request, Response, Step};

const STEP: Step = Step::Status;

/// Builds the request.
///
/// # Errors
/// None in practice.
pub fn request(config: &Config, authorization: &Authorization) -> Result<Request, Error> {
    authorization.post(STEP, config, STEP.path(), None)
}

/// Reads the state.
///
/// # Errors
/// [`ErrorKind::Unauthorized`](crate::ErrorKind::Unauthorized) when the bearer token is no longer good.
pub fn parse(config: &Config, response: &Response) -> Result<AuthStatus, Error> {
    AuthStatus::read(STEP, config, response)
}
