//! What programs are told: one JSON object on a line, with an `event` in it.

use serde_json::{Value, json};

use super::{args::Identity, setup::Written};
use crate::{Event, Server};

/// Everything that a client has to be told.
pub(super) fn ready(place: &Written, server: &Server, identity: &Identity) -> String {
    line(json!({
        "event": "ready",
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "base_url": server.base_url(),
        "lookup_url": server.lookup_url(),
        "proxy_url": server.proxy_url(),
        "admin_url": server.admin_url(),
        "public_ip": server.handle().with(|sim| sim.config().public_ip),
        "ca_file": place.ca_file,
        "config_file": place.config_file,
        "oauth1_config_file": place.oauth1_file,
        "client_id": identity.client_id,
        "client_key_id": identity.kid,
        "credentials": identity.credentials,
    }))
}

pub(super) fn event(event: &Event<'_>) -> String {
    line(match event {
        Event::Request(entry) => {
            let mut value = serde_json::to_value(entry).unwrap_or_default();
            value["event"] = "request".into();
            value
        }
        Event::TunnelRefused(reason) => json!({ "event": "tunnel-refused", "reason": reason }),
        Event::TlsFailed(reason) => json!({ "event": "tls-failed", "reason": reason }),
        Event::ConnectionStruck(host) => json!({ "event": "connection-struck", "host": host }),
    })
}

pub(super) fn summary(server: &Server) -> String {
    line(json!({
        "event": "stopped",
        "counters": server.handle().counters(),
        "connections": server.handle().connections(),
    }))
}

fn line(value: Value) -> String {
    format!("{value}\n")
}
