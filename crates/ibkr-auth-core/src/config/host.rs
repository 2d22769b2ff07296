//! IBKR's hosts by name, and other servers only when they are meant.

use std::{fmt, net::IpAddr, str::FromStr};

use http::Uri;

use super::ConfigError;

const PRODUCTION: &str = "api.ibkr.com";
const QA: &str = "qa.interactivebrokers.com";

/// A server that speaks IBKR's Web API. `Display` gives the name that [`FromStr`] reads.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    name: String,
    base: String,
}

impl Host {
    /// `https://api.ibkr.com` (IBKR's OpenAPI, `servers`).
    pub fn production() -> Self {
        Self::https(PRODUCTION)
    }

    /// `https://<number>.api.ibkr.com`, 1 to 8: the way around a bad node behind `api.ibkr.com` that IBKR's
    /// support recommends.
    ///
    /// # Errors
    /// [`ConfigError`] for any other number.
    pub fn numbered(number: u8) -> Result<Self, ConfigError> {
        if (1..=8).contains(&number) {
            Ok(Self::https(&format!("{number}.{PRODUCTION}")))
        } else {
            Err(ConfigError::new(
                "domain",
                "has a number that IBKR does not use: 1.api.ibkr.com to 8.api.ibkr.com exist",
            ))
        }
    }

    /// `https://qa.interactivebrokers.com`, IBKR's sandbox (IBKR's OpenAPI, `servers`).
    pub fn qa() -> Self {
        Self::https(QA)
    }

    /// Whether it is on this machine: a simulator, a gateway.
    pub fn is_loopback(&self) -> bool {
        let host = self.base.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
        host.is_some_and(|host| is_this_machine(&host))
    }

    /// Any other server: a simulator, a proxy of your own. It will be sent your tokens.
    ///
    /// # Errors
    /// [`ConfigError`] unless it is an `https` URL without a path; plain `http` is for loopback alone.
    pub fn custom(base_url: &str) -> Result<Self, ConfigError> {
        let url = absolute_url("base_url", base_url)?;
        if url.path() != "/" || url.query().is_some() {
            return Err(ConfigError::new(
                "base_url",
                "must not have a path: give scheme, host and port alone",
            ));
        }
        let (scheme, authority) =
            (url.scheme_str().unwrap_or("https"), url.authority().map_or("", |host| host.as_str()));
        let base = format!("{scheme}://{authority}");
        Ok(Self { name: base.clone(), base })
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn https(name: &str) -> Self {
        Self { name: name.to_owned(), base: format!("https://{name}") }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::production()
    }
}

impl FromStr for Host {
    type Err = ConfigError;

    /// Reads one of IBKR's names: `api.ibkr.com`, `1.api.ibkr.com` … `8.api.ibkr.com`,
    /// `qa.interactivebrokers.com`.
    fn from_str(name: &str) -> Result<Self, ConfigError> {
        match name {
            PRODUCTION => Ok(Self::production()),
            QA => Ok(Self::qa()),
            _ => match name.strip_suffix(PRODUCTION).and_then(|number| number.strip_suffix('.')) {
                Some(number) if number.len() == 1 => Self::numbered(number.parse().unwrap_or_default()),
                _ => Err(ConfigError::new(
                    "domain",
                    "is not one of IBKR's (api.ibkr.com, 1.api.ibkr.com to 8.api.ibkr.com, \
                     qa.interactivebrokers.com); any other server is set by base_url",
                )),
            },
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.name)
    }
}

/// An absolute `https` URL without user info; plain `http` only to this machine, because tokens travel on it.
pub(super) fn absolute_url(field: &'static str, text: &str) -> Result<Uri, ConfigError> {
    let problem = |what: &str| ConfigError::new(field, what);
    let url: Uri = text.parse().map_err(|_| problem("is not a URL: write it like https://example.com"))?;
    let authority =
        url.authority().ok_or_else(|| problem("has no host: write it like https://example.com"))?;
    if authority.as_str().contains('@') {
        return Err(problem("must not hold a user name or password"));
    }
    match url.scheme_str() {
        Some("https") => Ok(url),
        Some("http") if is_this_machine(authority.host()) => Ok(url),
        Some("http") => Err(problem("must be https: plain http is for this machine alone")),
        _ => Err(problem("must be https: write it like https://example.com")),
    }
}

/// Whether the host of a URL is this machine: `localhost`, or an address that never leaves it.
#[doc(hidden)]
pub fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']).trim_end_matches('.');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibkrs_names_are_read_and_written_back() {
        for name in ["api.ibkr.com", "1.api.ibkr.com", "8.api.ibkr.com", "qa.interactivebrokers.com"] {
            let host: Host = name.parse().unwrap();
            assert_eq!((host.to_string(), host.url("/x")), (name.to_owned(), format!("https://{name}/x")));
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "0.api.ibkr.com",
            "9.api.ibkr.com",
            "x.api.ibkr.com",
            "+1.api.ibkr.com",
            "evilapi.ibkr.com",
            "api.ibkr.com.evil.example",
        ] {
            assert_eq!(name.parse::<Host>().unwrap_err().field(), "domain", "{name}");
        }
    }

    #[test]
    fn only_scheme_host_and_port_are_kept() {
        for url in ["https://example.com:8443", "https://example.com:8443/", "https://example.com:8443#x"] {
            assert_eq!(Host::custom(url).unwrap().url("/v1"), "https://example.com:8443/v1", "{url}");
        }
    }

    #[test]
    fn this_machine_has_many_names_and_no_other_has_one() {
        for here in ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
            assert!(is_this_machine(here), "{here}");
        }
        for there in ["", "localhost.example", "128.0.0.1", "127.0.0.1.example", "[2001:db8::1]", "0.0.0.0"] {
            assert!(!is_this_machine(there), "{there}");
        }
    }

    #[test]
    fn other_servers_are_https_or_this_machine() {
        for good in
            ["https://localhost:8443", "https://example.com/", "http://127.0.0.1:5000", "http://localhost"]
        {
            assert!(Host::custom(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "http://example.com",
            "ftp://x",
            "https://u:p@example.com",
            "https://example.com/v1",
        ] {
            assert_eq!(Host::custom(bad).unwrap_err().field(), "base_url", "{bad}");
        }
    }
}
