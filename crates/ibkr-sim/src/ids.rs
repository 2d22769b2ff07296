//! Identifiers that look random and are not: the same seed gives the same run.

use ring::{digest, hmac};

/// Makes identifiers from a seed and a counter.
#[derive(Debug)]
pub(crate) struct Ids {
    key: hmac::Key,
    seed: u64,
    counter: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes()), seed, counter: 0 }
    }

    /// `digits` lowercase hexadecimal digits, 64 at most, never the same twice.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = hex(&self.bytes());
        text.truncate(digits);
        text
    }

    /// 32 bytes, never the same twice.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        self.counter += 1;
        hmac::sign(&self.key, &self.counter.to_be_bytes()).as_ref().to_vec()
    }

    /// In the form of a UUID, never the same twice.
    pub(crate) fn uuid(&mut self) -> String {
        let digits = self.hex(32);
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
        parts.join("-")
    }

    /// A bearer as IBKR shapes it: an HS256 JWT.
    pub(crate) fn sign(&self, signing_input: &str) -> Vec<u8> {
        hmac::sign(&self.key, signing_input.as_bytes()).as_ref().to_vec()
    }

    /// The same digits for the same name and seed.
    pub(crate) fn hex_of(&self, name: &str, digits: usize) -> String {
        let mut text = sha256_hex(format!("{}/{name}", self.seed).as_bytes());
        text.truncate(digits);
        text
    }

    /// A well-formed MAC address that belongs to a name.
    pub(crate) fn mac_of(&self, name: &str) -> String {
        let digits = self.hex_of(name, 10).to_uppercase();
        // 98: a globally unique, unicast prefix, like the one in IBKR's example.
        let pairs = digits.as_bytes().chunks(2).map(String::from_utf8_lossy);
        std::iter::once("98".into()).chain(pairs).collect::<Vec<_>>().join(":")
    }

    /// A number that belongs to a name.
    pub(crate) fn number_of(name: &str) -> u64 {
        digest::digest(&digest::SHA256, name.as_bytes())
            .as_ref()
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// The SHA-256 of some bytes in lowercase hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Bytes in lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

/// Steele, Lea and Flood's SplitMix64: whether a fault with a probability strikes.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// True with this probability.
    pub(crate) fn strikes(&mut self, chance: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // 53 bits fill a double's mantissa exactly.
        ((mixed >> 11) as f64) < chance * 9_007_199_254_740_992.0
    }
}
