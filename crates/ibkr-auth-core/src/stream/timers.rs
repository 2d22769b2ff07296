//! How long things last on the WebSocket, and how it is tried again.

use std::time::Duration;

use crate::{Retry, session::retry::Jitter};

/// A `tic` is sent this often: IBKR wants one each minute (Client Portal API v1, WebSocket).
pub const TIC_EVERY: Duration = Duration::from_secs(45);
/// So long without any frame, a connection is dead: a heartbeat comes each 10 s.
pub const SILENCE: Duration = Duration::from_secs(30);
/// A connection that serves nothing by then is given up.
pub const READY_WITHIN: Duration = Duration::from_secs(30);
/// Where `sts` has not come so long after the session was known, there is no brokerage session.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// `smd` ends by itself after 10 minutes (IBKR's changelog of 2026-04-14).
pub const RENEW_AFTER: Duration = Duration::from_secs(9 * 60);

/// A second, doubled each time, up to a minute.
const RETRY: Retry =
    Retry { attempts: u32::MAX, first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// How long to wait before the next connection.
pub(super) struct BackOff {
    failures: u32,
    jitter: Jitter,
}

impl BackOff {
    pub(super) fn new(seed: u64) -> Self {
        Self { failures: 0, jitter: Jitter::new(seed) }
    }

    /// After a connection that was ready for so long, or was not at all. One that IBKR takes and closes at
    /// once, again and again, is a failure.
    pub(super) fn wait(&mut self, ready_for: Option<Duration>) -> Duration {
        if ready_for.is_some_and(|ready| ready >= RETRY.longest) {
            self.forget();
        }
        self.failures = self.failures.saturating_add(1);
        self.jitter.prolong(RETRY.wait(self.failures, Duration::ZERO).unwrap_or(RETRY.longest))
    }

    pub(super) fn forget(&mut self) {
        self.failures = 0;
    }
}
