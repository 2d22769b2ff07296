//! `logout`: `POST /v1/api/logout` ends the session.

use std::time::SystemTime;

use http::StatusCode;
use serde::Deserialize;

use super::{answer, authorization::Authorization};
use crate::{Config, Error, Request, Response, Step};

const STEP: Step = Step::Logout;

/// Builds the request. OAuth 1.0a signs it as of `wall`.
///
/// # Errors
/// None in practice.
pub fn request(config: &Config, authorization: &Authorization, wall: SystemTime) -> Result<Request, Error> {
    authorization.post(STEP, config, None, wall)
}

/// Reads `{"status":true}`. A 401 says that we were out already, which is what was wanted.
///
/// # Errors
/// When IBKR did not confirm.
pub fn parse(config: &Config, response: &Response) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Body {
        status: bool,
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        return Ok(());
    }
    let body: Body = answer::json(STEP, config, response)?;
    if body.status { Ok(()) } else { Err(answer::error_in_success(STEP)) }
}
