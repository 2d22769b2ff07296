//! One request, sent once, and what a support ticket wants to know of it.

use std::{
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, header::DATE};
use ibkr_auth_blocking::{Http, Request, Response, TransportError};
use serde_json::{Value, json};

use crate::{interrupt::LOOK_AGAIN, mask, utc};

/// By these IBKR's support may find a request in its logs. None is documented; some answers have them.
const TRACES: [&str; 4] = ["traceid", "x-traceid", "x-request-id", "x-correlation-id"];

/// A request as it is told to support: nothing of its headers and body.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) sent: SystemTime,
    pub(super) received: SystemTime,
    method: String,
    url: String,
    status: Option<u16>,
    date: Option<String>,
    traces: Vec<(&'static str, String)>,
}

/// Sends it once.
pub(super) fn send(
    http: &Http,
    request: Request,
    limit: Duration,
) -> (Call, Result<Response, TransportError>) {
    let (method, uri) = (request.method().to_string(), request.uri().clone());
    let url = format!("{}://{}{}", uri.scheme_str().unwrap_or(""), authority(&uri), uri.path());
    let sent = SystemTime::now();
    let answer = http.send(request, limit);
    let received = SystemTime::now();
    let headers = answer.as_ref().map(Response::headers).ok();
    let status = answer.as_ref().map(|response| response.status().as_u16()).ok();
    let date = headers.and_then(|headers| header(headers, DATE.as_str()));
    let found = |name| Some((name, header(headers?, name)?));
    let traces = TRACES.into_iter().filter_map(found).collect();
    (Call { sent, received, method, url, status, date, traces }, answer)
}

/// The same; `None` once the answer is not waited for any longer.
pub(super) fn send_unless(
    is_given_up: impl Fn() -> bool,
    http: &Arc<Http>,
    request: Request,
    limit: Duration,
) -> Option<(Call, Result<Response, TransportError>)> {
    if is_given_up() {
        return None;
    }
    let (tell, told) = channel();
    let http = Arc::clone(http);
    thread::spawn(move || {
        // Nobody listens to what was given up.
        let _ = tell.send(send(&http, request, limit));
    });
    while !is_given_up() {
        match told.recv_timeout(LOOK_AGAIN) {
            Ok(answered) => return Some(answered),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    None
}

/// Host and port.
pub(super) fn authority(uri: &http::Uri) -> String {
    let port = uri.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", uri.host().unwrap_or(""))
}

impl Call {
    pub(super) fn line(&self) -> String {
        let status = match self.status {
            Some(status) => format!("answered {status}"),
            None => "no answer".to_owned(),
        };
        let date = self.date.as_ref().map_or_else(String::new, |date| format!(", Date: {date}"));
        let traces = self.traces.iter().map(|(name, value)| format!(", {name}: {value}"));
        let Self { method, url, .. } = self;
        format!("{} {method} {url}, {status}{date}{}", utc::stamp(self.sent), traces.collect::<String>())
    }

    pub(super) fn json(&self) -> Value {
        let traces: serde_json::Map<_, _> =
            self.traces.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "at": utc::stamp(self.sent),
            "method": self.method,
            "url": self.url,
            "status": self.status,
            "date": self.date,
            "trace_ids": traces,
        })
    }
}

/// An identifier may be as long as a token is: other characters than those of identifiers are left out.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let value = if name == DATE.as_str() { mask::said(value) } else { identifier(value) };
    (!value.is_empty()).then_some(value)
}

fn identifier(value: &str) -> String {
    value.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c)).take(64).collect()
}
