//! `ibkr-auth get`, `post` and `delete`: authorised requests.

use std::{fs, io, io::Read, path::Path, time::SystemTime};

use http::{
    Method, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use ibkr_auth_blocking::{Error, Request, Response};
use serde_json::Value;

use crate::{
    args::{GetArgs, PostArgs},
    exit::Exit,
    failure::Failure,
    output::{Output, is_treacherous},
    progress::Progress,
    sessions::{Sessions, Wish},
};

/// As much as the clients read of an answer.
const LONGEST: u64 = 1 << 20;
/// In seconds: a server that asks for more is not believed.
const LONGEST_PAUSE: u64 = 3_600;
/// So many seconds IBKR keeps who asked too often in its penalty box.
const PENALTY: u64 = 600;

pub(crate) fn get(sessions: &Sessions, args: &GetArgs) -> Result<(), Failure> {
    call(sessions, &Wish::from(&args.session), &Method::GET, &args.path, None)
}

pub(crate) fn delete(sessions: &Sessions, args: &GetArgs) -> Result<(), Failure> {
    call(sessions, &Wish::from(&args.session), &Method::DELETE, &args.path, None)
}

pub(crate) fn post(sessions: &Sessions, args: &PostArgs) -> Result<(), Failure> {
    let body = args.data.as_deref().map(body).transpose()?;
    call(sessions, &Wish::from(&args.session), &Method::POST, &args.path, body)
}

fn call(
    sessions: &Sessions,
    wish: &Wish,
    method: &Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<(), Failure> {
    let path = normal(path, sessions.profile.config.host().base_url())?;
    let build = || {
        let mut request = http::Request::builder().method(method).uri(&path);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(body.clone().unwrap_or_default()).map_err(|_| no_path())
    };
    let request = build()?;
    let mut answer = send(sessions, wish, request)?;
    if answer.status() == StatusCode::UNAUTHORIZED && *method == Method::GET && !wish.no_login {
        // Nothing was executed, and a GET may be repeated: with a session that is good.
        let checked = Wish { max_age: std::time::Duration::ZERO, ..wish.clone() };
        answer = send(sessions, &checked, build()?)?;
    }
    let shown = show(sessions.output, method, &path, &answer);
    match &shown {
        Err(failure @ Failure { pause: Some(_), .. }) => sessions.note_pause(failure)?,
        Err(_) if answer.status() == StatusCode::UNAUTHORIZED => sessions.doubt()?,
        _ => {}
    }
    shown
}

fn send(sessions: &Sessions, wish: &Wish, request: Request) -> Result<Response, Failure> {
    let (kept, _) = sessions.ensure(wish, Box::new(|_| {}))?;
    sessions.heed_pause()?;
    if matches!(request.uri().path(), "/v1/api/portfolio/accounts" | "/v1/api/portfolio/subaccounts") {
        sessions.pace_accounts()?;
    }
    let client = sessions.client(&kept, false)?;
    let (is_safe, name) =
        (request.method() == Method::GET, format!("{} {}", request.method(), request.uri()));
    let progress = Progress::start(sessions.output, name.clone());
    let answer = client.send(request);
    drop(progress);
    answer.map_err(|error| unanswered(&error, is_safe, &name))
}

fn unanswered(error: &Error, is_safe: bool, name: &str) -> Failure {
    let failure = Failure::from(error.clone());
    if is_safe || !error.may_have_been_executed() {
        return failure;
    }
    Failure::new(Exit::Unknown, format!("{name}: no answer came, and it may have been executed"))
        .why(failure.what)
        .todo("ask IBKR what became of it, such as `ibkr-auth get /iserver/account/orders`, before you repeat it")
}

fn show(output: Output, method: &Method, path: &str, answer: &Response) -> Result<(), Failure> {
    let body = answer.body();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => output.value(&value)?,
        Err(_) if body.is_empty() => {}
        Err(_) => output.result(printable(&String::from_utf8_lossy(body)))?,
    }
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let mut failure = Failure::new(Exit::ApiError, format!("{method} {path}: IBKR answered {status}"));
    failure.status = Some(status.as_u16());
    failure.pause = pause(answer);
    Err(failure.todo(advice(status, body)))
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
fn advice(status: StatusCode, body: &[u8]) -> &'static str {
    let said = |text: &str| String::from_utf8_lossy(body).contains(text);
    match status {
        _ if said("query /accounts first") => {
            "run `ibkr-auth get /iserver/accounts` first, once for each session"
        }
        _ if said("no bridge") || said("Init session first") || said("not authenticated") => {
            "the brokerage session is not open: `ibkr-auth login` opens it"
        }
        StatusCode::UNAUTHORIZED => "the session was refused, and nothing was executed: run it again",
        StatusCode::NOT_FOUND => "check the path: paths are relative to /v1/api",
        StatusCode::TOO_MANY_REQUESTS => "wait 10 minutes: going on gets your address blocked",
        StatusCode::GONE => "this node has lost the session: log in anew, or set `domain: 1.api.ibkr.com`",
        _ if status.is_server_error() => "try again later; an order may have been executed: ask for it first",
        _ => "see what IBKR says about it above",
    }
}

/// A path below `/v1/api`, however it was written, also as a URL of our own host.
fn normal(path: &str, host: &str) -> Result<String, Failure> {
    let path = path.trim();
    let path = of_host(path, host).unwrap_or(path);
    if path.is_empty() || path.contains(char::is_whitespace) || path.contains(char::is_control) {
        return Err(no_path());
    }
    if let Some((scheme, rest)) = path.split_once("://")
        && scheme.chars().all(char::is_alphanumeric)
    {
        let other = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return Err(Failure::new(Exit::Usage, format!("{other} is not the host of the session"))
            .why(format!("the token goes to {host} alone"))
            .todo("give a path, such as /portfolio/accounts"));
    }
    let path = path.trim_start_matches('/');
    Ok(match path.starts_with("v1/api/") {
        true => format!("/{path}"),
        false => format!("/v1/api/{path}"),
    })
}

/// What follows the session's own host in a URL.
fn of_host<'a>(url: &'a str, host: &str) -> Option<&'a str> {
    let (start, rest) = url.split_at_checked(host.len())?;
    let rest = match rest.strip_prefix(":443") {
        Some(rest) if host.starts_with("https:") => rest,
        _ => rest,
    };
    (start.eq_ignore_ascii_case(host) && rest.starts_with('/')).then_some(rest)
}

fn no_path() -> Failure {
    Failure::new(Exit::Usage, "this is no path of the API").todo(
        "write it like /portfolio/accounts, with `%20` for a space, and in quotes if it holds `?` or `&`",
    )
}

/// The body of a request: given, from a file, or from standard input. It has to be JSON: half an order is none.
fn body(data: &str) -> Result<Vec<u8>, Failure> {
    let bytes = match data.strip_prefix('@') {
        None => data.as_bytes().to_vec(),
        Some("-") => from(io::stdin().lock(), "standard input")?,
        Some(path) => {
            let is_file = fs::metadata(path).map(|about| about.is_file());
            match is_file {
                Ok(true) => {}
                Ok(false) => return Err(unreadable(path, "it is not a file")),
                Err(error) => return Err(unreadable(path, &error.to_string())),
            }
            let file =
                fs::File::open(Path::new(path)).map_err(|error| unreadable(path, &error.to_string()))?;
            from(file, path)?
        }
    };
    let shown = match data.strip_prefix('@') {
        None => "--data",
        Some("-") => "standard input",
        Some(path) => path,
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).map_err(|error| {
        let why = match bytes.trim_ascii() {
            [] => "it is empty".to_owned(),
            _ => {
                format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column())
            }
        };
        Failure::new(Exit::Usage, format!("the body in {shown} is not JSON"))
            .why(why)
            .todo("write it like '{\"acctId\":\"U1234567\"}', or @FILE")
    })?;
    Ok(bytes)
}

fn from(source: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error.to_string()))?;
    match bytes.len() as u64 > LONGEST {
        true => Err(unreadable(name, "it is longer than 1 MiB")),
        false => Ok(bytes),
    }
}

fn unreadable(name: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("the body cannot be read from {name}")).why(why).todo("check the path")
}

/// What a server says must not deceive whoever reads it on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_treacherous(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "https://api.ibkr.com";

    #[test]
    fn paths_may_be_written_in_several_ways() {
        for written in [
            "/portfolio/accounts",
            "portfolio/accounts",
            "/v1/api/portfolio/accounts",
            "v1/api/portfolio/accounts",
            "https://api.ibkr.com/v1/api/portfolio/accounts",
            "HTTPS://API.ibkr.com:443/v1/api/portfolio/accounts",
        ] {
            assert_eq!(normal(written, HOST).unwrap(), "/v1/api/portfolio/accounts", "{written}");
        }
        for wrong in
            ["", "  ", "/a b", "/a\nb", "https://evil.example/v1/api/x", "https://api.ibkr.com.evil.example/"]
        {
            assert!(normal(wrong, HOST).unwrap_err().is(Exit::Usage), "{wrong:?}");
        }
        assert_eq!(normal("/x?url=https://a", HOST).unwrap(), "/v1/api/x?url=https://a");
    }

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
    fn half_an_order_is_none() {
        assert_eq!(body("{\"a\":1}").unwrap(), b"{\"a\":1}");
        for wrong in ["", "{\"a\":", "{\"a\":1}}"] {
            assert!(body(wrong).unwrap_err().is(Exit::Usage), "{wrong:?}");
        }
    }
}
