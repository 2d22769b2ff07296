//! Which proxy a request goes through.

use http::Uri;
use ibkr_auth_core::Secret;

use crate::{NoProxy, error::Problem};

/// Which proxy to use. `Debug` hides its URL.
#[derive(Debug, Clone)]
pub enum Proxy {
    /// No proxy.
    Off,
    /// `http://` or `https://`, host and perhaps port; it may hold a user name and a password, percent-encoded.
    Url(Secret),
    /// The same, but neither for this machine nor for what the list names: what the environment says.
    UrlExcept(Secret, NoProxy),
}

impl Proxy {
    /// Its URL, if there is one.
    pub fn url(&self) -> Option<&Secret> {
        match self {
            Self::Off => None,
            Self::Url(url) | Self::UrlExcept(url, _) => Some(url),
        }
    }

    /// Whether a request to `target` goes through it. Plain `http` never does: it is for this machine alone, and a proxy would
    /// see the tokens in it.
    pub fn takes(&self, target: &Uri) -> bool {
        match self {
            _ if target.scheme_str() != Some("https") => false,
            Self::Off => false,
            Self::Url(_) => true,
            Self::UrlExcept(_, except) => !except.covers(target),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text == "none" {
            return Ok(Self::Off);
        }
        let todo = "write it like http://proxy.example:3128 (special characters of a password as %40 and so on), \
                    or `none`";
        url(text).map(Self::Url).map_err(|what| Problem::new(what, todo))
    }
}

/// The URL of a proxy, or what is wrong with it.
pub(crate) fn url(text: &str) -> Result<Secret, &'static str> {
    let url: Uri = text.parse().map_err(|_| "is not a URL")?;
    match url.scheme_str() {
        Some("http" | "https") => {}
        Some(scheme) if scheme.starts_with("socks") => return Err("is a SOCKS proxy, which cannot be used"),
        _ => return Err("does not start with http:// or https://"),
    }
    if url.host().is_none_or(str::is_empty) {
        return Err("has no host");
    }
    if url.path() != "/" || url.query().is_some() {
        return Err("has a path");
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_through_no_proxy() {
        let url = || Secret::new("http://proxy.example:3128");
        for proxy in [Proxy::Url(url()), Proxy::UrlExcept(url(), NoProxy::default())] {
            for plain in ["http://localhost:1/x", "http://127.0.0.1", "http://api.ibkr.com"] {
                assert!(!proxy.takes(&plain.parse().unwrap()), "{plain}");
            }
            assert!(proxy.takes(&"https://api.ibkr.com/x".parse().unwrap()));
        }
    }
}
