//! `IBIND_…`, the variables of the Python package ibind, which is a client of the gateway.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use http::Uri;
use ibkr_auth_core::is_this_machine;

use super::Imported;
use crate::{
    GatewaySettings,
    env::{Env, IMPORT_IBIND},
    gateway_values,
};

const PREFIX: &str = "IBIND_";
const REST_URL: &str = "IBIND_REST_URL";
const WS_URL: &str = "IBIND_WS_URL";
const CERTIFICATE: &str = "IBIND_CACERT";
const USE_OAUTH: &str = "IBIND_USE_OAUTH";
const OAUTH_1A: &str = "IBIND_OAUTH1A_";

impl Imported {
    /// What the variables of ibind (`std::env::vars_os()`) say about the gateway that it shall find: where it
    /// listens, and whether with TLS. Their values are shown in no warning.
    pub fn from_ibind<N: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        let env = Env::new(vars);
        let mut imported = Self::default();
        let text = |name| env.set(name).map(|value| value.to_string_lossy());
        if let Some(url) = text(REST_URL) {
            imported.rest_url(&url);
        }
        if let Some(url) = text(WS_URL) {
            imported.ws_url(&url);
        }
        // Python writes it large.
        if text(CERTIFICATE).is_some_and(|value| truth(&value) != Some(false)) {
            imported.warn(format!(
                "{CERTIFICATE} is what ibind trusts: let it name the certificate that this gateway makes, or set \
                 gateway_certificate to the one that it names"
            ));
        }
        if text(USE_OAUTH).is_some_and(|value| truth(&value) != Some(false)) {
            imported.warn(format!(
                "{USE_OAUTH} lets ibind log in by itself, and pass the gateway by: unset it where ibind shall find the \
                 gateway"
            ));
        }
        let names = env.names_with(PREFIX);
        let (oauth, other): (Vec<&str>, Vec<&str>) = names
            .iter()
            .map(String::as_str)
            .filter(|name| ![REST_URL, WS_URL, CERTIFICATE, USE_OAUTH].contains(name))
            .partition(|name| name.starts_with(OAUTH_1A));
        if !oauth.is_empty() && !env.asks_for_ibind().unwrap_or_default() {
            imported.warn(format!(
                "the gateway's login takes these over with {IMPORT_IBIND}=true, and leaves them alone without: {}",
                oauth.join(", ")
            ));
        }
        if !other.is_empty() {
            imported.warn(format!("for ibind itself, and without a meaning here: {}", other.join(", ")));
        }
        imported
    }

    fn rest_url(&mut self, url: &str) {
        let Some(place) = Place::read(url, "/v1/api", ["https", "http"]) else {
            self.warn(format!(
                "{REST_URL} is not the address of a gateway: write it like https://127.0.0.1:5000/v1/api/"
            ));
            return;
        };
        let Some(address) = place.address else {
            let port = place.port;
            self.warn(format!(
                "{REST_URL} does not name this machine: if the gateway shall be found there, set \
                 `gateway_listen: 0.0.0.0:{port}`, the name under gateway_allow_hosts, and the clients' addresses under \
                 gateway_allow_addresses"
            ));
            return;
        };
        match place.prefix.as_str() {
            "" => self.prefix = Some(String::new()),
            prefix => match gateway_values::path(prefix) {
                Ok(prefix) => self.prefix = Some(prefix),
                Err(problem) => self.warn(problem.at(&format!("the path in {REST_URL}")).to_string()),
            },
        }
        self.listen = Some(SocketAddr::new(address, place.port));
        self.plain = Some(place.is_plain);
    }

    /// It must lead where the other one leads.
    fn ws_url(&mut self, url: &str) {
        let settings = self.clone().over(GatewaySettings::default());
        let is_the_same = Place::read(url, "/v1/api/ws", ["wss", "ws"]).is_some_and(|place| {
            place.address.is_some()
                && settings.listen.iter().any(|own| own.port() == place.port)
                && (settings.plain, &settings.prefix) == (place.is_plain, &place.prefix)
        });
        if !is_the_same {
            self.warn(format!(
                "{WS_URL} leads elsewhere than this gateway: unset it, or let it follow {REST_URL}"
            ));
        }
    }
}

/// Where a URL leads.
struct Place {
    /// Of this machine; `None` for others.
    address: Option<IpAddr>,
    port: u16,
    is_plain: bool,
    /// What stands in the path before the gateway's own.
    prefix: String,
}

impl Place {
    /// `schemes` with TLS and without.
    fn read(url: &str, path: &str, schemes: [&str; 2]) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let scheme = url.scheme_str()?;
        let is_plain = schemes.iter().position(|known| *known == scheme)? == 1;
        let host = url.host()?;
        let port = match url.port_u16() {
            Some(port) => port,
            // A port of its own that is none.
            None if url.authority().is_some_and(|all| all.as_str().len() > host.len()) => return None,
            None if is_plain => 80,
            None => 443,
        };
        let prefix = url.path().trim_end_matches('/').strip_suffix(path)?.to_owned();
        let bare = host.trim_matches(['[', ']']);
        let address = match bare.parse::<IpAddr>() {
            Ok(address) => Some(address).filter(IpAddr::is_loopback),
            Err(_) => is_this_machine(host).then_some(Ipv4Addr::LOCALHOST.into()),
        };
        Some(Self { address, port, is_plain, prefix })
    }
}

/// As ibind reads them.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}
