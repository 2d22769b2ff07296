//! How long to wait before a step is tried again.

use std::time::Duration;

use crate::Retry;

/// Cap on the part of a wait that is jittered.
const PROLONGED: Duration = Duration::from_secs(60);

/// Spreads waits, so that many clients cut off at once do not come back at once. SplitMix64: seeded and
/// repeatable.
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One that goes its own way from here.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// `wait`, prolonged by up to a half, 30 s at most. Never shortened: the server may not have been ready
    /// before.
    pub(crate) fn prolong(&mut self, wait: Duration) -> Duration {
        wait + wait.min(PROLONGED).mul_f64((self.next() >> 11) as f64 / (1_u64 << 53) as f64 / 2.0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Retry {
    /// The wait after the `failures`-th failure when the server asks for at least `asked`; `None` to give up.
    pub(crate) fn wait(&self, failures: u32, asked: Duration) -> Option<Duration> {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest);
        (failures < self.attempts && asked <= self.longest).then(|| doubled.max(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let retry = Retry { attempts: 9, first: Duration::from_secs(1), longest: Duration::from_secs(20) };
        let waits: Vec<_> =
            (1..=9).map(|n| retry.wait(n, Duration::ZERO).map(|wait| wait.as_secs())).collect();
        let mut expected: Vec<_> = [1, 2, 4, 8, 16, 20, 20, 20].map(Some).to_vec();
        expected.push(None);
        assert_eq!(waits, expected);
    }

    #[test]
    fn the_server_may_ask_for_more_but_not_for_too_much() {
        let retry = Retry::default();
        assert_eq!(retry.wait(1, Duration::from_secs(7)), Some(Duration::from_secs(7)));
        assert_eq!(retry.wait(1, Duration::from_secs(600)), None);
    }

    #[test]
    fn jitter_only_prolongs_and_repeats() {
        let (mut one, mut two) = (Jitter::new(7), Jitter::new(7));
        let second = Duration::from_secs(1);
        for _ in 0..1000 {
            let wait = one.prolong(second);
            assert!((second..second * 3 / 2).contains(&wait));
            assert_eq!(wait, two.prolong(second));
        }
        let penalty = Duration::from_secs(600);
        assert!((0..1000).all(|_| one.prolong(penalty) <= penalty + Duration::from_secs(30)));
    }
}
