//! Large numbers: Diffie-Hellman, the DER of keys, and RSA encryption. Written from IBKR's description, and
//! with another library than any client of this workspace.

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_jws::pem_file;
use num_bigint::BigUint;
use ring::hmac;

/// A number in hexadecimal digits, and nothing else: the library itself would take a sign and underscores.
pub(crate) fn from_hex(text: &str) -> Option<BigUint> {
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| BigUint::parse_bytes(text.as_bytes(), 16)).flatten()
}

/// As Java's `BigInteger.toByteArray` has it: with a zero before a first bit that is set.
pub(crate) fn java_bytes(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if number.bits().is_multiple_of(8) && bytes != [0] {
        bytes.insert(0, 0);
    }
    bytes
}

pub(crate) fn hmac_sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

/// RSA-PKCS1-v1_5 of a text that fits, in base64. `padding` is drawn from until there is enough.
pub(crate) fn encrypted(
    modulus: &BigUint,
    exponent: &BigUint,
    text: &[u8],
    padding: impl Iterator<Item = u8>,
) -> String {
    let length = usize::try_from(modulus.bits().div_ceil(8)).unwrap_or(0);
    let mut block = vec![0, 2];
    block.extend(padding.filter(|byte| *byte != 0).take(length.saturating_sub(text.len() + 3)));
    block.push(0);
    block.extend_from_slice(text);
    let bytes = BigUint::from_bytes_be(&block).modpow(exponent, modulus).to_bytes_be();
    let mut whole = vec![0; length.saturating_sub(bytes.len())];
    whole.extend(bytes);
    STANDARD.encode(whole)
}

/// Modulus and exponent of the first RSA public key in a PEM file.
pub(crate) fn rsa_public_key(pem: &[u8]) -> Option<[BigUint; 2]> {
    pem_file::blocks(pem).iter().find_map(|block| {
        let der = block.content.as_ref().ok()?;
        let key = match block.label.as_str() {
            "RSA PUBLIC KEY" => integers(der)?,
            "PUBLIC KEY" => {
                let (SEQUENCE, info, _) = value(der)? else { return None };
                let (SEQUENCE, _, rest) = value(info)? else { return None };
                let (BIT_STRING, bits, _) = value(rest)? else { return None };
                integers(bits.strip_prefix(&[0])?)?
            }
            _ => return None,
        };
        key.try_into().ok()
    })
}

/// Prime and generator of the first `DH PARAMETERS` in a PEM file. A third number, the length of exponents,
/// may follow.
pub(crate) fn dh_parameters(pem: &[u8]) -> Option<[BigUint; 2]> {
    pem_file::blocks(pem).iter().find_map(|block| {
        let der = block.content.as_ref().ok().filter(|_| block.label == "DH PARAMETERS")?;
        let mut numbers = integers(der)?.into_iter();
        Some([numbers.next()?, numbers.next()?])
    })
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// The numbers in a sequence of nothing else.
fn integers(der: &[u8]) -> Option<Vec<BigUint>> {
    let (SEQUENCE, mut rest, _) = value(der)? else { return None };
    let mut numbers = Vec::new();
    while !rest.is_empty() {
        let (INTEGER, bytes, next) = value(rest)? else { return None };
        numbers.push(BigUint::from_bytes_be(bytes));
        rest = next;
    }
    Some(numbers)
}

/// The first value in some DER: its tag, what is in it, and what comes after.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x80 | 0x85.. => return None,
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        short => (usize::from(*short), rest),
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}
