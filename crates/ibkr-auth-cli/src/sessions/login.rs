//! A login under the guards, and what is kept of it.

use std::time::SystemTime;

use ibkr_auth_blocking::{Error, ErrorKind, Http};

use super::{
    Listener, Sessions, Wish, connect::Login, guard::failed, interrupt::Interrupt, kept, make::named, moment,
    none, turn::Turn,
};
use crate::{
    exit::Exit,
    failure::Failure,
    store::{Kept, seconds},
};

impl Sessions {
    /// The whole login. The kept session is ended first.
    pub(super) fn log_in(&self, mut turn: Turn, wish: &Wish, listener: Listener) -> Result<Kept, Failure> {
        let settings = self.settings_digest()?;
        let mut session = self.new_session(&turn.record, self.compete(wish));
        if wish.force {
            session.override_guard();
        }
        self.may_log_in(&session, &turn.record, &settings, wish.force)?;
        let http = Http::new(&self.profile.transport)?;
        self.profile.transport.warnings().iter().for_each(|warning| self.output.warning(warning));
        self.make_room(&mut turn, wish.force)?;
        self.count_login(&mut turn, session.history(moment()))?;

        let interrupt = Interrupt::watch();
        let mut login = Login::new(session, http, listener);
        let outcome = login.connect(wish.within, &interrupt);
        let is_interrupted = interrupt.is_seen();
        let failure = match outcome {
            Ok(()) if !is_interrupted => None,
            // Another login has the brokerage session, and everything else is there.
            Err(error) if wish.read_only && error.kind() == ErrorKind::Competing && !is_interrupted => None,
            outcome => Some(self.give_up(&mut login, outcome.err(), is_interrupted)),
        };
        let is_good = failure.is_none() && login.session.is_connected();
        turn.record.kept = left(&login, is_good, turn.record.paper);
        turn.record.history = login.session.history(moment());
        if failure.is_none() {
            // It may have been forced: IBKR answers again.
            turn.record.history.quiet_until = None;
        }
        if !is_interrupted {
            let before = turn.record.failed.take();
            turn.record.failed = failure.as_ref().map(|failure| failed(before.as_ref(), &settings, failure));
        }
        self.keep(&mut turn, failure.as_ref())?;
        match failure {
            Some(failure) => Err(failure),
            None => turn.record.kept.ok_or_else(none),
        }
    }

    /// Ends what the login has opened: a session that nobody uses may be in the way of others.
    fn give_up(&self, login: &mut Login, error: Option<Error>, is_interrupted: bool) -> Failure {
        if login.is_open() && !self.output.json {
            match is_interrupted {
                true => self.output.note("interrupted: ending the session; Ctrl-C again leaves at once"),
                false if login.is_given_up() => self.output.note("no time is left: ending the session"),
                false => {}
            }
        }
        let unended = login.end().err().map(Failure::from);
        let failure = error.map(named);
        let pauses = [&failure, &unended].map(|failure| failure.as_ref().and_then(|failure| failure.pause));
        let failure = match failure {
            Some(failure) if !is_interrupted => failure,
            _ => interrupted(unended),
        };
        Failure { pause: pauses.into_iter().max().flatten(), ..failure }
    }
}

/// The session of the login, if there is one. One that is not good could not be ended, or is without
/// brokerage session.
fn left(login: &Login, is_good: bool, paper: Option<bool>) -> Option<Kept> {
    let now = seconds(SystemTime::now());
    let saved = login.session.save(moment())?;
    let left = kept(&saved, &login.session.snapshot(), now, if is_good { now } else { 0 });
    Some(Kept { paper: left.paper.or(paper), ..left })
}

fn interrupted(unended: Option<Failure>) -> Failure {
    match unended {
        None => Failure::new(Exit::Interrupted, "interrupted: there is no session"),
        Some(unended) => {
            Failure::new(Exit::Interrupted, "interrupted: the session could not be ended, and is kept")
                .why(unended.what)
                .help("end it with `ibkr-auth logout`")
        }
    }
}
