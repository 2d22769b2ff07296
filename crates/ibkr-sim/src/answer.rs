//! The shapes in which IBKR's servers answer, and the reasons for a refusal that they keep to themselves.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::SocketId;

/// Why the simulator refused a request. IBKR's servers never say; the simulator tells its operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The rule that was broken: a short fixed word of [`RULES`](Self::RULES), to count and to test by.
    pub rule: &'static str,
    /// What was wrong with this request.
    pub why: String,
    /// What the client should have done.
    pub fix: &'static str,
}

impl Refusal {
    /// Every [rule](Self::rule) under which something is refused.
    pub const RULES: &[&str] = &[
        "access-token",
        "account",
        "accounts-first",
        "alg",
        "alternativeIps",
        "aud",
        "authorization",
        "bearer",
        "body",
        "client_assertion_type",
        "content-length",
        "content-type",
        "cookies",
        "credential",
        "diffie_hellman_challenge",
        "down",
        "exp",
        "form",
        "grant_type",
        "host",
        "iat",
        "init",
        "ip",
        "iss",
        "jws",
        "kid",
        "lifetime",
        "live-session-token",
        "login-limit",
        "method",
        "nightly-reset",
        "no-bridge",
        "not-authenticated",
        "oauth_callback",
        "oauth_consumer_key",
        "oauth_nonce",
        "oauth_signature_method",
        "oauth_timestamp",
        "oauth_token",
        "oauth_verifier",
        "oauth_version",
        "order",
        "pacing",
        "path",
        "penalty-box",
        "publish",
        "realm",
        "redirect_uri",
        "replay",
        "scope",
        "session",
        "signature",
        "sub",
        "third-party",
        "typ",
        "upgrade",
        "user-agent",
    ];

    pub(crate) fn new(rule: &'static str, why: impl Into<String>, fix: &'static str) -> Self {
        debug_assert!(Self::RULES.contains(&rule), "`{rule}` is not in the list");
        Self { rule, why: why.into(), fix }
    }

    /// A test that asks for a rule that does not exist would always pass.
    #[track_caller]
    pub(crate) fn assert_rule(rule: &str) {
        assert!(
            Self::RULES.contains(&rule),
            "nothing is refused under `{rule}`, only under {:?}",
            Self::RULES
        );
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.rule, self.why, self.fix)
    }
}

/// A client's own text for an operator's eyes: short, on one line, without anything that could be a
/// credential.
pub(crate) fn shown(text: &str) -> String {
    if text.contains("eyJ") {
        return "eyJ…[redacted]".to_owned();
    }
    let mut line: String =
        text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(60).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

/// An answer before it gets the headers that all answers have.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) refusals: Vec<Refusal>,
    /// What the connection becomes.
    pub(crate) socket: Option<SocketId>,
}

/// What an endpoint gives: an answer either way. `Err` makes `?` end the checks.
pub(crate) type Answered = Result<Answer, Answer>;

impl Answer {
    fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
            headers: Vec::new(),
            refusals: Vec::new(),
            socket: None,
        }
    }

    /// 200 with JSON.
    pub(crate) fn ok(body: &impl Serialize) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::new(status, "application/json;charset=utf-8", serde_json::to_vec(body).unwrap_or_default())
    }

    /// RFC 9457, as the token endpoint, `sso-sessions` and expired bearers are answered (IBKR's OpenAPI).
    pub(crate) fn problem(status: u16, title: &str, detail: Option<&str>) -> Self {
        let mut body = json!({ "type": "/simple", "title": title, "status": status });
        if let Some(detail) = detail {
            body["detail"] = detail.into();
        }
        Self::problem_json(status, &body)
    }

    pub(crate) fn problem_json(status: u16, body: &Value) -> Self {
        Self { content_type: "application/problem+json", ..Self::json(status, body) }
    }

    /// `{"error":…,"statusCode":…}`: the brokerage endpoints' usual shape.
    pub(crate) fn error(status: u16, error: &str) -> Self {
        Self::json(status, &json!({ "error": error, "statusCode": status }))
    }

    /// `{"error":…}`.
    pub(crate) fn error_only(status: u16, error: &str) -> Self {
        Self::json(status, &json!({ "error": error }))
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain;charset=utf-8", body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, "text/plain;charset=utf-8", "")
    }

    /// What the content delivery network in front of IBKR answers by itself.
    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<HTML><HEAD>\n<TITLE>{title}</TITLE>\n</HEAD><BODY>\n<H1>{title}</H1>\n \n\
             The server did not take this request.<P>\n</BODY>\n</HTML>\n"
        );
        Self::new(status, "text/html", body)
    }

    /// A page for a browser, with this in it.
    pub(crate) fn page(status: u16, title: &str, content: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>\n<h1>{title}</h1>\n{content}\n</body></html>\n"
        );
        Self::new(status, "text/html;charset=utf-8", body)
    }

    pub(crate) fn because(mut self, rule: &'static str, why: impl Into<String>, fix: &'static str) -> Self {
        self.refusals.push(Refusal::new(rule, why, fix));
        self
    }

    pub(crate) fn with_refusals(mut self, refusals: Vec<Refusal>) -> Self {
        self.refusals.extend(refusals);
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
