//! How a third party comes to a user's access token (OAuth 1.0a; RFC 5849 §2, IBKR's Client Portal API
//! page): [`request_token`], the page on which the user consents, and [`access_token`]. It is for vendors: a
//! consumer of one's own has its access token from IBKR's self-service page, and is refused here.
//!
//! Nothing of it is ever sent twice by this library. Send each request once: what it has done shows in no
//! other way than in its answer.
//!
//! ```
//! use std::time::SystemTime;
//! use ibkr_auth_core::{Config, wire::consent::{self, OUT_OF_BAND, PAGE}};
//! # use ibkr_auth_core::{Request, Response, testing};
//! # fn send(request: Request) -> Response { testing::healthy_http(&request) }
//! # let key = testing::FakeKey;
//! # let now = SystemTime::now();
//! let config = Config::third_party("VENDORKEY")?;
//!
//! let request = consent::request_token::request(&config, &key, OUT_OF_BAND, now)?;
//! let token = consent::request_token::parse(&config, &send(request))?;
//! println!("Open {}", token.address(PAGE, None));
//!
//! # let typed_in = "89abcdef0123456789ab";
//! let verifier = consent::Verifier::new(typed_in)?;
//! let request = consent::access_token::request(&config, &key, &token, &verifier, now)?;
//! let granted = consent::access_token::parse(&config, &send(request), (&token, &verifier))?;
//! assert_eq!(granted.is_paper, Some(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod access_token;
pub mod request_token;

use std::fmt;

use http::{HeaderMap, Method, header::AUTHORIZATION};
use ibkr_jws::Sign;
use ibkr_oauth1::{Call, encoded};

use super::{authorization::Timestamps, build};
use crate::{Advice, Config, Error, ErrorKind, Request, Secret, Step};

/// Where a user consents. A simulator has another.
pub const PAGE: &str = "https://interactivebrokers.com/authorize";

/// The callback of whoever has none: the page shows the verifier.
pub const OUT_OF_BAND: &str = "oob";

/// No token or verifier comes near this.
const LONGEST: usize = 256;

/// What a user is asked for consent with. It is spent with the access token, or after minutes.
#[derive(Clone)]
pub struct RequestToken(Secret);

/// What shows that the user has consented, once.
#[derive(Clone)]
pub struct Verifier(Secret);

impl RequestToken {
    /// One that was kept from an earlier answer.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it holds something else than letters and digits: copy it whole.
    pub fn new(text: &str) -> Result<Self, Error> {
        plain(text, "request token").map(Self)
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Where the user's browser goes; cookies must be on there. `page` is [`PAGE`], or that of a simulator.
    /// `redirect_uri` is the registered callback, if the browser shall come back.
    pub fn address(&self, page: &str, redirect_uri: Option<&str>) -> String {
        let glue = if page.contains('?') { '&' } else { '?' };
        let redirect = redirect_uri.map(|uri| format!("&redirect_uri={}", encoded(uri))).unwrap_or_default();
        format!("{page}{glue}oauth_token={}{redirect}", self.expose())
    }

    /// The verifier out of the query with which the browser comes back.
    ///
    /// # Errors
    /// [`ErrorKind::Rejected`] when it is of another request token, which may be somebody's attempt to have
    /// his own account used here: go on waiting, or ask anew. The same when the user did not consent.
    pub fn verifier_of(&self, query: &str) -> Result<Verifier, Error> {
        let get = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        if get("oauth_token") != Some(self.expose()) {
            let what = "the browser came back with another request token than the one that was sent";
            return Err(refused(what, "open the address that was printed, and no older one"));
        }
        // Some servers say why (the OAuth Problem Reporting extension); what IBKR says is not known.
        match get("oauth_verifier") {
            Some(verifier) if !verifier.is_empty() => Verifier::new(verifier),
            _ => {
                Err(refused("the user did not consent", "ask the user, then begin with a new request token"))
            }
        }
    }
}

impl Verifier {
    /// As the page shows it, or the browser brings it back.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it holds something else than letters and digits: copy it whole.
    pub fn new(text: &str) -> Result<Self, Error> {
        plain(text, "verifier").map(Self)
    }
}

fn plain(text: &str, name: &str) -> Result<Secret, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    match (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_plain) {
        true => Ok(Secret::new(text)),
        false => {
            let what = format!("this is no {name}: it should be hexadecimal digits");
            Err(Error::plain(ErrorKind::Config, None, what, "copy it whole", Advice::DoNotRetry))
        }
    }
}

fn refused(what: &'static str, help: &'static str) -> Error {
    Error::plain(ErrorKind::Rejected, Some(Step::ConsentedToken), what, help, Advice::DoNotRetry)
}

/// A request of the consent, signed with the signature key.
fn signed(
    step: Step,
    config: &Config,
    key: &(impl Sign + ?Sized),
    token: Option<&RequestToken>,
    extra: &[(&str, &str)],
    wall: std::time::SystemTime,
) -> Result<Request, Error> {
    let login = config.login.needs_oauth1(Some(step))?;
    let unsigned = |error| Error::unsigned(Some(step), error);
    let nonce = login.random.nonce().map_err(unsigned)?;
    let url = config.host.url(step.path());
    let call = Call {
        method: "POST",
        url: &url,
        form: &[],
        query: login.query,
        realm: login.realm(),
        consumer_key: &login.consumer_key,
        token: token.map(RequestToken::expose),
        nonce: &nonce,
        timestamp: Timestamps::default().next(wall),
        extra,
    };
    let header = call.signed_by_key(key, None).map_err(unsigned)?;
    let mut headers = HeaderMap::new();
    headers.extend(Secret::new(header.as_str()).header("").map(|value| (AUTHORIZATION, value)));
    build::request(step, config, Method::POST, &url, headers, None)
}

impl fmt::Debug for RequestToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestToken([redacted])")
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier([redacted])")
    }
}

#[cfg(test)]
mod tests;
