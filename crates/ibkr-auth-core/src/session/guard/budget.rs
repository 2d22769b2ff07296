//! So many in an hour, so many in a day. A wall lets all of them through as they come, a brake only half of
//! them: the other half is spread over the time, so that the next one is never far.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::history;
use crate::{LoginBudget, Now};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Against a server on this machine there is no limit, and a history stays small all the same.
const REMEMBERED: usize = 1_000;

#[derive(Debug, Clone)]
pub(super) struct Budget {
    limit: LoginBudget,
    is_brake: bool,
    /// When it was spent, oldest first: the last day alone.
    spent: VecDeque<Instant>,
    /// The same, of what does not count any more.
    forgiven: VecDeque<Instant>,
}

impl Budget {
    pub(super) fn brake(limit: LoginBudget) -> Self {
        Self { limit, is_brake: true, spent: VecDeque::new(), forgiven: VecDeque::new() }
    }

    pub(super) fn wall(limit: LoginBudget) -> Self {
        Self { is_brake: false, ..Self::brake(limit) }
    }

    pub(super) fn set_limit(&mut self, limit: LoginBudget) {
        self.limit = limit;
    }

    pub(super) fn spend(&mut self, now: Instant) {
        self.spent.push_back(now);
        self.settle(now);
    }

    /// What was spent before this session began, in seconds since 1970.
    pub(super) fn recall(&mut self, times: &[u64], now: Now) {
        let recent = times.iter().filter_map(|at| {
            let ago = history::ago(*at, now.wall);
            // A machine that has just started cannot tell so early a time; what matters for the hour counts
            // as of now.
            now.mono.checked_sub(ago).or((ago < HOUR).then_some(now.mono))
        });
        self.spent.extend(recent);
        self.settle(now.mono);
    }

    /// The same, for the next session.
    pub(super) fn times(&self, now: Now) -> Vec<u64> {
        self.forgiven.iter().chain(&self.spent).map(|at| history::seconds(*at, now)).collect()
    }

    /// Begins anew. What was spent is still told to the next session.
    pub(super) fn forgive(&mut self) {
        self.forgiven.append(&mut self.spent);
    }

    fn settle(&mut self, now: Instant) {
        self.spent.make_contiguous().sort_unstable();
        for times in [&mut self.spent, &mut self.forgiven] {
            let is_old = |at: &Instant| now.saturating_duration_since(*at) >= DAY;
            while times.len() > REMEMBERED || times.front().is_some_and(is_old) {
                times.pop_front();
            }
        }
    }

    /// What was spent then had no effect on the server.
    pub(super) fn refund(&mut self, at: Instant) {
        if let Some(index) = self.spent.iter().rposition(|spent| *spent == at) {
            self.spent.remove(index);
        }
    }

    /// The same of what was spent last.
    pub(super) fn refund_last(&mut self) {
        self.spent.pop_back();
    }

    /// From when on it may be spent again; `None` when it may now.
    pub(super) fn free_at(&self, now: Instant) -> Option<Instant> {
        let hour = self.frees(self.limit.per_hour, HOUR, now);
        hour.max(self.frees(self.limit.per_day, DAY, now))
    }

    fn frees(&self, count: usize, window: Duration, now: Instant) -> Option<Instant> {
        let count = count.max(1);
        let at_once = if self.is_brake { count.div_ceil(2) } else { count };
        let recent = self.spent.iter().filter(|at| now.saturating_duration_since(**at) < window).count();
        if recent < at_once {
            return None;
        }
        let apart = window / u32::try_from(count - at_once + 1).unwrap_or(u32::MAX);
        let next = *self.spent.back()? + apart;
        let oldest_in_the_way = self.spent.len().checked_sub(count).and_then(|index| self.spent.get(index));
        let wall = oldest_in_the_way.map(|oldest| *oldest + window);
        Some(next).max(wall).filter(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[test]
    fn what_was_spent_before_counts() {
        let now = Bench::new().now;
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let mut budget = Budget::brake(LoginBudget { per_hour: 2, per_day: 3 });
        let times = [50, 10, 90, 2_000].map(|ago| history::seconds(now.mono, now) - 60 * ago);
        budget.recall(&times, now);
        assert_eq!(budget.free_at(now.mono), Some(now.mono - minutes(90) + DAY));
        budget.set_limit(LoginBudget { per_hour: 2, per_day: 9 });
        assert_eq!(budget.free_at(now.mono), Some(now.mono + minutes(20)), "half an hour after the last");
        budget.forgive();
        assert_eq!(budget.free_at(now.mono), None);
        assert_eq!(budget.times(now), [times[2], times[0], times[1]], "of the last day, oldest first");
    }

    #[test]
    fn neither_the_hour_nor_the_day_is_overdrawn() {
        let mut now = Bench::new().now.mono;
        let mut budget = Budget::brake(LoginBudget { per_hour: 3, per_day: 5 });
        let mut spent: Vec<Instant> = Vec::new();
        for _ in 0..50 {
            match budget.free_at(now) {
                Some(at) => now = at,
                None => {
                    budget.spend(now);
                    spent.push(now);
                    now += Duration::from_secs(60);
                }
            }
        }
        for window in spent.windows(4) {
            assert!(window[3] - window[0] >= HOUR);
        }
        for window in spent.windows(6) {
            assert!(window[5] - window[0] >= DAY);
        }
        assert!(spent.len() > 10);
    }

    #[test]
    fn it_is_a_brake_and_not_a_wall() {
        let mut now = Bench::new().now.mono;
        let mut budget = Budget::brake(LoginBudget::default());
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            match budget.free_at(now) {
                Some(at) => (longest, now) = (longest.max(at - now), at),
                None => {
                    budget.spend(now);
                    now += Duration::from_secs(10);
                }
            }
        }
        assert!(longest < Duration::from_secs(9 * 60), "{longest:?}");
    }
}
