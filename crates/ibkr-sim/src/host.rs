//! The hosts that the simulator stands for.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The hosts of IBKR's API: production, the numbered nodes behind it (IBKR's support names 1 to 8), the
/// sandbox.
pub const API_HOSTS: [&str; 10] = [
    "api.ibkr.com",
    "1.api.ibkr.com",
    "2.api.ibkr.com",
    "3.api.ibkr.com",
    "4.api.ibkr.com",
    "5.api.ibkr.com",
    "6.api.ibkr.com",
    "7.api.ibkr.com",
    "8.api.ibkr.com",
    "qa.interactivebrokers.com",
];

/// The address look-up services that IBKR's samples and other clients use.
pub const LOOKUP_HOSTS: [&str; 4] = ["api.ipify.org", "ifconfig.me", "ipinfo.io", "checkip.amazonaws.com"];

/// The hosts of the page on which a user of OAuth 1.0a lets a third party in.
pub const PORTAL_HOSTS: [&str; 2] = ["interactivebrokers.com", "www.interactivebrokers.com"];

/// Every host that the simulator stands for by its name.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    API_HOSTS.iter().chain(&LOOKUP_HOSTS).chain(&PORTAL_HOSTS).copied()
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    Api,
    Lookup,
    Portal,
    Nobody,
}

/// Who answers for a path of a host, whose name is given without port.
pub(crate) fn site(host: &str, path: &str) -> Site {
    if PORTAL_HOSTS.contains(&host) || is_loopback(host) && path == CONSENT {
        Site::Portal
    } else if API_HOSTS.contains(&host) || is_loopback(host) {
        Site::Api
    } else if LOOKUP_HOSTS.contains(&host) {
        Site::Lookup
    } else {
        Site::Nobody
    }
}

/// The path of the page.
pub(crate) const CONSENT: &str = "/authorize";

/// Whether a name, given without port, can mean nothing but this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host of a request in lower case without its port: from the URI when it is absolute, else from `Host`.
pub(crate) fn of(uri: &http::Uri, headers: &http::HeaderMap) -> Option<String> {
    let header = || headers.get(http::header::HOST)?.to_str().ok()?.parse().ok();
    let authority: http::uri::Authority = uri.authority().cloned().or_else(header)?;
    Some(authority.host().trim_matches(['[', ']']).to_ascii_lowercase())
}

/// What is wrong with one host while the others are well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// 410 with the body `gone`: a node that wants the session to go elsewhere.
    Gone,
    /// 503.
    Unavailable,
    /// No connection.
    Refuse,
}
