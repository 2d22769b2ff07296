//! What a client's HTTP stack must be told.

use std::path::PathBuf;

use http::Uri;
use ibkr_auth_core::Secret;

use crate::error::Problem;

/// Trust and proxy. The default: what the operating system trusts, and the proxy that the environment names.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// A PEM file of certificates to trust besides the system's. It was not opened yet.
    pub ca_file: Option<PathBuf>,
    /// Trust `ca_file` alone, and nothing of the system's.
    pub ca_only: bool,
    /// `None`: what `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    pub proxy: Option<Proxy>,
}

/// Which proxy to use, whatever the environment says. `Debug` hides the URL.
#[derive(Debug, Clone)]
pub enum Proxy {
    /// No proxy.
    Off,
    /// `http://` or `https://`, host and perhaps port; it may hold a user name and a password, percent-encoded.
    Url(Secret),
}

impl Proxy {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text == "none" {
            return Ok(Self::Off);
        }
        let problem = |what: &str| {
            Problem::new(
                what,
                "write it like http://proxy.example:3128 (special characters of a password as %40 and so on), \
                 or `none`",
            )
        };
        let url: Uri = text.parse().map_err(|_| problem("is not a URL"))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(problem("does not start with http:// or https://"));
        }
        if url.host().is_none_or(str::is_empty) {
            return Err(problem("has no host"));
        }
        if url.path() != "/" || url.query().is_some() {
            return Err(problem("has a path"));
        }
        Ok(Self::Url(Secret::new(text)))
    }
}
