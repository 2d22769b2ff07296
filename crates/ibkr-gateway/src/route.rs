//! What a path asks for.

use http::{Method, uri::PathAndQuery};
use ibkr_auth_async::core::wire::{is_plain_path, path_segments};

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Something that the gateway answers by itself.
    Local(Local),
    /// IBKR's API, at this path and query of IBKR's.
    Api(PathAndQuery),
    /// The stream.
    Stream,
    /// IBKR's account management and token services.
    Beyond(PathAndQuery),
    /// The status page, or something of it.
    Page(Page),
    /// A path that means different things to different servers.
    Ambiguous,
    /// Nothing.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    Tickle,
    ValidateSso,
    SsodhInit,
    Reauthenticate,
    Logout,
    /// The address that tells a client that the gateway is there.
    Root,
    /// Where the original has its login page.
    SsoLogin,
    SsoDispatcher,
    SsoPing,
    Healthz,
    Readyz,
    Metrics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Html,
    State,
    Reconnect,
    Pause,
    Resume,
    LogOut,
}

impl Local {
    /// What ends or takes a session is asked for on purpose: no picture in a page does that.
    pub(crate) fn takes(self, method: &Method) -> bool {
        match self {
            Self::Logout | Self::SsodhInit => *method == Method::POST,
            Self::Tickle | Self::ValidateSso | Self::Reauthenticate => {
                matches!(*method, Method::GET | Method::HEAD | Method::POST)
            }
            _ => matches!(*method, Method::GET | Method::HEAD),
        }
    }
}

/// Where the status page is.
pub(crate) const PAGE: &str = "/gateway";

impl Route {
    /// What is asked for below the prefix of a session.
    pub(crate) fn of(method: &Method, below: &PathAndQuery) -> Self {
        let path = below.path();
        if !is_plain_path(path) {
            return Self::Ambiguous;
        }
        // As the most lenient server reads it, so that no spelling gets around a rule.
        let names = path_segments(path);
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()).collect();
        match names[..] {
            [] => Self::Local(Local::Root),
            ["v1", "api" | "portal", ref rest @ ..] => Self::api(method, rest, below),
            ["sso", "Login", ..] => Self::Local(Local::SsoLogin),
            ["sso", "Dispatcher"] => Self::Local(Local::SsoDispatcher),
            ["sso", "ping"] => Self::Local(Local::SsoPing),
            ["sso", "validate"] => Self::Local(Local::ValidateSso),
            ["healthz"] => Self::Local(Local::Healthz),
            ["readyz"] => Self::Local(Local::Readyz),
            ["metrics"] => Self::Local(Local::Metrics),
            ["gw" | "oauth2", ..] => Self::Beyond(without_doubled_slashes(below)),
            ["gateway", ref rest @ ..] => match *rest {
                [] => Self::Page(Page::Html),
                ["state"] => Self::Page(Page::State),
                ["reconnect"] => Self::Page(Page::Reconnect),
                ["pause"] => Self::Page(Page::Pause),
                ["resume"] => Self::Page(Page::Resume),
                ["logout"] => Self::Page(Page::LogOut),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// Whether a person may come here by a link on any page.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self, Self::Page(Page::Html) | Self::Local(Local::Root | Local::SsoLogin))
    }

    fn api(method: &Method, names: &[&str], below: &PathAndQuery) -> Self {
        match names {
            [] => Self::Unknown,
            ["tickle"] => Self::Local(Local::Tickle),
            ["sso", "validate"] => Self::Local(Local::ValidateSso),
            ["sso", "ping"] => Self::Local(Local::SsoPing),
            ["iserver", "auth", "ssodh", "init"] => Self::Local(Local::SsodhInit),
            ["iserver", "reauthenticate"] => Self::Local(Local::Reauthenticate),
            ["logout"] => Self::Local(Local::Logout),
            ["ws"] if *method == Method::GET => Self::Stream,
            // Tokens are the gateway's own affair.
            ["oauth", ..] => Self::Unknown,
            _ => match of_ibkr(below) {
                path if path.path().starts_with("/v1/api/") => Self::Api(path),
                _ => Self::Ambiguous,
            },
        }
    }
}

/// The same below `/v1/api`, byte by byte but for doubled slashes, which the original takes.
fn of_ibkr(below: &PathAndQuery) -> PathAndQuery {
    let one = without_doubled_slashes(below);
    match one.as_str().strip_prefix("/v1/portal/") {
        Some(rest) => format!("/v1/api/{rest}").parse().unwrap_or(one),
        None => one,
    }
}

fn without_doubled_slashes(below: &PathAndQuery) -> PathAndQuery {
    if !below.path().contains("//") {
        return below.clone();
    }
    let names = below.path().split('/').filter(|name| !name.is_empty());
    let path: String = names.flat_map(|name| ["/", name]).collect();
    let query = below.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{path}{query}").parse().unwrap_or_else(|_| below.clone())
}

/// The path without a prefix; `None` when it is not below it.
pub(crate) fn below(prefix: &str, path: &PathAndQuery) -> Option<PathAndQuery> {
    if prefix.is_empty() {
        return Some(path.clone());
    }
    let rest = path.as_str().strip_prefix(prefix)?;
    match rest.chars().next() {
        None => Some(PathAndQuery::from_static("/")),
        Some('/') => rest.parse().ok(),
        Some('?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Route {
        Route::of(&Method::GET, &path.parse().unwrap())
    }

    fn api(path: &str) -> Route {
        Route::Api(path.parse().unwrap())
    }

    #[test]
    fn both_prefixes_and_doubled_slashes_lead_to_ibkr() {
        let orders = "/v1/api/iserver/account/orders?filters=a%2Cb&x=%7B%22y%22%3A[1]|2";
        for path in [
            "/v1/api/iserver/account/orders?filters=a%2Cb&x=%7B%22y%22%3A[1]|2",
            "/v1/portal/iserver/account/orders?filters=a%2Cb&x=%7B%22y%22%3A[1]|2",
            "//v1//api/iserver/account//orders?filters=a%2Cb&x=%7B%22y%22%3A[1]|2",
        ] {
            assert_eq!(route(path), api(orders), "{path}");
        }
        assert_eq!(route("/v1/api/portfolio/U1/positions/0//"), api("/v1/api/portfolio/U1/positions/0"));
        assert_eq!(route("/v1/api/trsrv/stocks?symbols=A//B"), api("/v1/api/trsrv/stocks?symbols=A//B"));
    }

    #[test]
    fn no_spelling_gets_around_what_is_answered_here() {
        for path in [
            "/v1/api/tickle",
            "//v1/api/tickle",
            "/v1/portal/tickle",
            "/v1/api/%74ickle",
            "/v1/api/tickle;x=1",
            "/v1/api/tickle/",
        ] {
            assert_eq!(route(path), Route::Local(Local::Tickle), "{path}");
        }
        assert_eq!(route("/v1/api/logout%3bx"), Route::Local(Local::Logout));
        assert_eq!(route("/v1/api/oauth/live_session_token"), Route::Unknown);
    }

    #[test]
    fn a_path_with_two_meanings_leads_nowhere() {
        for path in [
            "/v1/api/../../gw/api/v1/accounts",
            "/v1/api/%2e%2e/x",
            "/v1/api/..%2fx",
            "/v1/api/a%5cb",
            "/v1/api/./tickle",
            "/%76%31/api/x",
            "/v1/%70ortal/x",
        ] {
            assert_eq!(route(path), Route::Ambiguous, "{path}");
        }
    }

    #[test]
    fn a_prefix_is_a_whole_name() {
        let below = |path: &str| below("/paper", &path.parse().unwrap()).map(|path| path.to_string());
        assert_eq!(below("/paper/v1/api/tickle").as_deref(), Some("/v1/api/tickle"));
        assert_eq!(below("/paper").as_deref(), Some("/"));
        assert_eq!(below("/paper?x").as_deref(), Some("/?x"));
        assert_eq!(below("/papers/v1"), None);
        assert_eq!(below("/v1/api/tickle"), None);
    }
}
