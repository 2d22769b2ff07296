//! What has gone wrong since the session was last good, and how patient that makes us.

use std::time::{Duration, Instant};

use super::Deed;

/// A session that is not good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) since: Instant,
    /// The deed that IBKR refused last, and how often in a row.
    deed: Deed,
    refusals: u32,
    /// Answers that did not come, or not from IBKR's systems, in a row.
    pub(super) silent: u32,
    /// Logins that failed.
    logins: u32,
}

/// After so many refusals of a deed in a row, what it builds on is given up.
const GIVE_UP_AFTER: u32 = 3;
/// No answer so many times in a row: the host may be dead.
pub(super) const HOST_IS_DEAD: u32 = 3;
/// No wait for a request that IBKR takes as it comes is longer, before jitter.
const LONGEST: Duration = Duration::from_secs(15);
/// No wait for a login is longer, before jitter.
const LONGEST_FOR_LOGIN: Duration = Duration::from_secs(40);

impl Trouble {
    pub(super) fn begin(now: Instant, deed: Deed) -> Self {
        Self { since: now, deed, refusals: 0, silent: 0, logins: 0 }
    }

    pub(super) fn count(&mut self, deed: Deed, silent: bool) {
        if silent {
            self.silent += 1;
        } else {
            self.refusals = if self.deed == deed { self.refusals + 1 } else { 1 };
            (self.deed, self.silent) = (deed, 0);
        }
        self.logins += u32::from(deed >= Deed::Renew);
    }

    /// Whether IBKR has refused the deed so often that something dearer is called for.
    pub(super) fn calls_for_more(&self) -> bool {
        self.silent == 0 && self.refusals > 0 && self.refusals.is_multiple_of(GIVE_UP_AFTER)
    }

    /// 1, 2, 4 … seconds before the next request.
    pub(super) fn wait(&self) -> Duration {
        doubled(self.silent.max(self.refusals)).min(LONGEST)
    }

    /// 1, 2, 4 … seconds before the next login.
    pub(super) fn login_wait(&self) -> Duration {
        doubled(self.logins).min(LONGEST_FOR_LOGIN)
    }
}

fn doubled(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6))
}
