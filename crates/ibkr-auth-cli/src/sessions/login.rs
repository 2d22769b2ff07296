//! A login under the guards, and what is kept of it.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, SystemTime},
};

use ibkr_auth_blocking::{Canceller, Client, Error, ErrorKind, Event};

use super::{
    Listener, SessionOptions, Sessions, guard::failed, kept, last_error::LastError, locked::LockedRecord,
    make::named, moment, none, overheard,
};
use crate::{
    exit::Exit,
    failure::Failure,
    interrupt::{Interrupt, LOOK_AGAIN},
    store::{KeptSession, seconds},
};

impl Sessions {
    /// The whole login. The kept session is ended first.
    pub(super) fn log_in(
        &self,
        mut locked: LockedRecord,
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

        let heard = overheard(&mut client, listener);
        let interrupt = Interrupt::watch();
        let outcome = unless_interrupted(&interrupt, &mut client, |client| {
            client.connect_within(options.within)?;
            ask_kind(client, locked.record.paper)
        });
        let is_interrupted = interrupt.is_seen();
        let failure = match outcome {
            _ if is_interrupted => {
                self.note_end(&client, "interrupted: ending the session; Ctrl-C again leaves at once");
                Some(give_up(&mut client, interrupted))
            }
            Ok(()) => None,
            // Another login has the brokerage session, and everything else is there.
            Err(error) if options.read_only && error.kind() == ErrorKind::Competing => None,
            Err(error) if is_late(&error) => {
                self.note_end(&client, "no time is left: ending the session");
                Some(give_up(&mut client, |_| late(options.within, heard.try_iter())))
            }
            Err(error) => Some(give_up(&mut client, |_| named(error))),
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
        match failure {
            Some(failure) => Err(failure),
            None => locked.record.kept.ok_or_else(none),
        }
    }

    fn note_end(&self, client: &Client, note: &str) {
        if client.session().has_session() && !self.output.json {
            self.output.note(note);
        }
    }
}

/// Ends what the login has opened: a session that nobody uses may be in the way of others. A bearer token
/// that is on its way is waited for, because IBKR has made that session.
fn give_up(client: &mut Client, failure: impl FnOnce(Option<&Failure>) -> Failure) -> Failure {
    let unended = client.logout().err().map(Failure::from);
    let failure = failure(unended.as_ref());
    let pause = failure.pause.max(unended.and_then(|unended| unended.pause));
    Failure { pause, ..failure }
}

/// Works until it is done, or Ctrl-C is pressed.
fn unless_interrupted<T>(
    interrupt: &Interrupt,
    client: &mut Client,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let canceller = Canceller::of(client);
    thread::scope(|scope| {
        let (_done, over) = channel::<()>();
        // Where the system gives no thread, the second Ctrl-C is the one that counts.
        let _ = thread::Builder::new().spawn_scoped(scope, move || {
            while over.recv_timeout(LOOK_AGAIN) == Err(RecvTimeoutError::Timeout) {
                if interrupt.is_seen() {
                    canceller.cancel();
                }
            }
        });
        work(client)
    })
}

/// Live or paper, which is told to a person, where that is not known of this username. A login that was
/// established at once has not asked.
fn ask_kind(client: &mut Client, known: Option<bool>) -> Result<(), Error> {
    let snapshot = client.session().snapshot();
    if known.is_some()
        || snapshot.sso().is_some()
        || !client.session().validate_allowed_in(moment()).is_zero()
    {
        return Ok(());
    }
    // It matters where it says that the session is not good.
    client.validate_sso().map(drop).or_else(|error| if client.is_connected() { Ok(()) } else { Err(error) })
}

/// Whether no time was left, rather than for one request.
fn is_late(error: &Error) -> bool {
    error.kind() == ErrorKind::Timeout && error.step().is_none()
}

/// What was in the way by then.
fn late(within: Duration, events: impl Iterator<Item = Event>) -> Failure {
    let mut last_error = LastError::default();
    events.for_each(|event| last_error.hear(&event));
    let given_up = || {
        Failure::new(Exit::Network, "the login was given up")
            .why(format!("there was no good session within {:.0} s", within.as_secs_f64()))
            .help("`ibkr-auth doctor` shows what is slow; --within waits longer")
    };
    last_error.take().map_or_else(given_up, named)
}

/// The session of the login, if there is one. One that is not good could not be ended, or is without
/// brokerage session.
fn left(client: &Client, is_good: bool, paper: Option<bool>) -> Option<KeptSession> {
    let now = seconds(SystemTime::now());
    let left = kept(&client.save()?, &client.session().snapshot(), now, if is_good { now } else { 0 });
    Some(KeptSession { paper: left.paper.or(paper), ..left })
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
