//! So many in an hour, so many in a day. A wall lets all of them through as they come, a brake only half of them: the other
//! half is spread over the time, so that the next one is never far.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::LoginBudget;
use crate::Error;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) struct Budget {
    limit: LoginBudget,
    is_brake: bool,
    /// When it was spent, oldest first: the last day alone.
    spent: VecDeque<Instant>,
    /// What was spent so long before the first look at a clock.
    recalled: Vec<Duration>,
}

/// How far the signed requests of a login came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::session) enum Reach {
    /// None left this machine for IBKR.
    #[default]
    Nowhere,
    /// One did, but what answered does not count logins.
    Sent,
    /// IBKR may have counted it.
    Counted,
}

impl Reach {
    /// How far a signed request came that was answered, or failed, so.
    pub(in crate::session) fn of<T>(result: &Result<T, Error>) -> Self {
        result.as_ref().err().map_or(Self::Counted, Self::of_failure)
    }

    /// How far one came that failed so.
    pub(super) fn of_failure(error: &Error) -> Self {
        match error.may_have_been_executed() {
            false => Self::Nowhere,
            true if error.may_count_as_login() => Self::Counted,
            true => Self::Sent,
        }
    }
}

impl Budget {
    pub(super) fn brake(limit: LoginBudget) -> Self {
        Self { limit, is_brake: true, spent: VecDeque::new(), recalled: Vec::new() }
    }

    pub(super) fn wall(limit: LoginBudget) -> Self {
        Self { is_brake: false, ..Self::brake(limit) }
    }

    pub(super) fn set_limit(&mut self, limit: LoginBudget) {
        self.limit = limit;
    }

    pub(super) fn spend(&mut self, now: Instant) {
        self.settle(now);
        self.spent.push_back(now);
    }

    /// What was spent so long ago, before this session began.
    pub(super) fn recall(&mut self, ago: &[Duration]) {
        self.recalled.extend(ago.iter().filter(|ago| **ago < DAY));
    }

    fn settle(&mut self, now: Instant) {
        for ago in std::mem::take(&mut self.recalled) {
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
        self.settle(now);
        while self.spent.front().is_some_and(|first| now.saturating_duration_since(*first) >= DAY) {
            self.spent.pop_front();
        }
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
        let now = Bench::new().now.mono + DAY;
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let mut budget = Budget::brake(LoginBudget { per_hour: 2, per_day: 3 });
        budget.recall(&[minutes(50), minutes(10), minutes(90), minutes(2_000)]);
        assert_eq!(budget.free_at(now), Some(now - minutes(90) + DAY));
        budget.set_limit(LoginBudget { per_hour: 2, per_day: 9 });
        assert_eq!(budget.free_at(now), Some(now + minutes(20)), "half an hour after the last");
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
