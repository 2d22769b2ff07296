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
    /// Those of them that speak against the host: an `ssodh/init` that fails where a tickle is answered does not.
    deaf: u32,
    /// Logins that failed.
    logins: u32,
}

/// After so many refusals of a deed in a row, what it builds on is given up.
const GIVE_UP_AFTER: u32 = 3;
/// No answer so many times in a row: the host may be dead.
pub(super) const HOST_IS_DEAD: u32 = 2;
/// No wait for a request that IBKR takes as it comes is longer, before jitter.
const LONGEST: Duration = Duration::from_secs(15);
/// No wait for a login is longer, before jitter.
const LONGEST_FOR_LOGIN: Duration = Duration::from_secs(40);

impl Trouble {
    pub(super) fn begin(now: Instant, deed: Deed) -> Self {
        Self { since: now, deed, refusals: 0, silent: 0, deaf: 0, logins: 0 }
    }

    pub(super) fn count(&mut self, deed: Deed, silent: bool) {
        if silent {
            self.silent += 1;
            self.deaf += u32::from(deed != Deed::Init);
        } else {
            self.refusals = if self.deed == deed { self.refusals + 1 } else { 1 };
            (self.deed, self.silent, self.deaf) = (deed, 0, 0);
        }
        self.logins += u32::from(deed >= Deed::Renew);
    }

    /// The host has answered.
    pub(super) fn hears(&mut self) {
        self.deaf = 0;
    }

    /// Whether to turn to the next of so many hosts: once the first is given up, each of the others gets one try, and
    /// after a round the first gets two again. If none answers it is the road, and the round ends where it began.
    pub(super) fn turns(&self, hosts: u32) -> bool {
        hosts > 1 && self.deaf > 0 && (self.deaf - 1) % (hosts + HOST_IS_DEAD - 1) >= HOST_IS_DEAD - 1
    }

    /// Whether every host has been asked in vain.
    pub(super) fn whole_round(&self, hosts: u32) -> bool {
        self.deaf >= hosts + HOST_IS_DEAD - 1
    }

    /// Whether IBKR has refused the deed so often that something dearer is called for.
    pub(super) fn calls_for_more(&self) -> bool {
        self.silent == 0 && self.refusals > 0 && self.refusals.is_multiple_of(GIVE_UP_AFTER)
    }

    /// 1, 2, 4 … seconds before the next request; not among hosts that have not been asked yet.
    pub(super) fn wait(&self, hosts: u32) -> Duration {
        match self.turns(hosts) {
            true => doubled(1 + u32::from(self.whole_round(hosts))),
            false => doubled(self.silent.max(self.refusals)).min(LONGEST),
        }
    }

    /// 1, 2, 4 … seconds before the next login. One that succeeded, but was refused by the first tickle, counts as failed.
    pub(super) fn login_wait(&self, unproven: u32) -> Duration {
        doubled(self.logins.max(unproven)).min(LONGEST_FOR_LOGIN)
    }
}

fn doubled(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6))
}
