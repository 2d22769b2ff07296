//! What came back, and what it means.

use std::time::SystemTime;

use http::{
    Method, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use ibkr_auth_blocking::Response;
use ibkr_auth_core::leaves_in_doubt;
use serde_json::{Value, json};

use crate::{
    commands::span,
    exit::Exit,
    failure::Failure,
    output::{Output, is_treacherous},
};

/// In seconds: a server that asks for more is not believed.
const LONGEST_PAUSE: u64 = 3_600;
/// So many seconds IBKR keeps who asked too often in its penalty box.
const PENALTY: u64 = 600;
/// So many characters are shown of what cannot be read.
const EXCERPT: usize = 200;
/// Words without end may be tokens.
const TOKEN_LIKE: usize = 24;

/// What an answer consists of.
enum Body {
    Nothing,
    Json(Value),
    Text(String),
    /// No answer of the API: a portal's page, half of something, bytes.
    Unreadable,
}

/// Prints the answer. `name` is the request.
pub(super) fn show(output: Output, method: &Method, name: &str, answer: &Response) -> Result<(), Failure> {
    let status = answer.status();
    match body(answer) {
        Body::Unreadable if status.is_success() => return Err(unreadable(method, name, answer)),
        Body::Nothing if output.json => output.value(&Value::Null)?,
        Body::Nothing => {}
        Body::Json(value) => output.value(&value)?,
        Body::Text(text) => print(output, &text)?,
        Body::Unreadable => print(output, &String::from_utf8_lossy(answer.body()))?,
    }
    if status.is_success() {
        return Ok(());
    }
    let is_in_doubt = leaves_in_doubt(method, status);
    let mut failure = match is_in_doubt {
        true => super::unsure(&format!("{name}: IBKR answered {status}"), "it failed on the request"),
        false => Failure::new(Exit::ApiError, format!("{name}: IBKR answered {status}")),
    };
    failure.status = Some(status.as_u16());
    failure.pause = pause(answer);
    if is_in_doubt {
        return Err(failure);
    }
    let todo = advice(&failure, answer.body());
    Err(failure.todo(todo))
}

fn print(output: Output, text: &str) -> Result<(), Failure> {
    match output.json {
        true => output.value(&json!(text)),
        false => output.result(text.chars().map(printable).collect::<String>()),
    }
}

/// JSON is JSON however it is called. Text has to be called so, because portals answer with pages.
fn body(answer: &Response) -> Body {
    let bytes = answer.body();
    if bytes.is_empty() {
        return Body::Nothing;
    }
    let kind = kind(answer);
    match (serde_json::from_slice(bytes), std::str::from_utf8(bytes)) {
        (Ok(value), _) => Body::Json(value),
        (_, Ok(text)) if kind.starts_with("text/") && kind != "text/html" => Body::Text(text.to_owned()),
        _ => Body::Unreadable,
    }
}

/// The content type, without its parameters.
fn kind(answer: &Response) -> String {
    let said = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A success that cannot be read: what changes something may have been executed.
fn unreadable(method: &Method, name: &str, answer: &Response) -> Failure {
    let kind = match kind(answer) {
        kind if kind.is_empty() => "no content type".to_owned(),
        kind => kind,
    };
    let (status, length) = (answer.status(), answer.body().len());
    let what = format!("cannot read the answer ({status}, {kind}, {length} bytes)");
    let why = format!("it begins with: {}", excerpt(answer.body()));
    let mut failure = match *method {
        ref safe if safe.is_safe() => Failure::new(Exit::Server, format!("{name}: {what}"))
            .why(why)
            .todo("something other than IBKR may have answered: look for a proxy or a login page in between"),
        _ => super::unsure(&format!("{name}: no answer came that can be read"), &format!("{what}; {why}")),
    };
    failure.status = Some(status.as_u16());
    failure
}

/// How it begins: in one line, and without what may be a token.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = |word: &str| match word.len() {
        TOKEN_LIKE.. => "…".to_owned(),
        _ => word.chars().map(printable).collect(),
    };
    let words: Vec<String> = text.split_whitespace().take(EXCERPT).map(shown).collect();
    words.join(" ").chars().take(EXCERPT).collect()
}

/// What a server says must not deceive whoever reads it on a terminal.
fn printable(c: char) -> char {
    if is_treacherous(c) { ' ' } else { c }
}

/// So many seconds IBKR wants to be left alone.
fn pause(answer: &Response) -> Option<u64> {
    if answer.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let said = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Some(said.and_then(|text| retry_after(text.trim())).unwrap_or(PENALTY).min(LONGEST_PAUSE))
}

/// Seconds, or an HTTP date.
fn retry_after(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default().as_secs())
}

/// What IBKR's own errors mean on requests of one's own.
fn advice(failure: &Failure, body: &[u8]) -> String {
    let said = |text: &str| String::from_utf8_lossy(body).contains(text);
    let advice = match failure.status.unwrap_or_default() {
        _ if said("query /accounts first") => {
            "run `ibkr-auth get /iserver/accounts` first, once for each session"
        }
        _ if said("no bridge") || said("Init session first") || said("not authenticated") => {
            "the brokerage session is not open: `ibkr-auth login` opens it"
        }
        401 => "the session was refused, and nothing was executed: run it again",
        404 => "check the path: paths are relative to /v1/api",
        429 => {
            let pause = span(failure.pause.unwrap_or(PENALTY));
            return format!("wait {pause}: going on gets your address blocked");
        }
        410 => "this node has lost the session: log in anew, or set `domain: 1.api.ibkr.com`",
        500.. => "try again later",
        _ => "see what IBKR says about it above",
    };
    advice.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_too_often_rests() {
        let pause = |status, header: &[&str]| {
            let mut answer = http::Response::builder().status(status);
            for value in header {
                answer = answer.header(RETRY_AFTER, *value);
            }
            pause(&answer.body(Vec::new()).unwrap())
        };
        assert_eq!(pause(429, &[]), Some(PENALTY));
        assert_eq!(pause(429, &["soon"]), Some(PENALTY));
        assert_eq!(pause(429, &["7"]), Some(7));
        assert_eq!(pause(429, &["Sun, 06 Nov 1994 08:49:37 GMT"]), Some(0));
        let later = SystemTime::now() + std::time::Duration::from_secs(90);
        assert!(matches!(pause(429, &[&httpdate::fmt_http_date(later)]), Some(88..=90)));
        assert_eq!(pause(503, &["7"]), None);
    }

    #[test]
    fn an_excerpt_is_a_line_without_tokens() {
        let token = "x".repeat(TOKEN_LIKE);
        assert_eq!(excerpt(format!("<p>a\nb\u{1b} {token}</p>").as_bytes()), "<p>a b  …");
        assert_eq!(excerpt(&b"a ".repeat(1_000)).len(), EXCERPT);
    }
}
