//! Answers of the gateway's own, in the words and shapes of IBKR's.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::body::Content;

pub(crate) type Reply = Response<Content>;

/// What has become of a request that IBKR did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never left this machine, or not as a whole: it may be sent again.
    NotSent,
    /// Nobody knows: IBKR has to be asked before it is sent again.
    Unknown,
}

impl Fate {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not sent",
            Self::Unknown => "unknown",
        }
    }
}

pub(crate) fn text(status: StatusCode, text: &'static str) -> Reply {
    with_type(status, "text/plain; charset=utf-8", text)
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Reply {
    with_type(status, "application/json;charset=utf-8", value.to_string())
}

/// IBKR's shape of an error.
pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    json(status, &json!({ "error": message, "statusCode": status.as_u16() }))
}

/// The same with what is behind it, for people.
pub(crate) fn error_because(status: StatusCode, message: &str, reason: &str) -> Reply {
    json(status, &json!({ "error": message, "statusCode": status.as_u16(), "reason": reason }))
}

/// There is no session: what IBKR says then, and why.
pub(crate) fn no_session(reason: &str) -> Reply {
    let body =
        json!({ "error": "not authenticated", "statusCode": 401, "reason": reason, "executed": false });
    fated(json(StatusCode::UNAUTHORIZED, &body), Fate::NotSent)
}

/// A request without an answer.
pub(crate) fn unanswered(status: StatusCode, fate: Fate, what: &str) -> Reply {
    let (message, executed) = match fate {
        Fate::NotSent => (format!("{what}: the request was not sent, and may be sent again"), json!(false)),
        Fate::Unknown => (
            format!(
                "{what}: the request may have been executed; ask IBKR what became of it before you send it again"
            ),
            Value::Null,
        ),
    };
    let body = json!({ "error": message, "statusCode": status.as_u16(), "executed": executed });
    fated(json(status, &body), fate)
}

fn fated(mut reply: Reply, fate: Fate) -> Reply {
    reply.extensions_mut().insert(fate);
    reply
}

/// IBKR's shape of an error, for what was not sent.
pub(crate) fn not_sent(status: StatusCode, message: &str) -> Reply {
    let body = json!({ "error": message, "statusCode": status.as_u16(), "executed": false });
    fated(json(status, &body), Fate::NotSent)
}

/// Not now: nothing was sent.
pub(crate) fn later(status: StatusCode, message: &str, seconds: u64) -> Reply {
    let mut reply = not_sent(status, message);
    reply.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
    reply
}

/// No body, and a place to go.
pub(crate) fn found(place: &str) -> Reply {
    let mut reply = Response::new(Content::empty());
    *reply.status_mut() = StatusCode::FOUND;
    if let Ok(place) = HeaderValue::from_str(place) {
        reply.headers_mut().insert(header::LOCATION, place);
    }
    reply
}

pub(crate) fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Content>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
