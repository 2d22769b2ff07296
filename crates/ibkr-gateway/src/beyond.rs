//! `/gw` and `/oauth2`, which IBKR's own gateway refuses although IBKR's OpenAPI file names it as the first
//! server for them: account management, with the access token, and bodies signed where IBKR wants that.

use http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE, request::Parts};
use ibkr_auth_async::core::wire::signed;
use serde_json::{Map, Value};

use crate::{
    body::Content,
    reply::{self, Reply},
    seat::{Seat, now},
};

/// The request as IBKR wants it: the JSON of an operation as signed claims. One that is signed already stays.
///
/// # Errors
/// What to tell a client whose body cannot be signed.
pub(crate) fn signed(seat: &Seat, mut parts: Parts, upload: Content) -> Result<(Parts, Content), Reply> {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_signed =
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/jwt"));
    if !matches!(parts.method, Method::POST | Method::PATCH | Method::PUT) || is_signed {
        return Ok((parts, upload));
    }
    let refused = |why: &str| reply::error(StatusCode::BAD_REQUEST, &format!("Bad Request: {why}"));
    let Content::Whole(bytes) = upload else {
        return Err(refused("what is to be signed has 64 KiB at most; sign it yourself, as application/jwt"));
    };
    let members: Map<String, Value> = match bytes.is_empty() {
        true => Map::new(),
        false => serde_json::from_slice(&bytes)
            .map_err(|_| refused("the body is signed as claims: it has to be a JSON object"))?,
    };
    let snapshot = seat.handle.snapshot();
    // As IBKR's clock shows it.
    let wall = snapshot.clock_skew().correct(now().wall);
    let jws = signed::body(snapshot.config(), &seat.key, members, wall)
        .map_err(|error| reply::error(StatusCode::INTERNAL_SERVER_ERROR, error.message()))?;
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
    Ok((parts, Content::Whole(jws.expose().to_owned().into())))
}
