//! Which proxy a request goes through.

use http::Uri;
use ibkr_auth_core::{Secret, is_this_machine};

use crate::{FileError, NoProxy, env::Env, error::Problem};

/// Which proxy to use. `Debug` hides its URL.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Proxy {
    /// No proxy.
    Off,
    /// `http://` or `https://`, host and perhaps port; it may hold a user name and a password,
    /// percent-encoded.
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

    /// Whether a request to `target` goes through it. Plain `http` never does: it is for this machine alone,
    /// and a proxy would see the tokens in it.
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
        url(text, "write it like http://proxy.example:3128, or `none`").map(Self::Url)
    }

    /// The one that the environment names, by the rule for `https`: everything that leaves this machine is
    /// `https`.
    pub(crate) fn of_env(env: &Env) -> Result<Self, FileError> {
        let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let Some((name, text)) = env.first(&names) else { return Ok(Self::Off) };
        let text = text.trim();
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let help = "set it to an HTTP proxy like http://proxy.example:3128, or set IBKR_AUTH_PROXY to one, or to `none` to go \
                    without";
        let url = url(&text, help).map_err(|problem| problem.at(name))?;
        let except = env.first(&["NO_PROXY", "no_proxy"]).map(|(_, list)| NoProxy::new(&list));
        Ok(Self::UrlExcept(url, except.unwrap_or_default()))
    }

    /// Whether it runs on this machine.
    #[doc(hidden)]
    pub fn is_here(&self) -> bool {
        self.url().and_then(|url| url.expose().parse().ok()).is_some_and(|url| is_loopback(&url))
    }
}

/// The URL of a proxy. `help` is what to do where it is more than a password that has to be written
/// otherwise.
pub(crate) fn url(text: &str, help: &str) -> Result<Secret, Problem> {
    let wrong = |what: &str| Problem::new(what, help);
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(wrong("does not start with http:// or https://"));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {}
        scheme if scheme.starts_with("socks") => {
            return Err(wrong("is a SOCKS proxy, which cannot be used"));
        }
        _ => return Err(wrong("does not start with http:// or https://")),
    }
    let escape = || Problem::new("has a special character in its user name or password", ESCAPE);
    let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    // The host of a URL ends before the first of these: the user's name would be taken for it, and be looked
    // up.
    if user.contains(['/', '?', '#', '\\']) {
        return Err(escape());
    }
    let host = host.strip_suffix('/').unwrap_or(host);
    if host.contains(['/', '?', '#']) {
        return Err(wrong("has a path"));
    }
    if port(host).is_some_and(|port| port.parse().unwrap_or(0_u16) == 0) {
        return Err(wrong("has a port that is none: they go from 1 to 65535"));
    }
    let url: Uri = text.parse().map_err(|_| match format!("{scheme}://{host}").parse::<Uri>() {
        Ok(_) => escape(),
        Err(_) => wrong("is not a URL"),
    })?;
    if url.host().is_none_or(str::is_empty) {
        return Err(wrong("has no host"));
    }
    Ok(Secret::new(text))
}

pub(crate) fn is_loopback(url: &Uri) -> bool {
    url.host().is_some_and(is_this_machine)
}

/// What stands behind the host, which may be an IPv6 address in brackets.
fn port(host: &str) -> Option<&str> {
    host.rsplit_once(':')
        .filter(|(address, _)| !address.contains(':') || address.ends_with(']'))
        .map(|(_, port)| port)
}

const ESCAPE: &str = "write it as % and two digits: `/` is %2F, `?` %3F, `#` %23, `\\` %5C, `@` %40, `\"` %22, a blank %20, \
                      `ä` %C3%A4";
