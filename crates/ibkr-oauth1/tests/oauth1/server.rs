//! The other side, written from the protocol with plain loops: numbers as limbs of 64 bits, a base string of
//! strings. Of the primitives it has HMAC and base64 in common with the crate, nothing else.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

/// A number below 2^(64 n), its lowest limb first.
type Limbs = Vec<u64>;

pub(crate) struct Server {
    prime: Limbs,
    /// -1 / prime modulo 2^64.
    negative_inverse: u64,
    /// 2^(64 n) and 2^(128 n) modulo the prime.
    one: Limbs,
    square: Limbs,
}

impl Server {
    pub(crate) fn new(prime: &str) -> Self {
        let prime = limbs(prime, prime.len().div_ceil(16));
        let n = prime.len();
        // Newton: each step doubles the number of bits that are right.
        let inverse = (0..6).fold(prime[0], |inverse, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(prime[0].wrapping_mul(inverse)))
        });
        let mut power = vec![0; n];
        power[0] = 1;
        let mut powers = Vec::new();
        for bit in 1..=128 * n {
            power = doubled(&power, &prime);
            if bit % (64 * n) == 0 {
                powers.push(power.clone());
            }
        }
        let [one, square] = powers.try_into().unwrap();
        Self { prime, negative_inverse: inverse.wrapping_neg(), one, square }
    }

    /// `base` to the power of `exponent` (big-endian bytes) modulo the prime.
    pub(crate) fn power(&self, base: &[u64], exponent: &[u8]) -> Limbs {
        let base = self.product(base, &self.square);
        let mut power = self.one.clone();
        for bit in exponent.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)) {
            power = self.product(&power, &power);
            if bit == 1 {
                power = self.product(&power, &base);
            }
        }
        let mut plain_one = vec![0; self.prime.len()];
        plain_one[0] = 1;
        self.product(&power, &plain_one)
    }

    /// Montgomery's: a b / 2^(64 n) modulo the prime.
    fn product(&self, a: &[u64], b: &[u64]) -> Limbs {
        let n = self.prime.len();
        let mut sum = vec![0_u64; 2 * n + 1];
        for (place, digit) in a.iter().enumerate() {
            add_multiple(&mut sum[place..], b, *digit);
            let multiple = sum[place].wrapping_mul(self.negative_inverse);
            add_multiple(&mut sum[place..], &self.prime, multiple);
        }
        reduced(sum[n..2 * n].to_vec(), sum[2 * n] != 0, &self.prime)
    }

    pub(crate) fn number(&self, hex: &str) -> Limbs {
        limbs(hex, self.prime.len())
    }

    pub(crate) fn small(&self, number: u64) -> Limbs {
        let mut limbs = vec![0; self.prime.len()];
        limbs[0] = number;
        limbs
    }
}

fn add_multiple(sum: &mut [u64], b: &[u64], factor: u64) {
    let (low, high) = sum.split_at_mut(b.len());
    let mut carry = 0_u128;
    for (limb, b) in low.iter_mut().zip(b) {
        carry += u128::from(*limb) + u128::from(*b) * u128::from(factor);
        *limb = carry as u64;
        carry >>= 64;
    }
    // A carry goes no further.
    for limb in high.iter_mut().take(2) {
        carry += u128::from(*limb);
        *limb = carry as u64;
        carry >>= 64;
    }
}

fn doubled(number: &[u64], prime: &[u64]) -> Limbs {
    let mut carry = 0;
    let shifted = number.iter().map(|limb| {
        let shifted = limb << 1 | carry;
        carry = limb >> 63;
        shifted
    });
    let shifted = shifted.collect();
    reduced(shifted, carry == 1, prime)
}

/// Less the prime, once, if it is not below it.
fn reduced(number: Limbs, has_carry: bool, prime: &[u64]) -> Limbs {
    let is_below = number.iter().rev().lt(prime.iter().rev());
    if is_below && !has_carry {
        return number;
    }
    let mut borrow = false;
    let difference = number.iter().zip(prime).map(|(limb, prime)| {
        let (once, first) = limb.overflowing_sub(*prime);
        let (twice, second) = once.overflowing_sub(u64::from(borrow));
        borrow = first || second;
        twice
    });
    difference.collect()
}

fn limbs(hex: &str, count: usize) -> Limbs {
    let padded = format!("{hex:0>width$}", width = 16 * count);
    let chunks = padded.as_bytes().chunks(16).rev();
    chunks.map(|digits| u64::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap()).collect()
}

/// In small digits without leading zeros, as `BigInteger.toString(16)` has it.
pub(crate) fn hex(number: &[u64]) -> String {
    let digits: String = number.iter().rev().map(|limb| format!("{limb:016x}")).collect();
    digits.trim_start_matches('0').to_owned()
}

pub(crate) fn bit_length(number: &[u64]) -> usize {
    let digits = hex(number);
    let first = digits.chars().next().and_then(|digit| digit.to_digit(16)).unwrap_or(0);
    (digits.len() * 4).saturating_sub(first.leading_zeros() as usize - 28)
}

/// `BigInteger.toByteArray`: bitLength / 8 + 1 bytes.
pub(crate) fn to_byte_array(number: &[u64]) -> Vec<u8> {
    let little_endian: Vec<u8> = number.iter().flat_map(|limb| limb.to_le_bytes()).chain([0]).collect();
    little_endian[..bit_length(number) / 8 + 1].iter().rev().copied().collect()
}

pub(crate) fn hmac_sha1(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), data).as_ref().to_vec()
}

/// Whether a header signs this request, with the query merged.
pub(crate) fn accepts(
    header: &str,
    method: &str,
    url: &str,
    query: &[(String, String)],
    token: &[u8],
) -> bool {
    let parameters = header.strip_prefix("OAuth ").unwrap().split(", ").map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), decoded(value.trim_matches('"')))
    });
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in parameters.chain(query.iter().cloned()) {
        all.entry(name).or_default().push(value);
    }
    assert!(all.remove("realm").is_some());
    let signature = all.remove("oauth_signature").unwrap().remove(0);
    let mut text = Vec::new();
    for (name, mut values) in all {
        values.sort();
        text.extend(values.into_iter().map(|value| format!("{name}={value}")));
    }
    let base_string = format!("{method}&{}&{}", encoded(url), encoded(&text.join("&")));
    let key = hmac::Key::new(hmac::HMAC_SHA256, token);
    hmac::verify(&key, base_string.as_bytes(), &STANDARD.decode(signature).unwrap()).is_ok()
}

pub(crate) fn encoded(text: &str) -> String {
    let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let one = |byte: u8| if unreserved(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(piece[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}
