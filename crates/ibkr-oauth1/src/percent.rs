//! Percent-encoding (RFC 3986 §2.1), and the decoding of `application/x-www-form-urlencoded`.

/// Appends `bytes`, all but the unreserved characters (RFC 3986 §2.3) as `%` and two capital digits.
pub(crate) fn encode(bytes: &[u8], into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(*byte));
        } else {
            into.push('%');
            into.push(char::from(DIGITS[usize::from(byte >> 4)]));
            into.push(char::from(DIGITS[usize::from(byte & 0xF)]));
        }
    }
}

/// The text with all but the unreserved characters (RFC 3986 §2.3) percent-encoded: for the query of an
/// address.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode(text.as_bytes(), &mut encoded);
    encoded
}

/// What a server reads: `+` is a space, a `%` without two digits behind it stays as it is.
pub(crate) fn decode_form(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push((digit(*high) << 4) | digit(*low));
                after
            }
            [b'+', after @ ..] => {
                decoded.push(b' ');
                after
            }
            [byte, after @ ..] => {
                decoded.push(*byte);
                after
            }
            [] => return decoded,
        };
    }
}

fn digit(ascii: u8) -> u8 {
    match ascii {
        b'0'..=b'9' => ascii - b'0',
        _ => (ascii | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        let mut into = String::new();
        encode(text.as_bytes(), &mut into);
        into
    }

    #[test]
    fn all_but_the_unreserved_are_encoded() {
        let unreserved = "ABCXYZabcxyz0189-._~";
        assert_eq!(encoded(unreserved), unreserved);
        assert_eq!(encoded(" /+%&=,:|@!*'()"), "%20%2F%2B%25%26%3D%2C%3A%7C%40%21%2A%27%28%29");
        assert_eq!(encoded("é€\0"), "%C3%A9%E2%82%AC%00");
    }

    #[test]
    fn every_byte_comes_back() {
        let every: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        encode(&every, &mut text);
        assert_eq!(decode_form(text.as_bytes()), every);
        assert_eq!(decode_form(text.to_ascii_lowercase().replace("%2b", "+").as_bytes()).len(), 256);
    }

    #[test]
    fn forms_are_read_as_servers_read_them() {
        for (text, decoded) in [
            ("a+b%20c", "a b c"),
            ("%2C%2c,", ",,,"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%4G", "%zz%4G"),
            ("%%41", "%A"),
            ("%+1", "% 1"),
            ("", ""),
        ] {
            assert_eq!(decode_form(text.as_bytes()), decoded.as_bytes(), "{text}");
        }
        assert_eq!(decode_form(b"%FF+\xFF"), b"\xFF \xFF");
    }
}
