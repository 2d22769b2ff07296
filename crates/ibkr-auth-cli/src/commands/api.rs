//! `ibkr-auth get`, `post` and `delete`: authorised requests.

mod answer;

use std::{fs, io, io::Read, path::Path, time::Duration};

use http::{Method, StatusCode, header::CONTENT_TYPE};
use ibkr_auth_blocking::{Advice, Error, Request, Response};

use super::validate::await_validate;
use crate::{
    args::{GetArgs, PostArgs},
    exit::Exit,
    failure::Failure,
    progress::Progress,
    sessions::{Sessions, Wish},
    store::Kept,
};

/// As much as the clients read of an answer.
const LONGEST: u64 = 1 << 20;

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
    let (mut kept, _) = sessions.ensure(wish, Box::new(|_| {}))?;
    let mut answer = ask(sessions, &kept, request)?;
    if is_refused(&answer) && *method == Method::GET && !wish.no_login {
        // Nothing was executed, and a GET may be repeated: with a session that is good.
        sessions.doubt(&kept)?;
        let checked = Wish { max_age: Duration::ZERO, ..wish.clone() };
        let healed = sessions.ensure(&checked, Box::new(|_| {}))?.0;
        // `keep` may not have noticed yet: the same token is not sent again.
        if sessions.store.keeper().is_none() || sessions.headers(&healed)? != sessions.headers(&kept)? {
            kept = healed;
            answer = ask(sessions, &kept, build()?)?;
        }
    }
    let shown = answer::show(sessions.output, method, &format!("{method} {path}"), &answer);
    match &shown {
        Err(failure @ Failure { pause: Some(_), .. }) => sessions.note_pause(failure)?,
        Err(_) if is_refused(&answer) => sessions.doubt(&kept)?,
        _ => {}
    }
    shown
}

fn is_refused(answer: &Response) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED
}

fn ask(sessions: &Sessions, kept: &Kept, request: Request) -> Result<Response, Failure> {
    sessions.heed_pause()?;
    pace(sessions, request.uri().path())?;
    let client = sessions.client(kept, false)?;
    let name = format!("{} {}", request.method(), request.uri());
    let progress = Progress::start(sessions.output, name.clone());
    let answer = client.send(request);
    drop(progress);
    answer.map_err(|error| unanswered(error, &name))
}

/// Waits where IBKR takes requests only so often.
fn pace(sessions: &Sessions, path: &str) -> Result<(), Failure> {
    match path.trim_end_matches('/') {
        "/v1/api/portfolio/accounts" | "/v1/api/portfolio/subaccounts" => sessions.pace_accounts(),
        "/v1/api/tickle" => sessions.pace_tickle(),
        "/v1/api/sso/validate" => await_validate(sessions),
        _ => Ok(()),
    }
}

fn unanswered(error: Error, name: &str) -> Failure {
    match error.advice() {
        Advice::FindOut => unsure(&format!("{name}: no answer came that can be read"), error.what()),
        _ => Failure::from(error),
    }
}

/// Nobody knows whether it was executed.
fn unsure(what: &str, why: &str) -> Failure {
    Failure::new(Exit::Unknown, format!("{what}, and it may have been executed")).why(why).todo(FIND_OUT)
}

/// What to do before anything else.
const FIND_OUT: &str = "ask IBKR what became of it, such as with `ibkr-auth get /iserver/account/orders`, before you send anything again";

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
    fn half_an_order_is_none() {
        assert_eq!(body("{\"a\":1}").unwrap(), b"{\"a\":1}");
        for wrong in ["", "{\"a\":", "{\"a\":1}}"] {
            assert!(body(wrong).unwrap_err().is(Exit::Usage), "{wrong:?}");
        }
    }
}
