//! Checking, healing and making a session, while no other invocation does.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_blocking::{Client, Error, ErrorKind, Event, Handle, KeepConnected, Phase};
use ibkr_auth_core::Step;

use super::{
    Came, Listener, Sessions, Wish,
    connect::connect,
    guard::{ages, failed, had_no_effect},
    interrupt::{Interrupt, LOOK_AGAIN},
    kept, none, renewed,
    turn::Turn,
};
use crate::{
    exit::Exit,
    failure::Failure,
    store::{Kept, seconds},
};

impl Sessions {
    pub(super) fn make(&self, turn: Turn, wish: &Wish, listener: Listener) -> Result<(Kept, Came), Failure> {
        self.warn_of_damage(&turn.record);
        match turn.record.kept.clone() {
            Some(kept) if !wish.fresh => Ok((self.revive(turn, &kept, wish, listener)?, Came::Revived)),
            _ if wish.no_login => Err(none()),
            kept => Ok((self.log_in(turn, kept.as_ref(), wish, listener)?, Came::LoggedIn)),
        }
    }

    /// Asks IBKR whether the kept session is good, and heals it if not.
    fn revive(
        &self,
        mut turn: Turn,
        before: &Kept,
        wish: &Wish,
        mut listener: Listener,
    ) -> Result<Kept, Failure> {
        let mut client = self.client(before, self.compete(wish))?;
        let (tell, heard) = channel();
        client.on_event(move |event| {
            listener(event);
            // Nobody listens where nothing has to be healed.
            let _ = tell.send(event.clone());
        });
        let outcome = client.tickle();
        if let (true, true, Some(saved)) = (outcome.is_ok(), client.is_connected(), client.save()) {
            let kept = renewed(before, &saved, &client);
            (turn.record.kept, turn.record.failed) = (Some(kept.clone()), None);
            self.keep(&mut turn, None)?;
            return Ok(kept);
        }
        let failure = match outcome {
            Err(error) => Failure::from(error),
            Ok(tickle) if tickle.auth_status.competing => competing(),
            Ok(_) => lost(),
        };
        let held_elsewhere = failure.is(Exit::Competing) && !self.compete(wish);
        let may_heal = !(wish.no_login || held_elsewhere || failure.is(Exit::Network));
        turn.record.kept = Some(before.doubted());
        if !may_heal && !turn.record.failed.as_ref().is_some_and(|failed| failed.failure.is(Exit::Refused)) {
            // For those who wait for this turn: it is their outcome too.
            turn.record.failed = Some(failed(None, "", &failure));
        }
        self.keep(&mut turn, Some(&failure))?;
        if !may_heal || failure.pause.is_some() {
            return Err(failure);
        }
        if failure.is(Exit::Server) {
            // The first that follows is another tickle.
            turn.pace()?;
        }
        self.heal(turn, before, wish, (client, &heard))
    }

    /// Lets the automatic mode find the cheapest step that makes the session good.
    fn heal(
        &self,
        mut turn: Turn,
        before: &Kept,
        wish: &Wish,
        (client, heard): (Client, &Receiver<Event>),
    ) -> Result<Kept, Failure> {
        let settings = self.settings_digest()?;
        self.may_log_in(&turn.record, &settings, wish)?;
        let logins = turn.record.logins.clone();
        // Kept before anything is sent: whoever is killed half-way has logged in all the same.
        turn.record.logins.add(seconds(SystemTime::now()));
        self.keep(&mut turn, None)?;

        let interrupt = Interrupt::watch();
        let past = if wish.force { Vec::new() } else { ages(&logins) };
        let handle = client.keep_connected(KeepConnected::default().with_past_logins(past));
        let (outcome, made) = settle(&handle, heard, wish.within, &interrupt);
        let saved = handle.detach();
        let snapshot = handle.snapshot();
        turn.record.logins = logins;
        for _ in 0..made {
            turn.record.logins.add(seconds(SystemTime::now()));
        }
        let now = seconds(SystemTime::now());
        let good_at = if outcome.is_ok() { now } else { 0 };
        let began = if made > 0 { now } else { before.began };
        turn.record.kept = saved.map(|saved| kept(&saved, &snapshot, began, good_at).or(before));
        if !interrupt.is_seen() {
            turn.record.failed =
                outcome.as_ref().err().map(|failure| failed(turn.record.failed.as_ref(), &settings, failure));
        }
        self.keep(&mut turn, outcome.as_ref().err())?;
        outcome?;
        turn.record.kept.ok_or_else(none)
    }

    /// The whole login.
    fn log_in(
        &self,
        mut turn: Turn,
        before: Option<&Kept>,
        wish: &Wish,
        listener: Listener,
    ) -> Result<Kept, Failure> {
        let settings = self.settings_digest()?;
        self.may_log_in(&turn.record, &settings, wish)?;
        if let Some(before) = before {
            // It is left behind either way.
            let _ = self.client(before, false).map(|mut client| client.logout());
        }
        turn.record.kept = None;
        let logins = turn.record.logins.clone();
        turn.record.logins.add(seconds(SystemTime::now()));
        self.keep(&mut turn, None)?;

        let interrupt = Interrupt::watch();
        let (client, outcome) =
            connect(self.new_client(self.compete(wish))?, listener, wish.within, &interrupt);
        if outcome.as_ref().err().is_some_and(had_no_effect) {
            turn.record.logins = logins;
        }
        let outcome = outcome.map_err(named);
        let now = seconds(SystemTime::now());
        let saved = client.as_ref().and_then(Client::save);
        if interrupt.is_seen() {
            if let (Some(mut client), Some(_)) = (client, saved) {
                // A session that nobody uses may be in the way of others.
                let _ = client.logout();
            }
            self.keep(&mut turn, None)?;
            return Err(Failure::new(Exit::Interrupted, "interrupted: there is no session"));
        }
        match (&outcome, client, saved) {
            (Ok(()), Some(client), Some(saved)) => {
                let made = kept(&saved, &client.session().snapshot(), now, now);
                turn.record.kept = Some(Kept { paper: made.paper.or(turn.record.paper), ..made });
                turn.record.failed = None;
            }
            (Err(failure), client, left_open) => {
                turn.record.failed = Some(failed(turn.record.failed.as_ref(), &settings, failure));
                if let (Some(mut client), Some(_)) = (client, left_open) {
                    // A session that nobody uses may be in the way of others.
                    let _ = client.logout();
                }
            }
            (Ok(()), ..) => {}
        }
        self.keep(&mut turn, outcome.as_ref().err())?;
        outcome?;
        turn.record.kept.ok_or_else(none)
    }

    fn compete(&self, wish: &Wish) -> bool {
        wish.compete || self.profile.config.compete()
    }
}

/// Waits until the session is good, or will not be `within` this time. Says too how many logins that took.
fn settle(
    handle: &Handle,
    heard: &Receiver<Event>,
    within: Duration,
    interrupt: &Interrupt,
) -> (Result<(), Failure>, usize) {
    let begin = Instant::now();
    let (mut reason, mut made): (Option<Error>, Made) = (None, Made::default());
    let outcome = loop {
        if let Some(outcome) = handle.snapshot().readiness() {
            break outcome.map_err(named);
        }
        if interrupt.is_seen() {
            break Err(Failure::new(Exit::Interrupted, "interrupted: the session is kept, and not good yet"));
        }
        let left = within.saturating_sub(begin.elapsed());
        match handle.phase() {
            Phase::Yielded => break Err(competing()),
            Phase::Maintenance { until }
                if until > SystemTime::now() + left && reason.as_ref().is_some_and(is_closed) =>
            {
                break Err(closed(&handle.phase(), reason));
            }
            Phase::Waiting { about } if about > left => break Err(closed(&handle.phase(), reason)),
            _ => {}
        }
        let news = heard.recv_timeout(left.min(LOOK_AGAIN));
        news.iter().for_each(|event| made.count(event));
        match news {
            Ok(Event::Failed { error, .. } | Event::Phase { because: Some(error), .. }) => {
                reason = Some(error);
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                break Err(Failure::from(reason.unwrap_or_else(|| handle.snapshot().not_ready(within))));
            }
        }
    };
    // What was told while the last event was looked at.
    heard.try_iter().for_each(|event| made.count(&event));
    (outcome, made.logins())
}

/// Requests that IBKR counts as logins.
#[derive(Default)]
struct Made {
    access_tokens: usize,
    bearers: usize,
}

impl Made {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Sent { step: Step::GetAccessToken } => self.access_tokens += 1,
            Event::Sent { step: Step::GetBearerToken } => self.bearers += 1,
            _ => {}
        }
    }

    /// A whole login makes both.
    fn logins(&self) -> usize {
        self.bearers.max(self.access_tokens)
    }
}

/// Whether IBKR behaves as it does during its maintenance: the hour alone says little.
fn is_closed(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server | ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Unreadable
    )
}

fn closed(phase: &Phase, reason: Option<Error>) -> Failure {
    let failure = Failure::new(Exit::Server, phase.to_string())
        .todo("try again later, or leave it to `ibkr-auth keep`");
    match reason {
        Some(error) => failure.why(error.to_string()),
        None => failure,
    }
}

fn lost() -> Failure {
    Failure::new(Exit::NoSession, "the kept session is no longer good").todo("log in with `ibkr-auth login`")
}

/// Another login has the session: how to end it is ours to say.
fn named(error: Error) -> Failure {
    if error.kind() == ErrorKind::Competing { competing() } else { Failure::from(error) }
}

pub(crate) fn competing() -> Failure {
    Failure::new(
        Exit::Competing,
        "another login of this username, such as TWS or the phone, has the brokerage session",
    )
    .todo("log out there, or end that session with --compete; a lost session of your own ends after 5 idle minutes")
}
