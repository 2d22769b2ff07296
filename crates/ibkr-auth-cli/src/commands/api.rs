//! `ibkr-auth get`, `post` and `delete`: authorised requests.

mod answer;
mod json;
mod path;

use std::{io, io::Read, path::Path, time::Duration};

use http::{Method, header::CONTENT_TYPE};
use ibkr_auth_blocking::{Advice, Error, Request, Response};
use ibkr_auth_config::local::open_regular;
use ibkr_auth_store::KeptSession;

use super::{logout::not_kept_connected, validate::await_validate};
use crate::{
    exit::Exit,
    failure::Failure,
    options::SessionArgs,
    progress::Progress,
    sessions::{SessionOptions, Sessions},
};
use ibkr_auth_core::wire::{Lost, lost_session};
pub(crate) use path::normal;
use path::{endpoint, meaning, no_path};

/// As much as the clients read of an answer.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    /// Path below /v1/api, such as /portfolio/accounts
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PostArgs {
    /// Path below /v1/api, such as /iserver/account/U1234567/orders
    pub(crate) path: String,
    /// The body: JSON, `@FILE`, or `@-` for standard input
    #[arg(short, long, value_name = "JSON")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

pub(crate) fn get(sessions: &Sessions, args: &GetArgs) -> Result<(), Failure> {
    call(sessions, &SessionOptions::from(&args.session), &Method::GET, &args.path, None)
}

pub(crate) fn delete(sessions: &Sessions, args: &GetArgs) -> Result<(), Failure> {
    call(sessions, &SessionOptions::from(&args.session), &Method::DELETE, &args.path, None)
}

pub(crate) fn post(sessions: &Sessions, args: &PostArgs) -> Result<(), Failure> {
    let body = args.data.as_deref().map(body).transpose()?;
    call(sessions, &SessionOptions::from(&args.session), &Method::POST, &args.path, body)
}

fn call(
    sessions: &Sessions,
    options: &SessionOptions,
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
    let (request, call) = (build()?, Call::new(method, &path));
    let options = &SessionOptions { read_only: !call.needs_brokerage(), ..options.clone() };
    let mut kept = call.session(sessions, options)?;
    let mut answer = call.ask(sessions, &kept, request)?;
    let lost = lost_session(&answer);
    if let Some(lost) = lost.filter(|_| *method == Method::GET && !options.no_login) {
        // Nothing was executed, and a GET may be repeated: with a session that is good.
        sessions.doubt(&kept)?;
        let checked = SessionOptions { max_age: Duration::ZERO, ..options.clone() };
        let healed = sessions.ensure(&checked, Box::new(|_| {}))?.0;
        // `keep` may not have noticed yet: a token that was refused is not sent again.
        let is_new = || Ok::<_, Failure>(!sessions.are_one(&healed, &kept)?);
        if lost == Lost::Brokerage || sessions.store.keeper().is_none() || is_new()? {
            kept = healed;
            answer = call.ask(sessions, &kept, build()?)?;
        }
    }
    let shown = answer::show(sessions.output, method, &call.name, &answer);
    match &shown {
        Err(failure @ Failure { pause: Some(_), .. }) => sessions.note_pause(&call.endpoint, failure)?,
        Err(_) if lost_session(&answer).is_some() => sessions.doubt(&kept)?,
        Ok(()) if call.is_logout() => sessions.forget(&kept)?,
        _ => {}
    }
    match (sessions.store.keeper(), lost_session(&answer)) {
        (Some(keeper), Some(_)) => shown.map_err(|failure| failure.help(sessions.outlook(keeper))),
        _ => shown,
    }
}

/// A request of one's own, and what it means however it is written.
struct Call<'a> {
    method: &'a Method,
    name: String,
    meaning: String,
    /// What IBKR paces it as.
    endpoint: String,
}

impl<'a> Call<'a> {
    fn new(method: &'a Method, path: &str) -> Self {
        let meaning = meaning(path);
        let endpoint = format!("{method} /{}", endpoint(&meaning));
        Self { method, name: format!("{method} {path}"), meaning, endpoint }
    }

    fn is_logout(&self) -> bool {
        self.meaning == "logout"
    }

    /// Everything outside `/iserver` works without a brokerage session (IBKR's documentation, "sessions").
    fn needs_brokerage(&self) -> bool {
        self.meaning.split('/').next() == Some("iserver")
    }

    /// What ends something, such as an order, is urgent.
    fn is_urgent(&self) -> bool {
        *self.method == Method::DELETE
    }

    fn session(&self, sessions: &Sessions, options: &SessionOptions) -> Result<KeptSession, Failure> {
        if self.is_logout() {
            not_kept_connected(sessions)?;
            return sessions.kept();
        }
        match sessions.ensure(options, Box::new(|_| {})) {
            // One more request is less of a risk than an order that cannot be cancelled.
            Err(failure) if self.is_urgent() && failure.pause.is_some() => {
                sessions.kept().map_err(|_| failure)
            }
            outcome => Ok(outcome?.0),
        }
    }

    fn ask(&self, sessions: &Sessions, kept: &KeptSession, request: Request) -> Result<Response, Failure> {
        if !self.is_urgent() {
            sessions.heed_pause_of(&self.endpoint)?;
        }
        self.pace(sessions)?;
        if self.is_logout() {
            // Whoever is interrupted leaves no dead session that passes for good.
            sessions.doubt(kept)?;
        }
        let client = sessions.client(&sessions.record()?, kept, false)?;
        let progress = Progress::start(sessions.output, self.name.clone());
        let answer = client.send(request);
        drop(progress);
        answer.map_err(|error| unanswered(error, &self.name))
    }

    /// Waits where IBKR takes requests only so often.
    fn pace(&self, sessions: &Sessions) -> Result<(), Failure> {
        match self.meaning.as_str() {
            "tickle" => sessions.pace_tickle(),
            "sso/validate" => await_validate(sessions),
            other => sessions.pace_rare(other),
        }
    }
}

fn unanswered(error: Error, name: &str) -> Failure {
    match error.advice() {
        Advice::FindOut => unsure(&format!("{name}: no answer came that can be read"), error.message()),
        _ => Failure::from(error),
    }
}

/// Nobody knows whether it was executed.
fn unsure(what: &str, why: &str) -> Failure {
    Failure::new(Exit::Unknown, format!("{what}, and it may have been executed")).why(why).help(FIND_OUT)
}

/// What to do before anything else.
const FIND_OUT: &str = "ask IBKR what became of it, with `ibkr-auth get /iserver/account/orders` and `ibkr-auth get /iserver/account/trades`, before you send anything again";

/// The body of a request: given, from a file, or from standard input. It has to be JSON: half an order is
/// none.
fn body(data: &str) -> Result<Vec<u8>, Failure> {
    let bytes = match data.strip_prefix('@') {
        None => data.as_bytes().to_vec(),
        Some("-") => from(io::stdin().lock(), "standard input")?,
        Some(path) => {
            let file = open_regular(Path::new(path)).map_err(|error| unreadable(path, error.message()))?;
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
            .help("write it like '{\"acctId\":\"U1234567\"}', or @FILE")
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
    Failure::new(Exit::Usage, format!("the body cannot be read from {name}")).why(why).help("check the path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_order_is_none() {
        assert_eq!(body("{\"a\":1}").unwrap(), b"{\"a\":1}");
        for wrong in ["", "{\"a\":", "{\"a\":1}}"] {
            assert!(body(wrong).unwrap_err().is(Exit::Usage), "{wrong:?}");
        }
    }
}
