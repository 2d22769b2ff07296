//! The session of a profile: kept between invocations, checked when that is due, and made anew when it has to
//! be.

mod diagnose;
mod end;
mod guard;
mod heal;
mod keeper;
mod login;
mod make;
mod pace;
mod reason;
mod turn;

pub(crate) use diagnose::DoctorRun;
pub(crate) use guard::{failed, not_refused};
pub(crate) use keeper::is_kept_alive;
pub(crate) use make::competing;
pub(crate) use turn::Turn;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        atomic::AtomicBool,
        mpsc::{Receiver, channel},
    },
    time::{Duration, Instant, SystemTime},
};

use http::HeaderMap;
use ibkr_auth_blocking::{Client, Config, Error, Event, Http, SavedSession, Session, Snapshot};
use ibkr_auth_core::Now;
use zeroize::Zeroizing;

use crate::{
    exit::Exit,
    failure::Failure,
    options::SessionArgs,
    output::Output,
    profile::Profile,
    progress::Progress,
    store::{Kept, Record, Store, millis, seconds},
};

/// A login takes no longer; whoever waits for that of another invocation waits so long.
pub(crate) const LOGIN_WITHIN: Duration = Duration::from_secs(90);

/// Hears what happens while a session is made.
pub(crate) type Listener = Box<dyn FnMut(&Event) + Send>;

/// What a command wants of its session.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
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
}

impl From<&SessionArgs> for Wish {
    fn from(args: &SessionArgs) -> Self {
        let SessionArgs { compete, no_login, max_age, within } = *args;
        Self { compete, no_login, max_age, within, fresh: false, force: false, read_only: false }
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
    pub(crate) fn kept(&self) -> Result<Kept, Failure> {
        self.record()?.kept.ok_or_else(|| self.none())
    }

    /// A session that is good: the kept one, or a new one.
    pub(crate) fn ensure(&self, wish: &Wish, listener: Listener) -> Result<(Kept, SessionOrigin), Failure> {
        let begin = millis(SystemTime::now());
        if let Some(kept) = fresh(&self.record()?, wish) {
            return Ok((kept, SessionOrigin::Kept));
        }
        if let Some(pid) = self.store.keeper() {
            return Ok((self.kept_by(pid, wish)?, SessionOrigin::Kept));
        }
        let progress = Progress::start(self.output, "logging in");
        let (mut waited, waiting_since) = (false, Instant::now());
        let mut turn = self.turn(wish.within, || {
            waited = true;
            progress.say("another ibkr-auth is at work on this session");
        })?;
        if let Some(pid) = self.store.keeper() {
            drop(turn);
            return Ok((self.kept_by(pid, wish)?, SessionOrigin::Kept));
        }
        let seen_meanwhile = |kept: &&Kept| waited && !wish.fresh && kept.good_at >= begin / 1_000;
        let kept =
            fresh(&turn.record, wish).or_else(|| turn.record.kept.as_ref().filter(seen_meanwhile).cloned());
        if let Some(kept) = kept {
            return Ok((kept, SessionOrigin::Kept));
        }
        if let Some(failed) = turn.record.failed.as_ref().filter(|failed| waited && failed.at >= begin) {
            return Err(failed.failure.clone());
        }
        turn.pace_or_force(wish.force)?;
        let wish = Wish { within: wish.within.saturating_sub(waiting_since.elapsed()), ..wish.clone() };
        self.make(turn, &wish, both(listener, progress.listener()))
    }

    /// Does something with the kept session, and keeps what came of it.
    pub(crate) fn with_kept<T>(
        &self,
        work: impl FnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<(T, Snapshot), Failure> {
        let progress = Progress::start(self.output, "asking IBKR");
        let mut turn =
            self.turn(LOGIN_WITHIN, || progress.say("another ibkr-auth is at work on this session"))?;
        self.warn_of_damage(&turn.record);
        let before = turn.record.kept.clone().ok_or_else(|| self.none())?;
        turn.pace()?;
        let mut client = self.client(&turn.record, &before, self.profile.config.compete())?;
        client.on_event(progress.listener());
        let outcome = work(&mut client).map_err(|error| self.told(error));
        turn.record.history = client.history();
        // A program that keeps the session connected knows more of it than this one, but for a refusal.
        let is_ours = self.store.keeper().is_none();
        turn.record.kept = match (&outcome, client.save()) {
            (Ok(_), Some(saved)) if is_ours => Some(renewed(&before, &saved, &client)),
            (Err(failure), _) if failure.is(Exit::NoSession) => Some(before.doubted()),
            (Ok(_), None) if is_ours => Some(before.doubted()),
            _ => Some(before),
        };
        self.note(&mut turn, outcome.as_ref().err());
        Ok((outcome?, client.session().snapshot()))
    }

    /// A client that goes on with this session.
    pub(crate) fn client(&self, record: &Record, kept: &Kept, compete: bool) -> Result<Client, Failure> {
        let mut client = self.new_client(record, compete)?;
        client.restore(&SavedSession::new(kept.saved.as_str()))?;
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
            session.restore(&SavedSession::new(kept.saved.as_str()), moment())?;
        }
        Ok(session.validate_allowed_in(moment()))
    }

    /// The headers of this session. No HTTP stack is set up for them.
    pub(crate) fn headers(&self, kept: &Kept) -> Result<HeaderMap, Failure> {
        self.restored(kept, self.profile.config.clone())?.headers().ok_or_else(none)
    }

    pub(crate) fn restored(&self, kept: &Kept, config: Config) -> Result<Session, Failure> {
        let mut session = Session::new(config, self.profile.key.clone(), 0);
        session.restore(&SavedSession::new(kept.saved.as_str()), moment())?;
        Ok(session)
    }
}

/// The session as this client knows it now.
fn renewed(before: &Kept, saved: &SavedSession, client: &Client) -> Kept {
    let snapshot = client.session().snapshot();
    let good_at = match (snapshot.is_connected(), snapshot.auth_status()) {
        (true, _) => seconds(SystemTime::now()),
        (false, Some(_)) => 0,
        // Nothing was heard against it.
        (false, None) => before.good_at,
    };
    kept(saved, &snapshot, before.began, good_at).or(before)
}

/// A session to be kept.
pub(crate) fn kept(saved: &SavedSession, snapshot: &Snapshot, began: u64, good_at: u64) -> Kept {
    Kept {
        saved: Zeroizing::new(saved.expose().to_owned()),
        began,
        good_at,
        expires: snapshot.bearer_ends().map(seconds),
        host: snapshot.config().host().to_string(),
        public_ip: snapshot.public_ip().map(|ip| ip.to_string()),
        paper: snapshot.sso().and_then(|sso| sso.paper),
    }
}

fn fresh(record: &Record, wish: &Wish) -> Option<Kept> {
    let is_fresh = |kept: &&Kept| !wish.fresh && kept.is_fresh(seconds(SystemTime::now()), wish.max_age);
    record.kept.as_ref().filter(is_fresh).cloned()
}

pub(crate) fn moment() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
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
