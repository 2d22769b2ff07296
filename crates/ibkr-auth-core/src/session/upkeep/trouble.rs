//! What has gone wrong since the session was last good, and how patient that makes us.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Deed;

/// A session that is not good.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) since: Instant,
    /// How often each deed has failed since it last succeeded.
    failed: BTreeMap<Deed, u32>,
    /// The deed that IBKR refused last, and how often in a row.
    refused: Option<(Deed, u32)>,
    /// Answers that did not come, or not from IBKR's systems, in a row.
    pub(super) silent: u32,
    /// Those of them that speak against the host: an `ssodh/init` that fails where a tickle is answered does not.
    deaf: u32,
    /// Something else was answered meanwhile: it is the deed that fails, not the road.
    heard: bool,
    /// How often something dearer was tried because a deed went on failing, and when last; else when the trouble began.
    escalations: u32,
    escalated: Instant,
    /// Logins that failed.
    logins: u32,
}

/// After so many refusals of a deed in a row, what it builds on is given up; after so many failures of one deed while others
/// are answered, something dearer is tried.
const GIVE_UP_AFTER: u32 = 3;
/// No answer so many times in a row: the host may be dead.
pub(super) const HOST_IS_DEAD: u32 = 2;
/// No wait for a request that IBKR takes as it comes is longer, before jitter.
const LONGEST: Duration = Duration::from_secs(15);
/// No wait for a login is longer, before jitter.
const LONGEST_FOR_LOGIN: Duration = Duration::from_secs(40);
/// Before something dearer is tried against a server that answers everything with an error; doubled each time.
const PATIENCE: Duration = Duration::from_secs(600);

impl Trouble {
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            since: now,
            failed: BTreeMap::new(),
            refused: None,
            silent: 0,
            deaf: 0,
            heard: false,
            escalations: 0,
            escalated: now,
            logins: 0,
        }
    }

    pub(super) fn count(&mut self, deed: Deed, silent: bool, is_look_up: bool) {
        *self.failed.entry(deed).or_default() += 1;
        if silent {
            self.silent += 1;
            self.deaf += u32::from(deed != Deed::Init && !is_look_up);
            // Then it is the road, whatever was heard before.
            self.heard &= self.deaf < HOST_IS_DEAD;
        } else {
            let before = self.refused.filter(|(refused, _)| *refused == deed).map_or(0, |(_, times)| times);
            self.refused = Some((deed, before + 1));
            (self.silent, self.deaf) = (0, 0);
        }
        self.logins += u32::from(deed >= Deed::Renew);
    }

    /// The host has answered a deed.
    pub(super) fn hears(&mut self, deed: Deed) {
        self.failed.remove(&deed);
        (self.deaf, self.heard) = (0, true);
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

    /// Whether IBKR has refused the deed so often that what it builds on is given up.
    pub(super) fn calls_for_more(&self) -> bool {
        self.silent == 0 && self.refused.is_some_and(|(_, times)| times.is_multiple_of(GIVE_UP_AFTER))
    }

    /// Whether a deed that goes on failing without a refusal has done so long enough for something dearer: it fails where
    /// others are answered, or a server is there that `answers` everything with an error. Rarer the more often that was done
    /// before.
    pub(super) fn escalates(&mut self, now: Instant, deed: Deed, answers: bool, before: u32) -> bool {
        let failed = self.failed.get(&deed).copied().unwrap_or(0);
        let doubled = 1 << (self.escalations.max(before)).min(5);
        let alone = (self.heard || deed == Deed::Renew) && failed >= GIVE_UP_AFTER * doubled;
        let overdue = answers && now.saturating_duration_since(self.escalated) >= PATIENCE * doubled;
        let escalates = self.silent > 0 && (alone || overdue);
        if escalates {
            self.escalations += 1;
            self.escalated = now;
            self.failed.clear();
            self.heard = false;
        }
        escalates
    }

    /// Whether it is time to ask in another way whether the session lives.
    pub(super) fn asks_otherwise(&self) -> bool {
        self.silent.is_multiple_of(GIVE_UP_AFTER)
    }

    /// 1, 2, 4 … seconds before the next request; not among hosts that have not been asked yet.
    pub(super) fn wait(&self, hosts: u32) -> Duration {
        let refused = self.refused.map_or(0, |(_, times)| times);
        match self.turns(hosts) {
            true => doubled(1 + u32::from(self.whole_round(hosts))),
            false => doubled(self.silent.max(refused)).min(LONGEST),
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
