//! What the rest of a program may know of a session that somebody else drives.

use core::net::Ipv4Addr;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{
    HeaderMap,
    header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, USER_AGENT},
    request::Parts,
};

use super::{History, Phase, SavedSession, Session, facts::Kept, guard::Guard};
use crate::{
    Advice, AuthStatus, Authorization, ClockSkew, Config, Error, ErrorKind, Event, Host, Now, Request,
    SsoDetails,
    stream::{self, Upgrade},
    wire::{is_form, is_plain_path, path_segments},
};

/// A session as it was at one moment. Cheap: it shares its tokens and its configuration with the session.
#[derive(Debug, Clone)]
pub struct Snapshot {
    phase: Phase,
    connected: bool,
    authorization: Option<Authorization>,
    public_ip: Option<Ipv4Addr>,
    bearer_ends: Option<SystemTime>,
    sso: Option<SsoDetails>,
    auth_status: Option<AuthStatus>,
    clock_skew: ClockSkew,
    stopped_by: Option<Error>,
    ended: Option<Result<(), Error>>,
    config: Arc<Config>,
    home: Host,
    kept: Option<Kept>,
    guard: Arc<Guard>,
    validated: Option<Instant>,
    seed: u64,
}

impl Snapshot {
    pub(super) fn of(session: &Session) -> Self {
        let facts = &session.facts;
        Self {
            phase: session.phase(),
            connected: session.is_connected(),
            authorization: facts.authorization(),
            public_ip: facts.bearer_ip,
            bearer_ends: facts.bearer_ends.map(|ends| ends.wall),
            sso: facts.sso.clone(),
            auth_status: facts.auth_status.clone(),
            clock_skew: session.clock_skew(),
            stopped_by: session.stopped_by().cloned(),
            ended: None,
            config: Arc::clone(&session.config),
            home: session.home.clone(),
            kept: facts.kept(),
            guard: Arc::clone(&session.guard),
            validated: facts.validated(),
            seed: session.signer.seed,
        }
    }

    pub(super) fn with_end(self, ended: Option<Result<(), Error>>) -> Self {
        Self { ended, ..self }
    }

    /// Where the automatic mode stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the last word of IBKR was that the session is good for the configured tier.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// `Ok` when the session is good, an error when the automatic mode will not make it so any more, `None`
    /// while it is on its way.
    #[doc(hidden)]
    pub fn readiness(&self) -> Option<Result<(), Error>> {
        match (&self.stopped_by, self.phase) {
            _ if matches!(&self.ended, Some(Err(_))) => self.ended.clone(),
            (Some(error), _) => Some(Err(error.clone())),
            (None, Phase::Connected) => Some(Ok(())),
            (None, Phase::Off) => Some(Err(not_kept())),
            (None, _) => None,
        }
    }

    /// The error of a wait that was in vain.
    #[doc(hidden)]
    pub fn not_ready(&self, waited: Duration) -> Error {
        let what = format!("not connected within {} s: {}", waited.as_secs_f64(), self.phase);
        Error::plain(
            ErrorKind::Timeout,
            None,
            what,
            "wait longer, or see the events for the reason",
            Advice::Reconnect,
        )
    }

    /// This session when nobody looks after it any more, and the event that says so: it has stopped, and
    /// opens nothing.
    #[doc(hidden)]
    pub fn abandoned(self, because: Error) -> (Self, Event) {
        let event = Event::Phase { phase: Phase::Stopped, because: Some(because.clone()) };
        event.log();
        let stopped = Self {
            phase: Phase::Stopped,
            connected: false,
            authorization: None,
            stopped_by: Some(because.clone()),
            ended: Some(Err(because)),
            ..self
        };
        (stopped, event)
    }

    /// The outcome of the last logout, or of whatever else has ended it, once nobody looks after the session
    /// any more.
    pub fn ended(&self) -> Option<&Result<(), Error>> {
        self.ended.as_ref()
    }

    /// What another process needs to go on with this session: see [`Session::save`].
    pub fn save(&self, now: Now) -> Option<SavedSession> {
        SavedSession::of(&self.config, &self.home, self.kept.as_ref()?, now)
    }

    /// What the next session has to recall: see [`Session::history`].
    pub fn history(&self, now: Now) -> History {
        History::of(&self.guard, self.validated, self.seed, now)
    }

    /// Why the automatic mode stopped by itself, if it did.
    pub fn stopped_by(&self) -> Option<&Error> {
        self.stopped_by.as_ref()
    }

    /// Bearer token and session id; `None` before there is a bearer token.
    pub fn authorization(&self) -> Option<&Authorization> {
        self.authorization.as_ref()
    }

    /// The public address that the bearer token was made for.
    pub fn public_ip(&self) -> Option<Ipv4Addr> {
        self.public_ip
    }

    /// When the bearer token ends by this machine's clock, unless it is extended. `None` until IBKR has said
    /// so.
    pub fn bearer_ends(&self) -> Option<SystemTime> {
        self.bearer_ends
    }

    /// The last answer of `sso/validate`.
    pub fn sso(&self) -> Option<&SsoDetails> {
        self.sso.as_ref()
    }

    /// The last state of the brokerage session that IBKR reported.
    pub fn auth_status(&self) -> Option<&AuthStatus> {
        self.auth_status.as_ref()
    }

    /// How far IBKR's clock is from this machine's.
    pub fn clock_skew(&self) -> ClockSkew {
        self.clock_skew
    }

    /// Headers for requests of your own. See [`Session::headers`].
    pub fn headers(&self) -> Option<HeaderMap> {
        self.authorization.as_ref()?.headers(&self.config)
    }

    /// Makes a request of your own ready to be sent. See [`Session::authorize`].
    ///
    /// # Errors
    /// As there, but [`ErrorKind::NotConnected`] while there is no bearer token.
    pub fn authorize(&self, request: Request, now: Now) -> Result<Request, Error> {
        let authorization = self.authorization.as_ref().ok_or_else(|| self.not_connected())?;
        authorization.authorize(&self.config, request, self.clock_skew.correct(now.wall))
    }

    /// The same for a request whose body flows: its length is for whoever sends it. `form`: the whole body
    /// where [`signs_body`](Self::signs_body) says so.
    ///
    /// # Errors
    /// As there.
    #[doc(hidden)]
    pub fn authorize_head(&self, parts: Parts, form: &[u8], now: Now) -> Result<Parts, Error> {
        let authorization = self.authorization.as_ref().ok_or_else(|| self.not_connected())?;
        authorization.authorize_head(&self.config, parts, form, self.clock_skew.correct(now.wall))
    }

    /// Whether the body of this request is signed with it, and must be known before.
    #[doc(hidden)]
    pub fn signs_body(&self, headers: &HeaderMap) -> bool {
        self.config.login.oauth1().is_some() && headers.get(CONTENT_TYPE).is_some_and(is_form)
    }

    /// The same for `/gw/api` and `/oauth2/api`, which take the access token. Tokens and sessions are the
    /// session's own to ask for.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] while there is no access token, and for any other path.
    #[doc(hidden)]
    pub fn authorize_beyond(&self, mut parts: Parts, now: Now) -> Result<Parts, Error> {
        self.config.login.needs_oauth2(None)?;
        let kept = self.kept.as_ref().ok_or_else(|| self.not_connected())?;
        let is_over = kept.access_token_ends.is_some_and(|end| end.mono <= now.mono || end.wall <= now.wall);
        let token = kept.access_token.as_ref().filter(|_| !is_over).ok_or_else(|| self.not_connected())?;
        let url = self.config.host().url(&parts.uri.to_string());
        let names = path_segments(parts.uri.path());
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()).collect();
        let is_open = is_plain_path(parts.uri.path())
            && matches!(names[..], ["gw" | "oauth2", "api", ref rest @ ..] if !matches!(rest, [_, "sso-sessions" | "token", ..]));
        let refused = || {
            let (what, help) = (
                "the path must begin with /gw/api or /oauth2/api",
                "tokens and sessions are not for requests",
            );
            Error::plain(ErrorKind::Config, None, what, help, Advice::DoNotRetry)
        };
        parts.uri = url.parse().ok().filter(|_| is_open).ok_or_else(refused)?;
        parts.headers.remove(HOST);
        parts.headers.remove(COOKIE);
        parts.headers.insert(USER_AGENT, self.config.user_agent.clone());
        parts.headers.extend(token.header("Bearer ").map(|value| (AUTHORIZATION, value)));
        Ok(parts)
    }

    /// The request that opens the WebSocket. See [`Session::websocket`].
    ///
    /// # Errors
    /// As there, but [`ErrorKind::NotConnected`] while there is no bearer token.
    pub fn websocket(&self, nonce: [u8; 16]) -> Result<Upgrade, Error> {
        let authorization = self.authorization.as_ref().ok_or_else(|| self.not_connected())?;
        stream::request(&self.config, authorization, nonce)
    }

    /// Why there is no bearer token, and what would bring one.
    fn not_connected(&self) -> Error {
        let soon = Advice::RetryAfter(Duration::from_secs(1));
        let (help, advice) = match (self.phase, &self.stopped_by) {
            (Phase::Paused, _) => ("call `resume`, then wait with `ready`", Advice::DoNotRetry),
            (Phase::Yielded, _) => ("`resume` takes the session back", Advice::DoNotRetry),
            (Phase::Off, _) => ("connect; a handle that was stopped needs a new client", Advice::Reconnect),
            (Phase::Stopped, error) => (
                "log in with a new client once that is mended",
                error.as_ref().map_or(Advice::Reconnect, Error::advice),
            ),
            (Phase::Waiting { about } | Phase::LoginsSpent { about }, _) => {
                ("wait with `ready`", Advice::RetryAfter(about))
            }
            (Phase::Connecting | Phase::Connected | Phase::Recovering | Phase::Maintenance { .. }, _) => {
                ("wait with `ready`", soon)
            }
        };
        let phase = match (self.phase, &self.stopped_by) {
            (Phase::Off, _) => "there is no session".to_owned(),
            (phase, Some(error)) => format!("{phase}, because {error}"),
            (phase, None) => phase.to_string(),
        };
        Error::plain(ErrorKind::NotConnected, None, format!("not connected: {phase}"), help, advice)
    }

    /// The configuration as it was.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

fn not_kept() -> Error {
    let (what, help) = (
        "the session is not kept any more: it was logged out, or left to another process",
        "connect anew, or restore what was saved",
    );
    Error::plain(ErrorKind::Cancelled, None, what, help, Advice::Reconnect)
}
