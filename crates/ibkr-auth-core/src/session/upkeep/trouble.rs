//! What has gone wrong since the session was last good, and how patient that makes us.

use std::time::{Duration, Instant};

use super::Deed;

/// A session that is not good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) since: Instant,
    /// The deed that failed last, and how often in a row.
    deed: Deed,
    failures: u32,
    /// Those of them that were clear answers.
    refusals: u32,
    /// Answers that did not come, or not from IBKR, in a row.
    pub(super) silent: u32,
}

/// After so many failures of a deed in a row, what it built on is given up.
const GIVE_UP_AFTER: u32 = 3;
/// No answer so many times in a row: the host may be dead.
pub(super) const HOST_IS_DEAD: u32 = 3;

impl Trouble {
    pub(super) fn begin(now: Instant, deed: Deed) -> Self {
        Self { since: now, deed, failures: 0, refusals: 0, silent: 0 }
    }

    pub(super) fn count(&mut self, deed: Deed, silent: bool) {
        // A tickle in between only asks whether the server is back.
        if self.deed != deed && deed != Deed::Tickle {
            (self.deed, self.failures, self.refusals) = (deed, 0, 0);
        }
        self.failures += 1;
        self.silent = if silent { self.silent + 1 } else { 0 };
        self.refusals += u32::from(!silent);
    }

    /// Whether IBKR has refused the deed so often that something dearer is called for.
    pub(super) fn calls_for_more(&self) -> bool {
        self.refusals > 0 && self.refusals.is_multiple_of(GIVE_UP_AFTER)
    }

    /// 1, 2, 4 … seconds, up to what the deed costs IBKR.
    pub(super) fn wait(&self) -> Duration {
        let longest = Duration::from_secs(if self.deed >= Deed::Renew { 60 } else { 15 });
        Duration::from_secs(1 << self.failures.saturating_sub(1).min(6)).min(longest)
    }
}
