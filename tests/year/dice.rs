//! Chance from a seed: SplitMix64 (Steele, Lea and Flood), so that a year can be repeated exactly.

use std::ops::Range;

/// A source of chance. The same seed and name give the same throws.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of their own for each use, so that a change in one kind of trouble leaves the others as they
    /// were.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let salted = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salted)
    }

    /// Even over all numbers.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Even over 0 to 1, 1 excluded.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Even over a range.
    pub(crate) fn within(&mut self, range: Range<f64>) -> f64 {
        range.start + self.fraction() * (range.end - range.start)
    }

    /// Even over the orders of magnitude of a range: short ones are as likely as long ones.
    pub(crate) fn scaled(&mut self, range: Range<f64>) -> f64 {
        self.within(range.start.ln()..range.end.ln()).exp()
    }

    /// The wait for something that comes by itself, every `mean` on average.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.fraction()).ln()
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }
}
