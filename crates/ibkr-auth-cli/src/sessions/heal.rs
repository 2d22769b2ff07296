//! Healing a kept session, by the automatic mode.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_blocking::{Client, Error, ErrorKind, Event, Handle, KeepConnected, Phase};
use ibkr_auth_core::{LastError, Step};
use ibkr_auth_store::{KeptSession, Locked, seconds};

use super::{
    SessionOptions, Sessions,
    guard::{failed, not_refused},
    login,
    make::{competing, named},
    moment, none,
};
use crate::{
    exit::Exit,
    failure::Failure,
    interrupt::{Interrupt, LOOK_AGAIN},
};

impl Sessions {
    /// Lets the automatic mode find the cheapest step that makes the session good.
    pub(super) fn heal(
        &self,
        mut locked: Locked,
        before: &KeptSession,
        options: &SessionOptions,
        (mut client, heard): (Client, &Receiver<Event>),
    ) -> Result<KeptSession, Failure> {
        let settings = self.settings_digest()?;
        if options.force {
            client.override_guard();
        }
        if !options.force {
            not_refused(&locked.record, &settings)?;
        }
        // What is lost may come back without one.
        let spent = client.session().may_log_in(moment()).err();
        if spent.is_none() {
            self.count_login(&mut locked, client.history())?;
        }

        let interrupt = Interrupt::watch();
        let handle = client.keep_connected(KeepConnected::default());
        let (outcome, is_new) = settle(&handle, heard, options.within, &interrupt, spent);
        let saved = handle.detach();
        let snapshot = handle.snapshot();
        locked.record.history = snapshot.history(moment());
        let now = seconds(SystemTime::now());
        let good_at = if outcome.is_ok() { now } else { 0 };
        let began = if is_new { now } else { before.began };
        locked.record.kept =
            saved.map(|saved| KeptSession::new(&saved, &snapshot, began, good_at).or(before));
        if !interrupt.is_seen() {
            locked.record.failed = outcome
                .as_ref()
                .err()
                .map(|failure| failed(locked.record.failed.as_ref(), &settings, failure));
        }
        self.keep(&mut locked, outcome.as_ref().err())?;
        outcome?;
        locked.record.kept.ok_or_else(none)
    }
}

/// Waits until the session is good, or will not be `within` this time. Says too whether it is another one by
/// then.
fn settle(
    handle: &Handle,
    heard: &Receiver<Event>,
    within: Duration,
    interrupt: &Interrupt,
    spent: Option<Error>,
) -> (Result<(), Failure>, bool) {
    let begin = Instant::now();
    let (mut last_error, mut is_new) = (LastError::default(), false);
    // As it was told: the handle may know of a phase before the reason for it was heard.
    let mut phase = Phase::Connecting;
    let outcome = loop {
        if let Some(outcome) = handle.snapshot().readiness() {
            break outcome.map_err(named);
        }
        if interrupt.is_seen() {
            break Err(interrupted(last_error.take()));
        }
        let left = within.saturating_sub(begin.elapsed());
        match phase {
            Phase::Yielded => break Err(competing()),
            Phase::Maintenance { until }
                if until > SystemTime::now() + left && last_error.get().is_some_and(is_closed) =>
            {
                break Err(closed(&phase, last_error.take()));
            }
            Phase::LoginsSpent { about } if about > left => {
                break Err(spent.map_or_else(|| closed(&phase, last_error.take()), Failure::from));
            }
            Phase::Waiting { about } if about > left => {
                break Err(closed(&phase, last_error.take()));
            }
            _ => {}
        }
        match heard.recv_timeout(left.min(LOOK_AGAIN)) {
            Ok(event) => {
                is_new |= is_new_session(&event);
                last_error.hear(&event);
                if let Event::Phase { phase: entered, .. } = event {
                    phase = entered;
                }
            }
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                break Err(last_error.take().map_or_else(login::late, Failure::from));
            }
        }
    };
    // What was told while the last event was looked at.
    is_new |= heard.try_iter().any(|event| is_new_session(&event));
    (outcome, is_new)
}

fn is_new_session(event: &Event) -> bool {
    matches!(event, Event::Done { step: Step::GetBearerToken | Step::GetLiveSessionToken, .. })
}

/// Whether IBKR behaves as it does during its maintenance: the hour alone says little.
fn is_closed(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server | ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::Unreadable
    )
}

fn closed(phase: &Phase, last_error: Option<Error>) -> Failure {
    let failure = Failure::new(Exit::Server, phase.to_string())
        .help("try again later, or leave it to `ibkr-auth keep`");
    match last_error {
        Some(error) => {
            Failure { pause: Failure::from(error.clone()).new_pause(), ..failure.why(error.to_string()) }
        }
        None => failure,
    }
}

/// What was asked for by then holds for the next invocation.
fn interrupted(last_error: Option<Error>) -> Failure {
    let pause = last_error.and_then(|error| Failure::from(error).new_pause());
    let what = "interrupted: the session is kept, and not good yet";
    Failure { pause, ..Failure::new(Exit::Interrupted, what) }
}
