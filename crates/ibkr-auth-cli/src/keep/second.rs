//! One more try of a first login that was refused. An assertion says nothing that is unique: that of a keeper
//! which was started anew with an empty store may be the very bytes of the one before, which a server refuses
//! as a replay.

use std::time::{Duration, Instant};

use ibkr_auth_blocking::{Error, ErrorKind, Event, Handle, KeepConnected, Phase};
use ibkr_auth_core::Step;

/// Assertions made so many seconds apart differ for certain: core moves their ends by less than 5 s.
const APART: u64 = 10;
/// Only what is signed within seconds of the start can be what a keeper before has signed.
const AT_START: Duration = Duration::from_secs(2 * APART);

/// Where the one more try stands.
#[derive(Default)]
pub(super) enum SecondTry {
    #[default]
    Unused,
    Due(Instant),
    /// Until it begins, what the session tells is how it got there.
    Begins,
    Used,
}

impl SecondTry {
    /// Whether an event is no news: the session has not stopped yet, it is made ready for its second try.
    pub(super) fn swallows(&mut self, event: &Event, uptime: Duration) -> bool {
        match (&self, event) {
            (Self::Unused, Event::Phase { phase: Phase::Stopped, because: Some(error) })
                if may_be_replay(error) && uptime <= AT_START =>
            {
                *self = Self::Due(Instant::now() + Duration::from_secs(APART));
                true
            }
            (Self::Begins, Event::Phase { phase: Phase::Connecting, .. }) => {
                *self = Self::Used;
                false
            }
            (Self::Begins, _) => true,
            _ => false,
        }
    }

    /// How long until it is due.
    pub(super) fn due_in(&self) -> Option<Duration> {
        match self {
            Self::Due(at) => Some(at.saturating_duration_since(Instant::now())),
            _ => None,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self, Self::Due(_) | Self::Begins)
    }

    /// Begins it when it is due.
    pub(super) fn begin(&mut self, handle: &Handle, policy: &KeepConnected) {
        if self.due_in().is_some_and(|left| left.is_zero()) {
            *self = Self::Begins;
            handle.keep_connected(policy.clone());
        }
    }
}

fn may_be_replay(error: &Error) -> bool {
    error.kind() == ErrorKind::Rejected && error.step() == Some(Step::GetAccessToken)
}
