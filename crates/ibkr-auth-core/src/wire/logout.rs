//! `logout`: `POST /v1/api/logout` ends the session.

use http::StatusCode;

use super::{answer, build::Authorization};
use crate::{Config, Error, Request, Response, Step};

const STEP: Step = Step::Logout;

/// Builds the request.
///
/// # Errors
/// None in practice.
pub fn request(config: &Config, authorization: &Authorization) -> Result<Request, Error> {
    authorization.post(STEP, config, "/v1/api/logout", None)
}

/// Reads the answer. A 401 says that we were out already, which is what was wanted.
///
/// # Errors
/// When IBKR did not confirm.
pub fn answer(config: &Config, response: &Response) -> Result<(), Error> {
    if response.status() == StatusCode::UNAUTHORIZED {
        Ok(())
    } else {
        answer::success(STEP, config, response)
    }
}
