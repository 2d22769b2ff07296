//! What of an error answer may be shown.

use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::Response;

const LONGEST: usize = 300;
const TOKEN_LIKE: usize = 24;
const REDACTED: &str = "[redacted]";

/// A short, printable, redacted excerpt of an answer that is not a success; `None` when it says nothing.
///
/// Of JSON the usual error members are taken (RFC 9457, RFC 6749 and IBKR's own), of anything else the text. Runs that
/// look like tokens go, and so do the `secrets` that the caller knows.
pub(crate) fn of(response: &Response, secrets: &[&str]) -> Option<String> {
    if response.status().is_success() {
        return None;
    }
    let text = match serde_json::from_slice::<Value>(response.body()) {
        Ok(Value::Object(members)) => {
            let said: Vec<_> = ["title", "detail", "error", "error_description", "message"]
                .into_iter()
                .filter_map(|name| members.get(name)?.as_str())
                .filter(|said| Some(*said) != response.status().canonical_reason())
                .collect();
            said.join(": ")
        }
        _ if is_html(response) => html_title(response)?,
        _ => String::from_utf8_lossy(&response.body()[..response.body().len().min(4 * LONGEST)]).into_owned(),
    };
    let excerpt = redact(&text, secrets);
    (!excerpt.is_empty()).then_some(excerpt)
}

pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    let text = hide(text, secrets);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let shown: Vec<_> = words.map(hide_token_runs).collect();
    let shown = shown.join(" ");
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// Replaces each secret, in capitals or not.
pub(crate) fn hide(text: &str, secrets: &[&str]) -> String {
    let mut shown = text.to_owned();
    for secret in secrets.iter().map(|secret| secret.to_ascii_lowercase()).filter(|secret| !secret.is_empty())
    {
        let mut from = 0;
        while let Some(at) = shown[from..].to_ascii_lowercase().find(&secret) {
            shown.replace_range(from + at..from + at + secret.len(), REDACTED);
            from += at + REDACTED.len();
        }
    }
    shown
}

fn hide_token_runs(word: &str) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    for c in word.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_alphanumeric() || "-_.+/=~%".contains(c) {
            run.push(c);
        } else {
            shown.push_str(if run.len() >= TOKEN_LIKE { REDACTED } else { &run });
            run.clear();
            if c != '\0' {
                shown.push(c);
            }
        }
    }
    shown
}

pub(crate) fn is_html(response: &Response) -> bool {
    let declared =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    declared || response.body().trim_ascii_start().starts_with(b"<")
}

fn html_title(response: &Response) -> Option<String> {
    let page = String::from_utf8_lossy(&response.body()[..response.body().len().min(64 * 1024)]).into_owned();
    let start = page.to_ascii_lowercase().find("<title>")? + "<title>".len();
    let title = page.get(start..)?.split('<').next()?;
    Some(format!("a web page titled \"{}\"", title.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(status: u16, body: &str, secrets: &[&str]) -> Option<String> {
        of(&http::Response::builder().status(status).body(body.into()).unwrap(), secrets)
    }

    #[test]
    fn takes_what_the_three_error_shapes_say() {
        let problem =
            r#"{"type":"/simple","title":"Unauthorized","status":401,"detail":"Access token expired"}"#;
        assert_eq!(
            excerpt(401, problem, &[]).unwrap(),
            "Access token expired",
            "the title repeats the status"
        );
        let rfc6749 = r#"{"error":"invalid_client","error_description":"no such client"}"#;
        assert_eq!(excerpt(400, rfc6749, &[]).unwrap(), "invalid_client: no such client");
        let ibkr = r#"{"error":"Bad Request: no bridge","statusCode":400}"#;
        assert_eq!(excerpt(400, ibkr, &[]).unwrap(), "Bad Request: no bridge");
        let page = "<html><head><title>Access Denied</title></head>";
        assert_eq!(excerpt(403, page, &[]).unwrap(), "a web page titled \"Access Denied\"");
        assert_eq!(excerpt(503, "", &[]), None);
    }

    #[test]
    fn shows_no_success_no_token_no_known_secret_and_no_control() {
        assert_eq!(excerpt(200, "anything", &[]), None);
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl";
        assert_eq!(excerpt(401, &format!("bad token \"{token}\""), &[]).unwrap(), "bad token \"[redacted]\"");
        assert_eq!(
            excerpt(401, "user hunter2 unknown", &["hunter2", ""]).unwrap(),
            "user [redacted] unknown"
        );
        assert_eq!(excerpt(500, "a\r\n\u{1b}[31mb\0c", &[]).unwrap(), "a [31mb c");
        assert_eq!(
            excerpt(401, "User HUNTER2, Hunter2", &["hunter2"]).unwrap(),
            "User [redacted], [redacted]"
        );
        assert_eq!(excerpt(401, "a redacted text", &["redacted"]).unwrap(), "a [redacted] text");
        assert_eq!(excerpt(500, &"wordy ".repeat(200), &[]).unwrap().chars().count(), LONGEST + 1);
    }
}
