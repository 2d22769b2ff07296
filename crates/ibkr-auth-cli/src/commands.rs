//! The commands, one file each.

pub(crate) mod api;
pub(crate) mod authorize;
#[cfg(feature = "simulator")]
pub(crate) mod demo;
pub(crate) mod guide;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod profiles;
pub(crate) mod shell;
pub(crate) mod status;
pub(crate) mod steps;
pub(crate) mod tickle;
pub(crate) mod token;
pub(crate) mod validate;

use std::time::{Duration, SystemTime};

use ibkr_auth_store::{KeptSession, seconds, span};
use serde_json::{Map, Value, json};

/// What is told of a session in JSON. Times are seconds since 1970.
fn session_json(kept: &KeptSession, profile: Option<&str>) -> Map<String, Value> {
    let value = json!({
        "profile": profile,
        "host": kept.host,
        "public_ip": kept.public_ip,
        "paper": kept.paper,
        "since": kept.began,
        "expires_at": kept.expires,
    });
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The same in a line.
fn session_line(kept: &KeptSession) -> String {
    let account = match kept.paper {
        Some(true) => "paper account",
        Some(false) => "live account",
        None => "account",
    };
    let ip = kept.public_ip.as_ref().map_or_else(String::new, |ip| format!(", seen at {ip}"));
    format!("{account} at {}{ip}", kept.host)
}

/// Seconds since 1970 as how long ago that is.
fn ago(at: u64) -> String {
    span(seconds(SystemTime::now()).saturating_sub(at))
}

/// Seconds since 1970 as how far away that is.
fn until(at: u64) -> String {
    span(at.saturating_sub(seconds(SystemTime::now())))
}

fn millis(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}
