//! One request with what every check needs to know about it.

use std::net::IpAddr;

use http::{HeaderMap, Request, header};
use serde_json::Value;

use crate::{Endpoint, Moment};

/// A request at a moment from an address.
pub(crate) struct Call<'a> {
    pub(crate) now: Moment,
    pub(crate) ip: IpAddr,
    pub(crate) endpoint: Endpoint,
    pub(crate) request: &'a Request<Vec<u8>>,
    /// The answer that stands there in place of the servers' own.
    pub(crate) stub: Option<&'a Value>,
}

impl<'a> Call<'a> {
    pub(crate) fn headers(&self) -> &'a HeaderMap {
        self.request.headers()
    }

    pub(crate) fn body(&self) -> &'a [u8] {
        self.request.body()
    }

    pub(crate) fn path(&self) -> &'a str {
        self.request.uri().path()
    }

    /// Whether it needs a brokerage session, and so is away during the nightly reset.
    pub(crate) fn is_iserver(&self) -> bool {
        self.path().contains("/iserver/")
    }

    pub(crate) fn header(&self, name: &header::HeaderName) -> Option<&'a str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The media type of the body in lower case, without parameters.
    pub(crate) fn content_type(&self) -> String {
        let value = self.header(&header::CONTENT_TYPE).unwrap_or("");
        value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }

    /// The token of an `Authorization: Bearer` header.
    pub(crate) fn bearer(&self) -> Option<&'a str> {
        let (scheme, token) = self.header(&header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// What follows the word in an `Authorization: OAuth` header.
    pub(crate) fn oauth1(&self) -> Option<&'a str> {
        let (scheme, rest) = self.header(&header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("oauth").then_some(rest)
    }

    /// The query's parameters.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.request.uri().query().unwrap_or("").as_bytes()).into_owned().collect()
    }
}
