//! The services that tell a caller its address, each in its own words.

use serde_json::json;

use crate::{answer::Answer, call::Call};

/// What the look-up service at `host` answers.
pub(crate) fn answer(call: &Call<'_>, host: &str) -> Answer {
    let ip = call.ip.to_string();
    let as_json = call.query().iter().any(|(name, value)| name == "format" && value == "json");
    match (host, call.path()) {
        ("api.ipify.org", _) if as_json => Answer::ok(&json!({ "ip": ip })),
        ("ipinfo.io", "/") => Answer::ok(&json!({ "ip": ip })),
        ("checkip.amazonaws.com", _) => Answer::text(200, &format!("{ip}\n")),
        _ => Answer::text(200, &ip),
    }
}
