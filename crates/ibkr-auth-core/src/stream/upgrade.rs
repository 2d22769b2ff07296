//! The request that opens the WebSocket (IBKR's OpenAPI, `/ws`).

use std::fmt;

use http::{
    HeaderValue, Request,
    header::{
        CONNECTION, COOKIE, HOST, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
    },
};
use zeroize::Zeroizing;

use ibkr_oauth1::Random;

use crate::{Authorization, Config, Error, Host, Secret};

/// A request that asks for the WebSocket. Its URL holds the bearer token, which an `http::Request` would show
/// in `Debug`; this shows nothing of it.
pub struct Upgrade {
    request: Request<()>,
    session_id: Option<Secret>,
}

impl Upgrade {
    /// The request as WebSocket libraries take it, with every header that the handshake needs, `Host` too.
    /// Do not log it: the bearer token stands in its URL.
    pub fn into_request(self) -> Request<()> {
        self.request
    }

    /// The session id of that moment, for [`Stream::opened`](super::Stream::opened).
    pub fn session_id(&self) -> Option<&Secret> {
        self.session_id.as_ref()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.request.uri().host().unwrap_or_default();
        f.debug_struct("Upgrade").field("host", &host).finish_non_exhaustive()
    }
}

/// Asks for `/v1/api/ws` of the configured host: `bearer_token` or `oauth_token` in the query, the session id
/// as cookie `api` once it is known, and the handshake of RFC 6455 §4.1. `nonce` are 16 random bytes, new
/// ones for each request.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) when the host cannot stand in a URL.
pub fn request(config: &Config, authorization: &Authorization, nonce: [u8; 16]) -> Result<Upgrade, Error> {
    let unusable = |_| Error::config("cannot build the WebSocket's URL", "check domain or base_url");
    let (scheme, authority) = address(&config.host);
    // With OAuth 1.0a the session id is what proves us.
    let (name, token) = match (authorization.bearer(), &config.login) {
        (Some(bearer), _) => ("bearer_token", bearer),
        (None, login) => ("oauth_token", &login.needs_oauth1(None)?.access_token),
    };
    let token = percent_encoded(token.expose());
    let url = Zeroizing::new(format!("{scheme}://{authority}/v1/api/ws?{name}={}", *token));
    let mut request = Request::get(url.as_str())
        .header(HOST, authority)
        .header(SEC_WEBSOCKET_KEY, base64(nonce))
        .body(())
        .map_err(unusable)?;
    let headers = request.headers_mut();
    let fixed: [(HeaderName, &str); 3] =
        [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13")];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.insert(USER_AGENT, config.user_agent.clone());
    headers.extend(authorization.cookie().map(|cookie| (COOKIE, cookie)));
    Ok(Upgrade { request, session_id: authorization.session_id().cloned() })
}

/// Random bytes for [`request`], from the operating system.
///
/// # Errors
/// [`ErrorKind::Sign`](crate::ErrorKind::Sign) when it gives none.
#[doc(hidden)]
pub fn nonce() -> Result<[u8; 16], Error> {
    let mut nonce = [0; 16];
    Random::system().fill(&mut nonce).map_err(|error| Error::unsigned(None, error))?;
    Ok(nonce)
}

/// A host has one of two schemes: see `Host::custom`.
fn address(host: &Host) -> (&'static str, &str) {
    match host.base_url().split_once("://") {
        Some(("http", authority)) => ("ws", authority),
        Some((_, authority)) => ("wss", authority),
        None => ("wss", host.base_url()),
    }
}

/// For a query's value (RFC 3986 §2.3): a token may hold `+`, `/`, `=` and `&`.
fn percent_encoded(text: &str) -> Zeroizing<String> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    // Never moved while it grows: nothing but this buffer is wiped.
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => {
                let digits = [byte >> 4, byte & 15].map(|digit| char::from(HEX[usize::from(digit)]));
                encoded.push('%');
                encoded.extend(digits);
            }
        }
    }
    encoded
}

/// RFC 4648 §4, of 16 bytes: 22 characters and the padding.
fn base64(bytes: [u8; 16]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // The last digit holds two bits and four zeros.
    let number = u128::from_be_bytes(bytes);
    let digits = (0..22_u32).map(|place| match place {
        21 => (number << 4) & 63,
        _ => (number >> (122 - 6 * place)) & 63,
    });
    digits.map(|digit| char::from(ALPHABET[digit as usize])).chain("==".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionToken;

    fn config(host: Host) -> Config {
        Config::new("client", "main", "someone").unwrap().with_host(host)
    }

    fn authorization(bearer: &str, session_id: Option<&str>) -> Authorization {
        Authorization::new(SessionToken::Bearer(Secret::new(bearer)))
            .with_session_id(session_id.map(Secret::new))
    }

    #[test]
    fn the_request_is_a_whole_handshake() {
        let upgrade =
            request(&config(Host::production()), &authorization("a.b-c_d", Some("bb66")), [0; 16]).unwrap();
        let request = upgrade.into_request();
        assert_eq!(request.uri(), "wss://api.ibkr.com/v1/api/ws?bearer_token=a.b-c_d");
        let headers = request.headers();
        for (name, value) in [
            ("host", "api.ibkr.com"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("cookie", "api=bb66"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        assert!(headers["user-agent"].to_str().unwrap().starts_with("ibkr-auth/"));
        assert!(headers["cookie"].is_sensitive());
        assert_eq!(headers.len(), 7, "no Authorization: IBKR wants the token in the URL");
    }

    #[test]
    fn what_is_not_known_is_not_sent_and_plain_hosts_are_plain() {
        let host = Host::custom("http://127.0.0.1:5000").unwrap();
        let request = request(&config(host), &authorization("t", None), [1; 16]).unwrap().into_request();
        assert_eq!(request.uri(), "ws://127.0.0.1:5000/v1/api/ws?bearer_token=t");
        assert_eq!(request.headers()["host"], "127.0.0.1:5000");
        assert!(!request.headers().contains_key("cookie"));
    }

    #[test]
    fn a_token_of_any_characters_arrives_whole() {
        let request = request(&config(Host::qa()), &authorization("a+b/c=&d%#\u{e9}~", None), [0; 16]);
        let query = request.unwrap().into_request().uri().query().unwrap().to_owned();
        assert_eq!(query, "bearer_token=a%2Bb%2Fc%3D%26d%25%23%C3%A9~");
    }

    #[test]
    fn debug_shows_no_secret() {
        let upgrade = request(&config(Host::qa()), &authorization("hunter2", Some("hunter3")), [0; 16]);
        assert_eq!(format!("{:?}", upgrade.unwrap()), "Upgrade { host: \"qa.interactivebrokers.com\", .. }");
    }

    #[test]
    fn a_nonce_is_written_as_the_rfc_writes_it() {
        assert_eq!(base64(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==", "RFC 6455 §1.3");
        assert_eq!(base64([0xff; 16]), "/////////////////////w==");
    }
}
