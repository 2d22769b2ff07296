//! A login under the guards, and what is kept of it.

use std::{
    error::Error as _,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_blocking::{Canceller, Client, Error, ErrorKind};
use ibkr_auth_store::{KeptSession, Locked, seconds};

use super::{Listener, SessionOptions, Sessions, guard::failed, make::named, moment, none};
use crate::{
    exit::Exit,
    failure::Failure,
    interrupt::{Interrupt, LOOK_AGAIN},
};

/// A person who is logged in does not wait longer to be told live or paper.
const KIND_WITHIN: Duration = Duration::from_secs(5);

impl Sessions {
    /// The whole login. The kept session is ended first.
    pub(super) fn log_in(
        &self,
        mut locked: Locked,
        options: &SessionOptions,
        listener: Listener,
    ) -> Result<KeptSession, Failure> {
        let settings = self.settings_digest()?;
        let mut client = self.new_client(&locked.record, self.compete(options))?;
        if options.force {
            client.override_guard();
        }
        self.may_log_in(client.session(), &locked.record, &settings, options.force)?;
        self.profile.transport.warnings().iter().for_each(|warning| self.output.warning(warning));
        self.make_room(&mut locked, options.force)?;
        self.count_login(&mut locked, client.history())?;

        client.on_event(listener);
        let interrupt = Interrupt::watch();
        let until = Instant::now() + options.within;
        let outcome = unless_ended(&interrupt, until, &mut client, |client| {
            client.connect_within(until.saturating_duration_since(Instant::now()))
        });
        let is_interrupted = interrupt.is_seen();
        let failure = match outcome {
            _ if is_interrupted => {
                let why = "interrupted: ending the session; Ctrl-C again leaves at once, and leaves it open";
                Some(self.give_up(&mut locked, &mut client, why, None))
            }
            Ok(_) => None,
            // Another login has the brokerage session, and everything else is there.
            Err(error) if options.read_only && error.kind() == ErrorKind::Competing => None,
            Err(error) => {
                let why = if is_late(&error) { "no time is left: ending the session" } else { "" };
                Some(self.give_up(&mut locked, &mut client, why, Some(in_the_way(error))))
            }
        };
        let is_good = failure.is_none() && client.is_connected();
        locked.record.kept = left(&client, is_good, locked.record.paper);
        locked.record.history = client.history();
        if failure.is_none() {
            // It may have been forced: IBKR answers again.
            locked.record.history.quiet_until = None;
        }
        if !is_interrupted {
            let before = locked.record.failed.take();
            locked.record.failed =
                failure.as_ref().map(|failure| failed(before.as_ref(), &settings, failure));
        }
        self.keep(&mut locked, failure.as_ref())?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if options.tells_kind && locked.record.paper.is_none() {
            self.ask_kind(&mut locked, &mut client, &interrupt, until)?;
        }
        locked.record.kept.ok_or_else(none)
    }

    /// Live or paper, for a person who logs in, where that is not known of this username: a login that was
    /// established at once has not asked. Only that the session is not good matters beside the answer.
    fn ask_kind(
        &self,
        locked: &mut Locked,
        client: &mut Client,
        interrupt: &Interrupt,
        until: Instant,
    ) -> Result<(), Failure> {
        if client.session().validate_allowed_in(moment()).is_zero() {
            let until = until.min(Instant::now() + KIND_WITHIN);
            let outcome = unless_ended(interrupt, until, client, Client::validate_sso);
            let lost = outcome.err().filter(|_| !client.is_connected()).map(Failure::from);
            locked.record.kept = left(client, lost.is_none(), locked.record.paper);
            locked.record.history = client.history();
            self.note(locked, lost.as_ref());
            lost.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// Ends what the login has opened: a session that nobody uses may be in the way of others. A bearer token
    /// that is on its way is waited for, because IBKR has made that session. Until it has ended it is kept:
    /// a program that is killed meanwhile leaves it to the next.
    fn give_up(
        &self,
        locked: &mut Locked,
        client: &mut Client,
        why: &str,
        failure: Option<Failure>,
    ) -> Failure {
        if client.session().has_session() {
            if !self.output.json && !why.is_empty() {
                self.output.note(why);
            }
            locked.record.kept = left(client, false, locked.record.paper);
            locked.record.history = client.history();
            self.note(locked, None);
        }
        let unended = client.logout().err().map(Failure::from);
        let failure = failure.unwrap_or_else(|| interrupted(unended.as_ref()));
        let pause = failure.pause.max(unended.and_then(|unended| unended.pause));
        Failure { pause, ..failure }
    }
}

/// Works until it is done, Ctrl-C is pressed, or the time is over.
fn unless_ended<T>(
    interrupt: &Interrupt,
    until: Instant,
    client: &mut Client,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let canceller = Canceller::of(client);
    thread::scope(|scope| {
        let (_done, over) = channel::<()>();
        // Where the system gives no thread, the second Ctrl-C is the one that counts.
        let _ = thread::Builder::new().spawn_scoped(scope, move || {
            while over.recv_timeout(LOOK_AGAIN) == Err(RecvTimeoutError::Timeout) {
                if interrupt.is_seen() || until + LOOK_AGAIN < Instant::now() {
                    canceller.cancel();
                }
            }
        });
        work(client)
    })
}

/// Whether no time was left, rather than for one request.
fn is_late(error: &Error) -> bool {
    error.kind() == ErrorKind::Timeout && error.step().is_none()
}

/// Why there is no session: where no time was left, what was in the way by then.
fn in_the_way(error: Error) -> Failure {
    match error.source().and_then(|source| source.downcast_ref::<Error>()) {
        Some(cause) => named(cause.clone()),
        None if is_late(&error) => late(),
        None => named(error),
    }
}

/// No time was left, and nothing had failed.
pub(super) fn late() -> Failure {
    Failure::new(Exit::Network, "the login was given up")
        .why("there was no good session in time")
        .help("`ibkr-auth doctor` shows what is slow; --within waits longer")
}

/// The session of the login, if there is one. One that is not good could not be ended, or is without
/// brokerage session.
fn left(client: &Client, is_good: bool, paper: Option<bool>) -> Option<KeptSession> {
    let now = seconds(SystemTime::now());
    let good_at = if is_good { now } else { 0 };
    let mut left = KeptSession::new(&client.save()?, &client.session().snapshot(), now, good_at);
    left.paper = left.paper.or(paper);
    Some(left)
}

fn interrupted(unended: Option<&Failure>) -> Failure {
    match unended {
        None => Failure::new(Exit::Interrupted, "interrupted: there is no session"),
        Some(unended) => {
            Failure::new(Exit::Interrupted, "interrupted: the session could not be ended, and is kept")
                .why(unended.what.clone())
                .help("end it with `ibkr-auth logout`")
        }
    }
}
