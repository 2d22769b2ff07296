//! OAuth 1.0a as IBKR has it (IBKR's OpenAPI, its Client Portal API page and its guide to OAuth): the calls
//! for tokens, and the signature of every other.

mod base_string;
mod claim;
mod consent;
mod header;
mod live;
pub(crate) mod number;
mod signature;
mod tokens;

pub(crate) use live::{Live, MINT};
pub(crate) use tokens::Requested;

use crate::{
    Endpoint,
    answer::{Answer, Answered},
    call::Call,
    sim::Sim,
};

/// The calls by what they sign and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    RequestToken,
    AccessToken,
    LiveSessionToken,
    /// Any other endpoint.
    Resource,
}

impl Step {
    /// What the header must have.
    fn needs(self) -> &'static [&'static str] {
        macro_rules! with {
            ($($name:literal),*) => {
                &["realm", "oauth_consumer_key", "oauth_nonce", "oauth_signature", "oauth_signature_method",
                  "oauth_timestamp", $($name),*]
            };
        }
        match self {
            Self::RequestToken => with!("oauth_callback"),
            Self::AccessToken => with!("oauth_token", "oauth_verifier"),
            Self::LiveSessionToken => with!("oauth_token", "diffie_hellman_challenge"),
            Self::Resource => with!("oauth_token"),
        }
    }

    /// What it may have beside that. Libraries for RFC 5849 add the version.
    fn allows(self) -> &'static [&'static str] {
        match self {
            Self::AccessToken => &["oauth_version", "oauth_callback"],
            _ => &["oauth_version"],
        }
    }

    fn signature_method(self) -> &'static str {
        if self == Self::Resource { "HMAC-SHA256" } else { "RSA-SHA256" }
    }
}

impl Sim {
    pub(crate) fn oauth1(&mut self, call: &Call<'_>) -> Answered {
        match call.endpoint {
            Endpoint::RequestToken => self.request_token(call),
            Endpoint::AccessToken => self.access_token(call),
            _ => self.live_session_token(call),
        }
    }

    /// 401 in the words of these servers: `{"error":"id: 39687, error: invalid consumer","statusCode":401}`
    /// (reports of users).
    fn oauth1_error(&mut self, error: &str) -> Answer {
        let number = u32::from_str_radix(&self.ids.hex(4), 16).unwrap_or(0);
        Answer::error(401, &format!("id: {number}, error: {error}"))
    }
}
