//! The session of a profile: kept between invocations, checked when that is due, and made anew when it has to be.

mod connect;
mod diagnose;
mod guard;
mod make;
mod replay;
mod turn;

pub(crate) use diagnose::Diagnosis;
pub(crate) use guard::{budget, failed};
pub(crate) use make::competing;
pub(crate) use turn::Turn;

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use http::HeaderMap;
use ibkr_auth_blocking::{Client, Error, Event, SavedSession, Session, Snapshot};
use ibkr_auth_core::Now;
use zeroize::Zeroizing;

use crate::{
    args::SessionArgs,
    exit::Exit,
    failure::Failure,
    output::Output,
    profile::Profile,
    progress::Progress,
    store::{Kept, Record, Store, millis, seconds},
};

const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// A login may take that long.
const TURN_WITHIN: Duration = Duration::from_secs(90);
/// A program that keeps the session connected sees once a minute that it is good.
const KEEPER_MAX_AGE: Duration = Duration::from_secs(150);

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
}

impl From<&SessionArgs> for Wish {
    fn from(args: &SessionArgs) -> Self {
        let SessionArgs { compete, no_login, max_age, within } = *args;
        Self { compete, no_login, max_age, within, fresh: false, force: false }
    }
}

/// How a command came by its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
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
}

impl Sessions {
    /// What is kept.
    ///
    /// # Errors
    /// [`Exit::NoSession`] when nothing is.
    pub(crate) fn kept(&self) -> Result<Kept, Failure> {
        self.store.read()?.kept.ok_or_else(none)
    }

    /// A session that is good: the kept one, or a new one.
    pub(crate) fn ensure(&self, wish: &Wish, listener: Listener) -> Result<(Kept, Came), Failure> {
        let begin = millis(SystemTime::now());
        if let Some(kept) = fresh(&self.store.read()?, wish) {
            return Ok((kept, Came::Kept));
        }
        if let Some(pid) = self.store.keeper() {
            return Ok((self.kept_by(pid, wish)?, Came::Kept));
        }
        let progress = Progress::start(self.output, "logging in");
        let (mut waited, waiting_since) = (false, Instant::now());
        let turn = self.turn(wish.within, || {
            waited = true;
            progress.say("another ibkr-auth is at work on this session");
        })?;
        if let Some(pid) = self.store.keeper() {
            drop(turn);
            return Ok((self.kept_by(pid, wish)?, Came::Kept));
        }
        let seen_meanwhile = |kept: &&Kept| waited && !wish.fresh && kept.good_at >= begin / 1_000;
        let kept =
            fresh(&turn.record, wish).or_else(|| turn.record.kept.as_ref().filter(seen_meanwhile).cloned());
        if let Some(kept) = kept {
            return Ok((kept, Came::Kept));
        }
        if let Some(failed) = turn.record.failed.as_ref().filter(|failed| waited && failed.at >= begin) {
            return Err(failed.failure.clone());
        }
        turn.pace()?;
        let wish = Wish { within: wish.within.saturating_sub(waiting_since.elapsed()), ..wish.clone() };
        self.make_sure(turn, &wish, both(listener, progress.listener()))
    }

    /// Does something with the kept session, and keeps what came of it.
    pub(crate) fn with_kept<T>(
        &self,
        work: impl FnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<(T, Snapshot), Failure> {
        let progress = Progress::start(self.output, "asking IBKR");
        let mut turn =
            self.turn(TURN_WITHIN, || progress.say("another ibkr-auth is at work on this session"))?;
        self.warn_of_damage(&turn.record);
        let before = turn.record.kept.clone().ok_or_else(none)?;
        turn.pace()?;
        let mut client = self.client(&before, self.profile.config.compete())?;
        client.on_event(progress.listener());
        let outcome = work(&mut client).map_err(Failure::from);
        // A program that keeps the session connected knows more than this one.
        if self.store.keeper().is_none() {
            turn.record.kept = match (&outcome, client.save()) {
                (Ok(_), Some(saved)) => Some(renewed(&before, &saved, &client)),
                (Err(failure), _) if !failure.is(Exit::NoSession) => Some(before),
                _ => Some(before.doubted()),
            };
            self.keep(&mut turn, outcome.as_ref().err())?;
        }
        Ok((outcome?, client.session().snapshot()))
    }

    /// A client that goes on with this session.
    pub(crate) fn client(&self, kept: &Kept, compete: bool) -> Result<Client, Failure> {
        let mut client = self.new_client(compete)?;
        client.restore(&SavedSession::new(kept.saved.as_str()))?;
        Ok(client)
    }

    pub(crate) fn new_client(&self, compete: bool) -> Result<Client, Failure> {
        let Profile { config, transport, key, .. } = &self.profile;
        Ok(Client::new(config.clone().with_compete(compete), key.clone(), transport)?)
    }

    /// The headers of this session. No HTTP stack is set up for them.
    pub(crate) fn headers(&self, kept: &Kept) -> Result<HeaderMap, Failure> {
        self.restored(kept)?.0.headers().ok_or_else(none)
    }

    /// How long until IBKR takes the next `sso/validate`.
    pub(crate) fn validate_allowed_in(&self, kept: &Kept) -> Result<Duration, Failure> {
        let (session, now) = self.restored(kept)?;
        Ok(session.validate_allowed_in(now))
    }

    fn restored(&self, kept: &Kept) -> Result<(Session, Now), Failure> {
        let mut session = Session::new(self.profile.config.clone(), self.profile.key.clone(), 0);
        let now = Now { mono: Instant::now(), wall: SystemTime::now() };
        session.restore(&SavedSession::new(kept.saved.as_str()), now)?;
        Ok((session, now))
    }

    /// The session of the program that keeps it connected.
    fn kept_by(&self, pid: u32, wish: &Wish) -> Result<Kept, Failure> {
        let keeps = format!("`ibkr-auth keep` (process {pid}) keeps this session");
        if wish.fresh {
            return Err(Failure::new(Exit::Failed, keeps).todo("stop it before you log in anew"));
        }
        let progress = Progress::start(self.output, format!("waiting for {keeps}"));
        let begin = Instant::now();
        while begin.elapsed() <= wish.within {
            let kept = self.store.read()?.kept;
            if let Some(kept) = kept.filter(|kept| kept.is_fresh(seconds(SystemTime::now()), KEEPER_MAX_AGE))
            {
                return Ok(kept);
            }
            if self.store.keeper().is_none() {
                break;
            }
            thread::sleep(LOOK_AGAIN);
        }
        drop(progress);
        Err(Failure::new(Exit::Server, keeps)
            .why("it has no good session now")
            .todo("see its output for the reason"))
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

fn none() -> Failure {
    Failure::new(Exit::NoSession, "there is no session").todo("log in with `ibkr-auth login`")
}

fn both(mut one: Listener, mut other: impl FnMut(&Event) + Send + 'static) -> Listener {
    Box::new(move |event| {
        one(event);
        other(event);
    })
}
