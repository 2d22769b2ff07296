//! So many in an hour, so many in a day.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::LoginBudget;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) struct Budget {
    limit: LoginBudget,
    /// When it was spent, oldest first: the last day alone.
    spent: VecDeque<Instant>,
}

impl Budget {
    pub(super) fn new(limit: LoginBudget) -> Self {
        Self { limit, spent: VecDeque::new() }
    }

    pub(super) fn set_limit(&mut self, limit: LoginBudget) {
        self.limit = limit;
    }

    pub(super) fn spend(&mut self, now: Instant) {
        self.spent.push_back(now);
    }

    /// What was spent so long ago, before this session began.
    pub(super) fn recall(&mut self, ago: Vec<Duration>, now: Instant) {
        for ago in ago.into_iter().filter(|ago| *ago < DAY) {
            // A machine that has just started cannot tell so early a time; what matters for the hour counts as of now.
            let at = now.checked_sub(ago).or((ago < HOUR).then_some(now));
            self.spent.extend(at);
        }
        self.spent.make_contiguous().sort_unstable();
    }

    /// What was spent last had no effect on the server.
    pub(super) fn refund(&mut self) {
        self.spent.pop_back();
    }

    /// From when on it may be spent again; `None` when it may now.
    pub(super) fn free_at(&mut self, now: Instant) -> Option<Instant> {
        while self.spent.front().is_some_and(|first| now.saturating_duration_since(*first) >= DAY) {
            self.spent.pop_front();
        }
        let frees = |count: usize, window: Duration| {
            let oldest_in_the_way = self.spent.len().checked_sub(count.max(1))?;
            Some(*self.spent.get(oldest_in_the_way)? + window).filter(|at| *at > now)
        };
        frees(self.limit.per_hour, HOUR).max(frees(self.limit.per_day, DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[test]
    fn what_was_spent_before_counts() {
        let now = Bench::new().now.mono + DAY;
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let mut budget = Budget::new(LoginBudget { per_hour: 2, per_day: 3 });
        budget.recall(vec![minutes(50), minutes(10), minutes(90), minutes(2_000)], now);
        assert_eq!(budget.free_at(now), Some(now - minutes(90) + DAY));
        budget.set_limit(LoginBudget { per_hour: 2, per_day: 9 });
        assert_eq!(budget.free_at(now), Some(now + minutes(10)));
    }

    #[test]
    fn neither_the_hour_nor_the_day_is_overdrawn() {
        let mut now = Bench::new().now.mono;
        let mut budget = Budget::new(LoginBudget { per_hour: 3, per_day: 5 });
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
}
