//! What came back, and what it means.

use http::{Method, StatusCode, header::CONTENT_TYPE};
use ibkr_auth_blocking::Response;
use ibkr_auth_core::{
    leaves_in_doubt,
    text::{excerpt, is_treacherous},
    wire::{Lost, lost_session, pause_asked},
};
use ibkr_auth_store::span;
use serde_json::{Value, json};

use super::json::{indented, members};
use crate::{exit::Exit, failure::Failure, output::Output};

/// So many characters are shown of what cannot be read.
const EXCERPT: usize = 200;

/// What an answer consists of.
enum Body {
    Nothing,
    /// Indented.
    Json(String),
    Text(String),
    /// No answer of the API: a portal's page, half of something, bytes.
    Unreadable,
}

/// Prints the answer. `name` is the request.
pub(super) fn show(output: Output, method: &Method, name: &str, answer: &Response) -> Result<(), Failure> {
    let status = answer.status();
    match body(answer) {
        Body::Nothing if says_nothing(method, status) => return Err(unreadable(method, name, answer)),
        Body::Unreadable if status.is_success() => return Err(unreadable(method, name, answer)),
        Body::Nothing if output.json => output.value(&Value::Null)?,
        Body::Nothing => {}
        Body::Json(json) => output.json(&json)?,
        Body::Text(text) => print(output, &text)?,
        Body::Unreadable => print(output, &String::from_utf8_lossy(answer.body()))?,
    }
    if status.is_success() {
        return error_inside(answer.body()).map_or(Ok(()), |said| Err(refused_inside(name, status, &said)));
    }
    let is_in_doubt = leaves_in_doubt(method, status);
    let mut failure = match is_in_doubt {
        true => super::unsure(
            &format!("{name}: IBKR answered {status}"),
            "that says neither that it was done nor that it was refused",
        ),
        false => Failure::new(Exit::ApiError, format!("{name}: IBKR answered {status}")),
    };
    failure.status = Some(status.as_u16());
    failure.pause = pause_asked(answer).map(|pause| pause.as_secs());
    if is_in_doubt {
        return Err(failure);
    }
    let help = advice(&failure, answer);
    Err(failure.help(help))
}

/// The first `error` of an answer, or of one in its list. IBKR sends one with 200 too, such as for an order
/// that it does not take.
fn error_inside(body: &[u8]) -> Option<String> {
    let said = members(body, "error").into_iter().find(|said| {
        let is_none = said.is_null() || *said == false || *said == 0 || *said == "";
        !is_none
    })?;
    Some(said.as_str().map_or_else(|| said.to_string(), str::to_owned))
}

/// A success that says that it is none.
fn refused_inside(name: &str, status: StatusCode, said: &str) -> Failure {
    let exit = if is_elsewhere(said) { Exit::Competing } else { Exit::ApiError };
    let help = match exit {
        Exit::Competing => {
            "log out TWS, the phone or the portal on the other machine; data is for one address of a username at a time"
        }
        _ => "see what IBKR says about it above",
    };
    let mut failure =
        Failure::new(exit, format!("{name}: IBKR answered {status} with an error inside")).help(help);
    failure.status = Some(status.as_u16());
    failure
}

/// Such as "Trading TWS session is connected from a different IP address".
fn is_elsewhere(said: &str) -> bool {
    said.to_ascii_lowercase().contains("connected from a different ip")
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
    match (indented(bytes), std::str::from_utf8(bytes)) {
        (Some(json), _) => Body::Json(json),
        (_, Ok(text)) if kind.starts_with("text/") && kind != "text/html" => Body::Text(text.to_owned()),
        _ => Body::Unreadable,
    }
}

/// Whether an answer without a body proves nothing: IBKR tells what became of a change, or says 204.
fn says_nothing(method: &Method, status: StatusCode) -> bool {
    !method.is_safe() && status.is_success() && status != StatusCode::NO_CONTENT
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
    let why = format!("it begins with: {}", excerpt(&String::from_utf8_lossy(answer.body()), &[], EXCERPT));
    let mut failure = match *method {
        ref safe if safe.is_safe() => Failure::new(Exit::Server, format!("{name}: {what}"))
            .why(why)
            .help("something other than IBKR may have answered: look for a proxy or a login page in between"),
        _ => super::unsure(&format!("{name}: no answer came that can be read"), &format!("{what}; {why}")),
    };
    failure.status = Some(status.as_u16());
    failure
}

/// What a server says must not deceive whoever reads it on a terminal.
fn printable(c: char) -> char {
    if is_treacherous(c) { ' ' } else { c }
}

/// What IBKR's own errors mean on requests of one's own.
fn advice(failure: &Failure, answer: &Response) -> String {
    let said = |text: &str| String::from_utf8_lossy(answer.body()).contains(text);
    let lost = lost_session(answer);
    let advice = match failure.status.unwrap_or_default() {
        _ if said("query /accounts first") => {
            "run `ibkr-auth get /iserver/accounts` first, once for each session"
        }
        _ if lost == Some(Lost::Brokerage) => {
            "the brokerage session is not open, and nothing was executed: `ibkr-auth login` opens it; then run it again"
        }
        401 if lost.is_some() => "the session was refused, and nothing was executed: run it again",
        401 => "something other than IBKR answered: look for a proxy, or a login that this network wants",
        404 => "check the path: paths are relative to /v1/api",
        429 => {
            let pause = span(failure.pause.unwrap_or_default());
            return format!("wait {pause}: going on gets your address blocked");
        }
        410 => {
            "this node has lost the session, and nothing was executed: run it again, or set `domain: 1.api.ibkr.com`"
        }
        408 | 500.. => "try again later",
        _ => "see what IBKR says about it above",
    };
    advice.to_owned()
}
