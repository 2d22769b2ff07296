//! Hexadecimal numbers as IBKR and people write them.

use zeroize::Zeroizing;

/// Appends two small digits a byte. No digit is looked up by what may be a secret.
pub(crate) fn encode(bytes: &[u8], into: &mut String) {
    for byte in bytes {
        into.push(digit(byte >> 4));
        into.push(digit(byte & 0xF));
    }
}

/// `0` to `9` are 39 below where `a` to `f` go on.
fn digit(nibble: u8) -> char {
    let above_nine = 9_u8.wrapping_sub(nibble) >> 7;
    char::from(b'0' + nibble + above_nine * 39)
}

/// The number as it is written by hand: small digits without leading zeros.
pub(crate) fn encode_number(big_endian: &[u8]) -> String {
    let mut text = String::with_capacity(2 * big_endian.len());
    encode(big_endian, &mut text);
    let significant = text.trim_start_matches('0');
    if significant.is_empty() { "0".to_owned() } else { significant.to_owned() }
}

/// A number of any number of digits, an odd one too; `None` unless there are digits, and nothing else.
pub(crate) fn decode_number(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len().div_ceil(2)));
    // The first byte has a digit of its own where their number is odd.
    let (first, rest) = text.as_bytes().split_at(text.len() % 2);
    for digits in first.chunks(1).chain(rest.chunks(2)) {
        let mut byte = 0;
        for digit in digits {
            byte = byte << 4 | char::from(*digit).to_digit(16)?;
        }
        bytes.push(u8::try_from(byte).ok()?);
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_digits() {
        for byte in 0..=255_u8 {
            let mut text = String::new();
            encode(&[byte], &mut text);
            assert_eq!(text, format!("{byte:02x}"));
            assert_eq!(*decode_number(&text).unwrap(), [byte]);
            assert_eq!(*decode_number(&text.to_ascii_uppercase()).unwrap(), [byte]);
        }
    }

    #[test]
    fn numbers_may_have_an_odd_number_of_digits() {
        assert_eq!(*decode_number("abc").unwrap(), [0x0A, 0xBC]);
        assert_eq!(*decode_number("0abc").unwrap(), [0x0A, 0xBC]);
        assert_eq!(*decode_number("0").unwrap(), [0]);
        assert_eq!(encode_number(&[0, 0, 0x0A, 0xBC]), "abc");
        assert_eq!(encode_number(&[0x10, 0]), "1000");
        assert_eq!(encode_number(&[0]), "0");
        assert_eq!(encode_number(&[]), "0");
    }

    #[test]
    fn nothing_but_digits_is_read() {
        for text in ["", " 1", "1 ", "0x1", "g", "1g", "-1", "+1", "é", "1é", "a:b"] {
            assert!(decode_number(text).is_none(), "{text}");
        }
    }
}
