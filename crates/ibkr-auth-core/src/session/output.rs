//! What `poll` returns.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{Event, Request, Step};

/// What the driver has to do. Exhaustive on purpose: a new duty must not go unnoticed in a driver.
#[derive(Debug)]
#[must_use = "a request that is not sent leaves its session waiting for the answer"]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Output {
    /// Send this request now.
    Send(Transmit),
    /// Tell whoever wants to know.
    Event(Event),
    /// Nothing to do until then.
    Wait(Wait),
}

/// A request to send: at once, once, and without following redirects.
#[non_exhaustive]
pub struct Transmit {
    /// Give it back with the answer.
    pub id: RequestId,
    /// Which step it belongs to.
    pub step: Step,
    /// Give up after this time and say so with [`TransportError::timeout`](crate::TransportError::timeout).
    pub timeout: Duration,
    /// The request, complete but for `Host`.
    pub request: Request,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit")
            .field("id", &self.id)
            .field("step", &self.step)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Names one request; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// When to poll again: at `until`, or when an answer has come, whichever is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// Poll then, if nothing comes before. `None`: only a command or an answer brings anything new.
    pub until: Option<Instant>,
    /// How many requests wait for their answer.
    pub in_flight: usize,
}

impl Wait {
    /// How long that is from `now`; zero when it is past, a day when there is no end.
    pub fn remaining(&self, now: Instant) -> Duration {
        const DAY: Duration = Duration::from_secs(86_400);
        self.until.map_or(DAY, |until| until.saturating_duration_since(now))
    }
}
