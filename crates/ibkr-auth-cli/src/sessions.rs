//! The session of a profile: kept between invocations, checked when that is due, and made anew when it has to
//! be.

mod diagnose;
mod end;
mod guard;
mod heal;
mod keeper;
mod locked;
mod login;
mod make;
mod pace;

pub(crate) use diagnose::DoctorRun;
pub(crate) use guard::not_refused;
pub(crate) use keeper::is_kept_alive;
pub(crate) use make::competing;
use pace::pace;
pub(crate) use pace::pace_or_force;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        atomic::AtomicBool,
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, Request};
use ibkr_auth_blocking::{Client, Config, Error, Event, Http, SavedSession, Session, Snapshot};
use ibkr_auth_core::{Login, Now};
use ibkr_auth_store::{KeptSession, Record, Store, millis, seconds};

use crate::{
    exit::Exit, failure::Failure, options::SessionArgs, output::Output, profile::Profile, progress::Progress,
};

/// A login takes no longer; whoever waits for that of another invocation waits so long.
pub(crate) const LOGIN_WITHIN: Duration = Duration::from_secs(90);

/// Hears what happens while a session is made.
pub(crate) type Listener = Box<dyn FnMut(&Event) + Send>;

/// What a command wants of its session.
#[derive(Debug, Clone)]
pub(crate) struct SessionOptions {
    pub(crate) compete: bool,
    pub(crate) no_login: bool,
    pub(crate) max_age: Duration,
    pub(crate) within: Duration,
    /// End the kept session, and log in anew.
    pub(crate) fresh: bool,
    /// Log in although that was refused a moment ago.
    pub(crate) force: bool,
    /// What works without a brokerage session is enough, where another login holds that.
    pub(crate) read_only: bool,
    /// Somebody is told whether the account is live or paper.
    pub(crate) tells_kind: bool,
}

impl From<&SessionArgs> for SessionOptions {
    fn from(args: &SessionArgs) -> Self {
        let SessionArgs { compete, no_login, max_age, within } = *args;
        Self {
            compete,
            no_login,
            max_age,
            within,
            fresh: false,
            force: false,
            read_only: false,
            tells_kind: false,
        }
    }
}

/// How a command came by its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionOrigin {
    /// It was kept, and nothing was sent.
    Kept,
    /// It was kept, and is good or healed.
    Revived,
    /// It is new.
    LoggedIn,
}

/// The sessions of one profile.
pub(crate) struct Sessions {
    pub(crate) output: Output,
    pub(crate) profile: Profile,
    pub(crate) store: Store,
    /// Something could not be kept, and that was said.
    has_forgotten: AtomicBool,
}

impl Sessions {
    pub(crate) fn new(output: Output, profile: Profile, store: Store) -> Self {
        Self { output, profile, store, has_forgotten: AtomicBool::new(false) }
    }

    /// What is kept.
    ///
    /// # Errors
    /// [`Exit::NoSession`] when nothing is.
    pub(crate) fn kept(&self) -> Result<KeptSession, Failure> {
        self.record()?.kept.ok_or_else(|| self.none())
    }

    /// A session that is good: the kept one, or a new one.
    pub(crate) fn ensure(
        &self,
        options: &SessionOptions,
        listener: Listener,
    ) -> Result<(KeptSession, SessionOrigin), Failure> {
        let begin = millis(SystemTime::now());
        if let Some(kept) = fresh(&self.record()?, options) {
            return Ok((kept, SessionOrigin::Kept));
        }
        if let Some(keeper) = self.store.keeper() {
            return Ok((self.kept_by(keeper, options)?, SessionOrigin::Kept));
        }
        let progress = Progress::start(self.output, "logging in");
        let (mut waited, waiting_since) = (false, Instant::now());
        let mut locked = self.lock(options.within, || {
            waited = true;
            progress.say("another ibkr-auth is at work on this session");
        })?;
        if let Some(keeper) = self.store.keeper() {
            drop(locked);
            return Ok((self.kept_by(keeper, options)?, SessionOrigin::Kept));
        }
        let seen_meanwhile = |kept: &&KeptSession| waited && !options.fresh && kept.good_at >= begin / 1_000;
        let kept = fresh(&locked.record, options)
            .or_else(|| locked.record.kept.as_ref().filter(seen_meanwhile).cloned());
        if let Some(kept) = kept {
            return Ok((kept, SessionOrigin::Kept));
        }
        if let Some(failed) = locked.record.failed.as_ref().filter(|failed| waited && failed.at >= begin) {
            return Err(failed.failure.clone().into());
        }
        pace_or_force(&mut locked.record, options.force)?;
        let within = options.within.saturating_sub(waiting_since.elapsed());
        if within.is_zero() {
            return Err(login::late());
        }
        let options = SessionOptions { within, ..options.clone() };
        self.make(locked, &options, both(listener, progress.listener()))
    }

    /// Does something with the kept session, and keeps what came of it.
    pub(crate) fn with_kept<T>(
        &self,
        work: impl FnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<(T, Snapshot), Failure> {
        let progress = Progress::start(self.output, "asking IBKR");
        let mut locked =
            self.lock(LOGIN_WITHIN, || progress.say("another ibkr-auth is at work on this session"))?;
        self.warn_of_damage(&locked.record);
        let before = locked.record.kept.clone().ok_or_else(|| self.none())?;
        pace(&locked.record)?;
        let mut client = self.client(&locked.record, &before, self.profile.config.compete())?;
        client.on_event(progress.listener());
        let outcome = work(&mut client).map_err(|error| self.told(error));
        locked.record.history = client.history();
        // A program that keeps the session connected knows more of it than this one, but for a refusal.
        let is_ours = self.store.keeper().is_none();
        locked.record.kept = match (&outcome, client.save()) {
            (Ok(_), Some(saved)) if is_ours => Some(renewed(&before, &saved, &client)),
            (Err(failure), _) if failure.is(Exit::NoSession) => Some(before.doubted()),
            (Ok(_), None) if is_ours => Some(before.doubted()),
            _ => Some(before),
        };
        self.note(&mut locked, outcome.as_ref().err());
        Ok((outcome?, client.session().snapshot()))
    }

    /// A client that goes on with this session.
    pub(crate) fn client(
        &self,
        record: &Record,
        kept: &KeptSession,
        compete: bool,
    ) -> Result<Client, Failure> {
        let mut client = self.new_client(record, compete)?;
        client.restore(&kept.saved())?;
        Ok(client)
    }

    pub(crate) fn new_client(&self, record: &Record, compete: bool) -> Result<Client, Failure> {
        let http = Http::new(&self.profile.transport)?;
        let session = self.new_session(record, compete);
        Ok(Client::with_http(session, move |request, limit| http.send(request, limit)))
    }

    /// A session that knows how often was logged in, and what else must not be asked too often.
    fn new_session(&self, record: &Record, compete: bool) -> Session {
        self.session_with(record, self.profile.config.clone().with_compete(compete))
    }

    fn session_with(&self, record: &Record, config: Config) -> Session {
        let mut session = Session::new(config, self.profile.key.clone(), RandomState::new().hash_one(0));
        session.recall(&record.history, moment());
        session
    }

    /// How long until IBKR takes the next `sso/validate`.
    pub(crate) fn validate_allowed_in(&self) -> Result<Duration, Failure> {
        let record = self.record()?;
        let mut session = self.new_session(&record, false);
        if let Some(kept) = &record.kept {
            session.restore(&kept.saved(), moment())?;
        }
        Ok(session.validate_allowed_in(moment()))
    }

    /// The headers of this session. No HTTP stack is set up for them.
    pub(crate) fn headers(&self, kept: &KeptSession) -> Result<HeaderMap, Failure> {
        let session = self.restored(kept, self.profile.config.clone())?;
        let Login::OAuth2(_) = session.config().login() else { return Err(signed_one_by_one()) };
        session.headers().ok_or_else(none)
    }

    /// This one request, with what opens it.
    pub(crate) fn authorized(
        &self,
        kept: &KeptSession,
        request: Request<Vec<u8>>,
    ) -> Result<Request<Vec<u8>>, Failure> {
        let session = self.restored(kept, self.profile.config.clone())?;
        Ok(session.authorize(request, moment())?)
    }

    /// Whether both are the same session at IBKR.
    pub(crate) fn are_one(&self, one: &KeptSession, other: &KeptSession) -> Result<bool, Failure> {
        let authorization = |kept| -> Result<_, Failure> {
            let session = self.restored(kept, self.profile.config.clone())?;
            session.snapshot().authorization().cloned().ok_or_else(none)
        };
        Ok(authorization(one)?.has_token_of(&authorization(other)?))
    }

    pub(crate) fn restored(&self, kept: &KeptSession, config: Config) -> Result<Session, Failure> {
        let mut session = Session::new(config, self.profile.key.clone(), 0);
        session.restore(&kept.saved(), moment())?;
        Ok(session)
    }
}

/// The session as this client knows it now.
fn renewed(before: &KeptSession, saved: &SavedSession, client: &Client) -> KeptSession {
    let snapshot = client.session().snapshot();
    let good_at = match (snapshot.is_connected(), snapshot.auth_status()) {
        (true, _) => seconds(SystemTime::now()),
        (false, Some(_)) => 0,
        // Nothing was heard against it.
        (false, None) => before.good_at,
    };
    KeptSession::new(saved, &snapshot, before.began, good_at).or(before)
}

fn fresh(record: &Record, options: &SessionOptions) -> Option<KeptSession> {
    let is_fresh = |kept: &&KeptSession| !options.fresh && kept.is_fresh(SystemTime::now(), options.max_age);
    record.kept.as_ref().filter(is_fresh).cloned()
}

pub(crate) fn moment() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
}

fn signed_one_by_one() -> Failure {
    Failure::new(Exit::Usage, "with OAuth 1.0a there is no header that is good for another request")
        .why("each request is signed by itself")
        .help("`ibkr-auth sign GET /v1/api/portfolio/accounts` signs one; `ibkr-auth get` sends one; `ibkr-auth gateway` signs those of any program")
}

fn none() -> Failure {
    Failure::new(Exit::NoSession, "there is no session").help("log in with `ibkr-auth login`")
}

/// Passes on what happens, and keeps it for whoever waits for the outcome.
fn overheard(client: &mut Client, mut listener: Listener) -> Receiver<Event> {
    let (tell, heard) = channel();
    client.on_event(move |event| {
        listener(event);
        // Nobody listens where nothing has to be healed.
        let _ = tell.send(event.clone());
    });
    heard
}

fn both(mut one: Listener, mut other: impl FnMut(&Event) + Send + 'static) -> Listener {
    Box::new(move |event| {
        one(event);
        other(event);
    })
}
