//! Chance from a seed, so that whatever it brings can be brought again.

use std::time::Duration;

/// SplitMix64 (Steele, Lea and Flood).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The same seed gives the same throws.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Even over all numbers.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Even over 0 to `end`, without `end` itself.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// True so many times in a thousand.
    pub fn per_mille(&mut self, share: u32) -> bool {
        self.number() % 1000 < u64::from(share)
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Between these, in milliseconds; short ones are as likely as long ones.
    pub fn time(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let (low, high) = (shortest.as_millis().max(1) as f64, longest.as_millis().max(1) as f64);
        let fraction = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::from_millis((low.ln() + fraction * (high.ln() - low.ln())).exp() as u64)
    }
}
