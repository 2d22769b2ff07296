//! `ibkr-auth header`, `token` and `sign`: the session for scripts.

use http::{
    HeaderMap, Method, Request,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use ibkr_auth_store::KeptSession;
use serde_json::{Map, Value, json};

use super::api::normal;
use crate::{
    exit::Exit,
    failure::Failure,
    options::SessionArgs,
    output::Output,
    sessions::{SessionOptions, Sessions},
};

#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
}

/// Which secrets may be shown.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct RevealArgs {
    /// Show the token on a terminal too
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SignArgs {
    /// GET, POST, PUT or DELETE
    pub(crate) method: String,
    /// The address, or a path below /v1/api, with its query
    pub(crate) url: String,
    /// The body, if it is a form (`a=b&c=d`); JSON is not signed
    #[arg(long, value_name = "FORM")]
    pub(crate) form: Option<String>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
}

/// The headers of this one request, one on a line.
pub(crate) fn sign(sessions: &Sessions, args: &SignArgs) -> Result<(), Failure> {
    let path = normal(&args.url, sessions.profile.config.host().base_url())?;
    let method = Method::from_bytes(args.method.to_ascii_uppercase().as_bytes()).map_err(|_| {
        Failure::new(Exit::Usage, format!("`{}` is no method", args.method))
            .help("write GET, POST, PUT or DELETE")
    })?;
    let mut request = Request::builder().method(method).uri(path);
    if args.form.is_some() {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let body = args.form.clone().unwrap_or_default().into_bytes();
    let request = request.body(body).map_err(|_| Failure::new(Exit::Usage, "this is no address"))?;
    let kept = ensured(sessions, &args.session)?;
    let mut ready = sessions.authorized(&kept, request)?;
    let headers = ready.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_TYPE);
    show(sessions, headers, args.reveal)
}

/// The headers of a request, one on a line.
pub(crate) fn header(sessions: &Sessions, args: &TokenArgs) -> Result<(), Failure> {
    let kept = ensured(sessions, &args.session)?;
    show(sessions, &sessions.headers(&kept)?, args.reveal)
}

fn show(sessions: &Sessions, headers: &HeaderMap, reveal: RevealArgs) -> Result<(), Failure> {
    let reveal = reveal.reveal || !Output::is_seen();
    let shown = headers.iter().map(|(name, value)| {
        let text = match value.is_sensitive() && !reveal {
            true => redacted(value.to_str().unwrap_or_default()),
            false => value.to_str().unwrap_or_default().to_owned(),
        };
        (title(name.as_str()), text)
    });
    if sessions.output.json {
        let members: Map<String, Value> = shown.map(|(name, text)| (name, json!(text))).collect();
        sessions.output.value(&Value::Object(members))?;
    } else {
        for (name, text) in shown {
            sessions.output.result(format_args!("{name}: {text}"))?;
        }
    }
    hint(sessions, reveal);
    Ok(())
}

/// The bearer token.
pub(crate) fn token(sessions: &Sessions, args: &TokenArgs) -> Result<(), Failure> {
    let kept = ensured(sessions, &args.session)?;
    let headers = sessions.headers(&kept)?;
    let reveal = args.reveal.reveal || !Output::is_seen();
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let show = |secret: &str| if reveal { secret.to_owned() } else { redacted(secret) };
    let bearer = show(value("authorization").trim_start_matches("Bearer "));
    if sessions.output.json {
        let session_id = value("cookie").strip_prefix("api=").map(show);
        sessions.output.value(&json!({
            "token": bearer,
            "expires_at": kept.expires,
            "session_id": session_id,
        }))?;
    } else {
        sessions.output.result(bearer)?;
    }
    hint(sessions, reveal);
    Ok(())
}

fn ensured(sessions: &Sessions, args: &SessionArgs) -> Result<KeptSession, Failure> {
    Ok(sessions.ensure(&SessionOptions::from(args), Box::new(|_| {}))?.0)
}

fn hint(sessions: &Sessions, reveal: bool) {
    if !reveal {
        sessions.output.note("Redacted, because this is a terminal: pipe it, or add --reveal.");
    }
}

/// What tells one token from another, and no more.
pub(super) fn redacted(secret: &str) -> String {
    let (scheme, token) = match secret.split_once([' ', '=']) {
        Some((scheme, token)) => (&secret[..=scheme.len()], token),
        None => ("", secret),
    };
    let end: String = token.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{scheme}[redacted, {} characters, ends in {end}]", token.chars().count())
}

/// `user-agent` as `User-Agent`.
fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacting_shows_four_characters() {
        assert_eq!(redacted("Bearer eyJabcdef"), "Bearer [redacted, 9 characters, ends in cdef]");
        assert_eq!(redacted("api=0123456789abcdef"), "api=[redacted, 16 characters, ends in cdef]");
        assert_eq!(redacted("token"), "[redacted, 5 characters, ends in oken]");
    }

    #[test]
    fn headers_are_written_as_people_write_them() {
        assert_eq!([title("user-agent"), title("cookie")], ["User-Agent", "Cookie"]);
    }
}
