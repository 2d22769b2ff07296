//! What has gone wrong since the session was last good, and how patient that makes us.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Action;

/// A session that is not good.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    pub(super) since: Instant,
    /// How often each action has failed since it last succeeded.
    failed: BTreeMap<Action, u32>,
    /// The action that IBKR refused last, and how often in a row.
    refused: Option<(Action, u32)>,
    /// Answers that did not come, or not from IBKR's systems, in a row.
    pub(super) unanswered: u32,
    /// Those of them that speak against the host: an `ssodh/init` that fails where a tickle is answered does
    /// not.
    unreachable: u32,
    /// Something else was answered meanwhile: it is the action that fails, not the road.
    heard: bool,
    /// How often something dearer was tried because an action went on failing, and when last; else when the
    /// outage began.
    escalations: u32,
    escalated: Instant,
    /// Logins that failed.
    logins: u32,
}

/// After so many refusals of an action in a row, what it builds on is given up; after so many failures of one
/// action while others are answered, something dearer is tried.
const GIVE_UP_AFTER: u32 = 3;
/// No answer so many times in a row: the host may be dead.
const HOST_MAY_BE_DEAD: u32 = 2;
/// No wait for a request that IBKR takes as it comes is longer, before jitter.
const LONGEST: Duration = Duration::from_secs(15);
/// No wait for a login is longer, before jitter.
const LONGEST_FOR_LOGIN: Duration = Duration::from_secs(40);
/// Before something dearer is tried against a server that answers everything with an error; doubled each
/// time.
const PATIENCE: Duration = Duration::from_secs(600);

impl Outage {
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            since: now,
            failed: BTreeMap::new(),
            refused: None,
            unanswered: 0,
            unreachable: 0,
            heard: false,
            escalations: 0,
            escalated: now,
            logins: 0,
        }
    }

    pub(super) fn count(&mut self, action: Action, is_unanswered: bool, is_look_up: bool) {
        *self.failed.entry(action).or_default() += 1;
        if is_unanswered {
            self.unanswered += 1;
            self.unreachable += u32::from(action != Action::SsodhInit && !is_look_up);
            // Then it is the road, whatever was heard before.
            self.heard &= self.unreachable < HOST_MAY_BE_DEAD;
        } else {
            let before = self.refused.filter(|(refused, _)| *refused == action).map_or(0, |(_, times)| times);
            self.refused = Some((action, before + 1));
            (self.unanswered, self.unreachable) = (0, 0);
        }
        self.logins += u32::from(action.logs_in());
    }

    /// Somebody has refused us, and is not asked again soon: that is no silence any more.
    pub(super) fn refuse(&mut self) {
        (self.unanswered, self.unreachable) = (0, 0);
    }

    /// Whether it is more than an answer that did not come.
    pub(super) fn is_notable(&self) -> bool {
        self.refused.is_some() || !(1..HOST_MAY_BE_DEAD).contains(&self.unanswered)
    }

    /// The host has answered an action.
    pub(super) fn host_answered(&mut self, action: Action) {
        self.failed.remove(&action);
        (self.unreachable, self.heard) = (0, true);
    }

    /// Whether to turn to the next of so many hosts: once the first is given up, each of the others gets one
    /// try, and after a round the first gets two again. If none answers it is the road, and the round ends
    /// where it began.
    pub(super) fn should_switch_host(&self, hosts: u32) -> bool {
        hosts > 1
            && self.unreachable > 0
            && (self.unreachable - 1) % (hosts + HOST_MAY_BE_DEAD - 1) >= HOST_MAY_BE_DEAD - 1
    }

    /// Whether every host has been asked in vain.
    pub(super) fn all_hosts_failed(&self, hosts: u32) -> bool {
        self.unreachable >= hosts + HOST_MAY_BE_DEAD - 1
    }

    /// Whether IBKR has refused the action so often that what it builds on is given up.
    pub(super) fn gives_up_ground(&self) -> bool {
        self.unanswered == 0 && self.refused.is_some_and(|(_, times)| times.is_multiple_of(GIVE_UP_AFTER))
    }

    /// Whether an action that goes on failing without a refusal has done so long enough for something dearer:
    /// it fails where others are answered, or a server is there that `answers` everything with an error.
    /// Rarer the more often that was done before.
    pub(super) fn escalates(&mut self, now: Instant, action: Action, answers: bool, before: u32) -> bool {
        let failed = self.failed.get(&action).copied().unwrap_or(0);
        let doubled = 1 << (self.escalations.max(before)).min(5);
        let alone = (self.heard || action == Action::Renew) && failed >= GIVE_UP_AFTER * doubled;
        let overdue = answers && now.saturating_duration_since(self.escalated) >= PATIENCE * doubled;
        let escalates = self.unanswered > 0 && (alone || overdue);
        if escalates {
            self.escalations += 1;
            self.escalated = now;
            self.failed.clear();
            self.heard = false;
        }
        escalates
    }

    /// Whether it is time to ask in another way whether the session lives.
    pub(super) fn should_ask_otherwise(&self) -> bool {
        self.unanswered.is_multiple_of(GIVE_UP_AFTER)
    }

    /// 1, 2, 4 … seconds before the next request; not among hosts that have not been asked yet.
    pub(super) fn wait(&self, hosts: u32) -> Duration {
        let refused = self.refused.map_or(0, |(_, times)| times);
        match self.should_switch_host(hosts) {
            true => doubled(1 + u32::from(self.all_hosts_failed(hosts))),
            false => doubled(self.unanswered.max(refused)).min(LONGEST),
        }
    }

    /// 1, 2, 4 … seconds before the next login. One that succeeded, but was refused by the first tickle,
    /// counts as failed.
    pub(super) fn login_wait(&self, unproven: u32) -> Duration {
        doubled(self.logins.max(unproven)).min(LONGEST_FOR_LOGIN)
    }
}

fn doubled(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[test]
    fn one_answer_that_did_not_come_is_not_notable_but_after_a_refusal_it_is() {
        let mut outage = Outage::begin(Bench::new().now.mono);
        outage.count(Action::Tickle, true, false);
        assert!(!outage.is_notable());
        outage.count(Action::Tickle, true, false);
        assert!(outage.is_notable());
        outage.count(Action::Tickle, false, false);
        outage.count(Action::Tickle, true, false);
        assert!(outage.is_notable());
    }

    #[test]
    fn dead_hosts_are_turned_from_in_rounds_of_which_the_first_gets_two_tries() {
        let mut outage = Outage::begin(Bench::new().now.mono);
        let mut switches = Vec::new();
        for _ in 0..8 {
            outage.count(Action::Tickle, true, false);
            switches.push((outage.should_switch_host(3), outage.all_hosts_failed(3)));
        }
        let is = |switches, all| (switches, all);
        let round = [is(false, true), is(true, true), is(true, true), is(true, true)];
        assert_eq!(switches[..4], [is(false, false), is(true, false), is(true, false), is(true, true)]);
        assert_eq!(switches[4..], round);
        assert!(!outage.should_switch_host(1));
        outage.host_answered(Action::Status);
        assert!(!outage.should_switch_host(3) && !outage.all_hosts_failed(3));
    }
}
