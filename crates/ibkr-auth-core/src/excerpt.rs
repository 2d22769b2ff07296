//! What of an error answer may be shown.

use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::{
    Response,
    text::{self, LOOKED_AT, beginning},
};

/// So much of an error is shown.
const LONGEST: usize = 300;

/// A short, printable, redacted excerpt of an answer that is not a success; `None` when it says nothing.
///
/// Of JSON the usual error members are taken (RFC 9457, RFC 6749 and IBKR's own), of anything else the text.
/// Runs that look like tokens go, and so do the `secrets` that the caller knows.
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
                .map(|said| beginning(said, LOOKED_AT))
                .collect();
            said.join(": ")
        }
        _ if is_html(response) => html_title(response)?,
        _ => {
            String::from_utf8_lossy(&response.body()[..response.body().len().min(2 * LOOKED_AT)]).into_owned()
        }
    };
    let excerpt = redact(&text, secrets);
    (!excerpt.is_empty()).then_some(excerpt)
}

pub(crate) fn redact(said: &str, secrets: &[&str]) -> String {
    text::excerpt(said, secrets, LONGEST)
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
        assert_eq!(excerpt(500, &"wordy ".repeat(200), &[]).unwrap().chars().count(), LONGEST);
    }

    #[test]
    fn what_cannot_be_seen_is_not_there() {
        assert_eq!(
            excerpt(503, "pay\u{202e}TXET\u{2066} x\u{feff}y\u{ad}z\u{e0041}", &[]).unwrap(),
            "payTXET xyz"
        );
        let parted = "user hun\u{200b}ter2 and hunt\u{e0001}er2";
        assert_eq!(excerpt(401, parted, &["hunter2"]).unwrap(), "user [redacted] and [redacted]");
    }

    #[test]
    fn no_cut_shows_half_a_secret() {
        let secret = "hunter2hunter2";
        for filler in 0..40 {
            for length in [LONGEST, LOOKED_AT] {
                let text = format!("{} {secret} {secret}", "x ".repeat((length - filler) / 2));
                let shown = excerpt(401, &text, &[]).unwrap();
                assert!(
                    text::hide(&shown, &[secret]).split(' ').all(|word| !word.starts_with('h')),
                    "{shown}"
                );
                let body = serde_json::json!({ "error": text }).to_string();
                assert_eq!(excerpt(401, &body, &[]).unwrap(), shown);
            }
        }
    }

    /// Each of them hidden by a pass of its own would take minutes.
    #[test]
    fn a_long_answer_costs_no_more_than_its_beginning() {
        for body in ["demo".repeat(1 << 18), "demo ".repeat(1 << 18)] {
            for body in [serde_json::json!({ "error": body }).to_string(), body] {
                assert!(excerpt(401, &body, &["demo"]).unwrap().starts_with("[redacted]"));
            }
        }
    }
}
