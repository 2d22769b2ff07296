//! What the servers say on a socket, in the shapes that were recorded.

use serde_json::{Value, json};

use crate::Moment;

/// A frame's text, and its topic, by which faults select it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) topic: String,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn json(value: &Value) -> Self {
        Self { topic: value["topic"].as_str().unwrap_or("").to_owned(), text: value.to_string() }
    }

    pub(crate) fn waiting() -> Self {
        Self::json(&json!({ "message": "waiting for session" }))
    }

    pub(crate) fn user(credential: &str) -> Self {
        Self::json(&json!({ "topic": "system", "success": credential }))
    }

    pub(crate) fn heartbeat(now: Moment) -> Self {
        Self::json(&json!({ "topic": "system", "hb": now.millis() }))
    }

    pub(crate) fn accounts(args: Value) -> Self {
        Self::json(&json!({ "topic": "act", "args": args }))
    }

    /// A status comes in pieces.
    pub(crate) fn status(name: &str, value: bool) -> Self {
        Self::json(&json!({ "topic": "sts", "args": { name: value } }))
    }

    /// The brokerage session is gone: from what `auth/status` says.
    pub(crate) fn lost(status: &Value) -> Self {
        Self::json(&json!({ "topic": "sts", "args": {
            "authenticated": false,
            "competing": status["competing"] == true,
            "message": "",
            "fail": status["fail"].as_str().unwrap_or(""),
        } }))
    }

    pub(crate) fn tic(last_accessed: Moment) -> Self {
        Self::json(&json!({ "topic": "tic", "alive": true, "lastAccessed": last_accessed.millis() }))
    }

    /// The one that is no JSON.
    pub(crate) fn echo() -> Self {
        Self { topic: "ech+hb".to_owned(), text: "ech+hb".to_owned() }
    }

    /// Topics have three characters: `{"session":…}` is the unknown topic `{"s` (ibind #25).
    pub(crate) fn unknown(text: &str) -> Self {
        let start: String = text.chars().take(3).collect();
        Self::json(&json!({ "error": format!("Topic unknown '{start}'"), "topic": "error" }))
    }

    pub(crate) fn error(topic: &str, code: u16, error: &str) -> Self {
        Self::json(&json!({ "error": error, "code": code, "topic": topic }))
    }
}
