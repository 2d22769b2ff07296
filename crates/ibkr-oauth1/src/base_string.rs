//! What is signed: method, URL and parameters of a request in one text.

use std::{borrow::Cow, fmt};

use crate::percent;

/// What becomes of the query of a URL in the base string. IBKR accepts each of these: each is sent by
/// programs that are in use (C, as docs/PROTOCOL.md marks its evidence).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryTreatment {
    /// Its parameters are signed among the others, decoded: IBKR's text and its own programs (O OAPDF, CPV1).
    #[default]
    Merged,
    /// It is not signed at all (C IBIND).
    LeftOut,
    /// It is signed as it stands, as a part of the URL, and not among the parameters (C CONDUIT).
    InUrl,
}

/// `oauth_signature_method` (O OAPDF).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureMethod {
    /// By the [`LiveSessionToken`](crate::LiveSessionToken): every request but the three for tokens.
    HmacSha256,
    /// By the signature key: `request_token`, `access_token` and `live_session_token`.
    RsaSha256,
}

impl SignatureMethod {
    /// As IBKR spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HMAC-SHA256",
            Self::RsaSha256 => "RSA-SHA256",
        }
    }
}

/// One request that is to be signed. `Debug` shows the method and the URL without its query, nothing else.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The HTTP method; signed in capitals.
    pub method: &'a str,
    /// Absolute, as it is sent: it may have a query.
    pub url: &'a str,
    /// The body if it is `application/x-www-form-urlencoded`: its parameters are signed. Else empty: other
    /// bodies are not signed at all.
    pub form: &'a [u8],
    /// What becomes of the URL's query.
    pub query: QueryTreatment,
    /// `limited_poa`, for the consumer `TESTCONS` `test_realm` (O OAPDF). It is not signed.
    pub realm: &'a str,
    /// `oauth_consumer_key`: 9 capital letters where the portal of IBKR has given it out.
    pub consumer_key: &'a str,
    /// `oauth_token`: none in `request_token`.
    pub token: Option<&'a str>,
    /// `oauth_nonce`: another one for each request, see [`Random::nonce`](crate::Random::nonce).
    pub nonce: &'a str,
    /// `oauth_timestamp`: seconds since 1970, never less than in the request before (O OAPDF).
    pub timestamp: u64,
    /// What else the step asks for, names and values, not encoded: `oauth_callback`, `oauth_verifier`,
    /// `diffie_hellman_challenge`.
    pub extra: &'a [(&'a str, &'a str)],
}

/// A name and a value.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

impl<'a> Call<'a> {
    /// The text that is signed: method, URL and parameters, each percent-encoded, joined by `&` (O OAPDF,
    /// CPV1).
    ///
    /// The parameters are those of OAuth but the realm and the signature, then those of the query and of the
    /// form, decoded, sorted by name and value. Joined to `name=value&…` they are encoded *once*: RFC 5849
    /// encodes names and values before that too, which IBKR does not. Where its own programs differ from each
    /// other, for `/` and spaces in values, it is RFC 3986 here.
    ///
    /// What is prepended for `live_session_token` is not in it: it is a secret.
    pub fn base_string(&self, method: SignatureMethod) -> String {
        let url = Url::read(self.url);
        let mut text = String::with_capacity(512);
        text.push_str(&self.method.to_ascii_uppercase());
        text.push('&');
        percent::encode(url.base().as_bytes(), &mut text);
        if let (QueryTreatment::InUrl, Some(query)) = (self.query, url.query) {
            percent::encode(b"?", &mut text);
            percent::encode(query.as_bytes(), &mut text);
        }
        text.push('&');
        let timestamp = self.timestamp.to_string();
        let oauth = self.oauth(method, &timestamp);
        let mut pairs: Vec<Pair<'_>> =
            oauth.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect();
        if self.query == QueryTreatment::Merged {
            pairs.extend(form(url.query.unwrap_or_default().as_bytes()));
        }
        pairs.extend(form(self.form));
        pairs.sort();
        for (place, (name, value)) in pairs.iter().enumerate() {
            if place > 0 {
                percent::encode(b"&", &mut text);
            }
            percent::encode(name, &mut text);
            percent::encode(b"=", &mut text);
            percent::encode(value, &mut text);
        }
        text
    }

    /// The parameters of OAuth that are signed.
    pub(crate) fn oauth<'s>(
        &'s self,
        method: SignatureMethod,
        timestamp: &'s str,
    ) -> Vec<(&'s str, &'s str)> {
        let mut pairs = vec![
            ("oauth_consumer_key", self.consumer_key),
            ("oauth_nonce", self.nonce),
            ("oauth_signature_method", method.name()),
            ("oauth_timestamp", timestamp),
        ];
        pairs.extend(self.token.map(|token| ("oauth_token", token)));
        pairs.extend(self.extra);
        pairs
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = Url::read(self.url).base();
        f.debug_struct("Call").field("method", &self.method).field("url", &url).finish_non_exhaustive()
    }
}

/// The decoded parameters of a query or a form.
fn form(text: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let pieces = text.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| {
        let mut halves = piece.splitn(2, |byte| *byte == b'=');
        let mut half = || Cow::Owned(percent::decode_form(halves.next().unwrap_or_default()));
        (half(), half())
    })
}

/// What a server knows of a URL: neither credentials in it nor its fragment are sent.
struct Url<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn read(url: &'a str) -> Self {
        let url = url.split('#').next().unwrap_or_default();
        let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
        let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        Self { scheme, authority, path, query }
    }

    /// Without the query: scheme and host small, the port only if it is not the scheme's own (RFC 5849
    /// §3.4.1.2), the path as it stands.
    fn base(&self) -> String {
        let scheme = self.scheme.to_ascii_lowercase();
        let own_port = if scheme == "http" { "80" } else { "443" };
        let authority = match self.authority.rsplit_once(':') {
            Some((host, port)) if port.is_empty() || port == own_port => host,
            _ => self.authority,
        };
        let path = if self.path.is_empty() { "/" } else { self.path };
        [&scheme, "://", &authority.to_ascii_lowercase(), path].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_what_the_server_knows_it_as() {
        for (url, base) in [
            ("HTTPS://API.ibkr.COM:443/V1/Api", "https://api.ibkr.com/V1/Api"),
            ("http://Localhost:80/a", "http://localhost/a"),
            ("http://localhost:443/a", "http://localhost:443/a"),
            ("https://localhost:5000/a?b=c", "https://localhost:5000/a"),
            ("https://localhost:/a", "https://localhost/a"),
            ("https://[::1]/a", "https://[::1]/a"),
            ("https://[::1]:443/a", "https://[::1]/a"),
            ("https://api.ibkr.com", "https://api.ibkr.com/"),
            ("https://api.ibkr.com?a=/b", "https://api.ibkr.com/"),
            ("https://me:pass@api.ibkr.com/a#b", "https://api.ibkr.com/a"),
            ("https://api.ibkr.com/a/?b=http://x/?c#d?e", "https://api.ibkr.com/a/"),
            ("https://api.ibkr.com/a%20b/:443", "https://api.ibkr.com/a%20b/:443"),
        ] {
            assert_eq!(Url::read(url).base(), base, "{url}");
        }
    }

    #[test]
    fn a_form_is_taken_apart_and_decoded() {
        let text = |form_text: &str| {
            let pairs = form(form_text.as_bytes());
            let pairs = pairs.map(|(name, value)| {
                format!("{}: {}", String::from_utf8_lossy(&name), String::from_utf8_lossy(&value))
            });
            pairs.collect::<Vec<_>>()
        };
        assert_eq!(text("a=1&b=c%3Dd=e&&f+g&=h&i="), ["a: 1", "b: c=d=e", "f g: ", ": h", "i: "]);
        assert!(text("").is_empty());
    }
}
