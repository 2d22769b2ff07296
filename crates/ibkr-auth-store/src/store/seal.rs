//! A line in front of the content that tells its length and digest, so that a part of it is not taken for the
//! whole.

use ring::digest::{SHA256, digest as sha256};
use zeroize::Zeroizing;

const MARK: &str = "ibkr-auth-session 1";

/// The digest of some texts, in hexadecimal.
pub(crate) fn digest(parts: &[impl AsRef<str>]) -> String {
    let mut all = Zeroizing::new(Vec::new());
    for part in parts.iter().map(AsRef::as_ref) {
        // The length keeps ["ab", "c"] and ["a", "bc"] apart.
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part.as_bytes());
    }
    hex(&all)
}

pub(super) fn close(content: &[u8]) -> Zeroizing<Vec<u8>> {
    let head = format!("{MARK} {} {}\n", content.len(), hex(content));
    let mut sealed = Zeroizing::new(Vec::with_capacity(head.len() + content.len()));
    sealed.extend_from_slice(head.as_bytes());
    sealed.extend_from_slice(content);
    sealed
}

/// The content, if it is whole.
pub(super) fn open(sealed: &[u8]) -> Option<&[u8]> {
    let end = sealed.iter().position(|byte| *byte == b'\n')?;
    let (head, content) = (&sealed[..end], &sealed[end + 1..]);
    let expected = format!("{MARK} {} {}", content.len(), hex(content));
    (head == expected.as_bytes()).then_some(content)
}

fn hex(content: &[u8]) -> String {
    sha256(&SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_closed_opens() {
        assert_eq!(open(&close(b"{}")), Some(&b"{}"[..]));
        assert_eq!(open(&close(b"")), Some(&b""[..]));
    }

    #[test]
    fn no_part_and_no_change_opens() {
        let sealed = close(br#"{"kept":null}"#);
        for end in 0..sealed.len() {
            assert_eq!(open(&sealed[..end]), None, "cut at {end}");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.to_vec();
            changed[at] ^= 1;
            assert_eq!(open(&changed), None, "changed at {at}");
        }
        assert_eq!(open(&[&sealed[..], b" "].concat()), None);
    }

    #[test]
    fn digests_keep_the_parts_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
