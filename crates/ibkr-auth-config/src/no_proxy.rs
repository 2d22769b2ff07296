//! The hosts that are reached without a proxy, as `NO_PROXY` lists them.

use std::net::IpAddr;

use http::Uri;
use ibkr_auth_core::is_this_machine;

/// A list of hosts, and this machine. Items are separated by commas or blanks: `*`, a host, a domain with all
/// hosts in it (a dot before it changes nothing), an address, or a network like `10.0.0.0/8`; each with a
/// port or without. What is none of these is passed over, as everywhere.
#[derive(Debug, Clone, Default)]
pub struct NoProxy(Vec<Item>);

#[derive(Debug, Clone)]
struct Item {
    hosts: Hosts,
    /// Any port without it.
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Hosts {
    All,
    Domain(String),
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Reads such a list.
    pub fn new(list: &str) -> Self {
        Self(list.split(|c: char| c == ',' || c.is_whitespace()).filter_map(Item::parse).collect())
    }

    /// Whether `target` is on the list, or on this machine.
    pub fn covers(&self, target: &Uri) -> bool {
        let host = bare(target.host().unwrap_or_default());
        let default = if target.scheme_str() == Some("http") { 80 } else { 443 };
        let port = target.port_u16().unwrap_or(default);
        is_this_machine(&host)
            || self.0.iter().any(|item| item.port.is_none_or(|own| own == port) && item.hosts.contain(&host))
    }
}

impl Item {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // The colons of a bare IPv6 address are no port's.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (text, None),
        };
        Some(Self { hosts: Hosts::parse(&bare(host))?, port })
    }
}

impl Hosts {
    fn parse(host: &str) -> Option<Self> {
        if host == "*" {
            return Some(Self::All);
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Network(address, bits(address)));
        }
        if let Some((address, prefix)) = host.split_once('/') {
            let (address, prefix) = (address.parse().ok()?, prefix.parse().ok()?);
            return (prefix <= bits(address)).then_some(Self::Network(address, prefix));
        }
        let domain = host.trim_start_matches('*').trim_start_matches('.');
        (!domain.is_empty()).then(|| Self::Domain(domain.to_owned()))
    }

    fn contain(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Domain(domain) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network(network, prefix) => {
                host.parse().is_ok_and(|address| share(*network, address, *prefix))
            }
        }
    }
}

/// In lower case, without the brackets of an IPv6 address and the dot that may end a name.
fn bare(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether two addresses have their first bits in common.
fn share(one: IpAddr, other: IpAddr, prefix: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        _ => false,
    }
}
