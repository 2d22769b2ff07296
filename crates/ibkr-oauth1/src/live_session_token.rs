//! The live session token: derived by both sides, proved by IBKR, then the key of every signature.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use zeroize::Zeroizing;

use crate::{AccessTokenSecret, SharedSecret, hex};

/// The key that all requests but the three for tokens are signed with. It lives for about 24 hours: IBKR says
/// until when in `live_session_token_expiration`.
///
/// It is a credential: `Debug` hides it, memory is wiped on drop, [`to_base64`](Self::to_base64) is the one
/// way to read it.
#[derive(Clone)]
pub struct LiveSessionToken(Zeroizing<[u8; LENGTH]>);

/// Of HMAC-SHA1, in bytes.
const LENGTH: usize = 20;

impl LiveSessionToken {
    /// What IBKR derives as well: HMAC-SHA1 of the access token secret, keyed by the shared secret (O OAPDF).
    ///
    /// Ask whether it [proves itself](Self::proves_itself) before anything is signed with it.
    pub fn derive(shared: &SharedSecret, secret: &AccessTokenSecret) -> Self {
        let tag = hmac::sign(&sha1(shared.bytes()), secret.bytes());
        let mut token = Zeroizing::new([0; LENGTH]);
        token.copy_from_slice(tag.as_ref());
        Self(token)
    }

    /// Whether IBKR has derived the same one: `signature_hex` is the `live_session_token_signature` of its
    /// answer, the HMAC-SHA1 of the consumer key (O OAPDF). Takes the same time wherever the two differ.
    ///
    /// Where it says `false`, the access token secret, the DH parameters or the consumer key are not those
    /// that IBKR has; nothing that is signed with this token will be accepted.
    pub fn proves_itself(&self, consumer_key: &str, signature_hex: &str) -> bool {
        // Digits in pairs: what is shorter is no HMAC.
        let signature = (signature_hex.len() == 2 * LENGTH).then(|| hex::decode_number(signature_hex));
        signature.flatten().is_some_and(|signature| {
            hmac::verify(&sha1(&*self.0), consumer_key.as_bytes(), &signature).is_ok()
        })
    }

    /// IBKR's side of [`proves_itself`](Self::proves_itself), for servers and tests: what it sends as
    /// `live_session_token_signature`.
    pub fn proof(&self, consumer_key: &str) -> String {
        let tag = hmac::sign(&sha1(&*self.0), consumer_key.as_bytes());
        let mut text = String::with_capacity(2 * LENGTH);
        hex::encode(tag.as_ref(), &mut text);
        text
    }

    /// Reads what [`to_base64`](Self::to_base64) has written; `None` unless it is the base64 of 20 bytes.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
        let mut token = Zeroizing::new([0; LENGTH]);
        if bytes.len() != LENGTH {
            return None;
        }
        token.copy_from_slice(&bytes);
        Some(Self(token))
    }

    /// The form in which IBKR's own examples show and keep it. Whoever holds it can act as the user until it
    /// expires: never log it.
    pub fn to_base64(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH.div_ceil(3) * 4));
        STANDARD.encode_string(*self.0, &mut text);
        text
    }

    /// Signs a base string: the base64 of its HMAC-SHA256, not yet percent-encoded.
    pub fn sign(&self, base_string: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.0);
        STANDARD.encode(hmac::sign(&key, base_string))
    }
}

fn sha1(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key)
}

impl fmt::Debug for LiveSessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveSessionToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K of a published exchange (V1 of `tests/vectors.rs`), 256 bits long, and its access token secret.
    const SHARED: &str = "8d150c0e633a2aa00ee9d2da768e3717be0b7dba6a6e10f9e8b18c11ef89d0c0";
    const SECRET: &str = "be35c67ffb0452d0547c0d929565f7d1404cef05a63b582c496e3c401fd92603";

    #[test]
    fn without_its_sign_the_shared_secret_gives_another_token() {
        let secret = hex::decode_number(SECRET).unwrap();
        let token = |shared: &[u8]| STANDARD.encode(hmac::sign(&sha1(shared), &secret));
        let shared = hex::decode_number(SHARED).unwrap();
        assert_eq!(token(&shared), "nV80q8AZg0vRuQrNOa/7qFsn4PE=");
        assert_eq!(token(&[&[0], shared.as_slice()].concat()), "vF0KfK5239p+7JfUbJmqFJFGkCE=");
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let text = "vF0KfK5239p+7JfUbJmqFJFGkCE=";
        let token = LiveSessionToken::from_base64(text).unwrap();
        assert_eq!(*token.to_base64(), text);
        assert_eq!(*token.clone().to_base64(), text);
        assert_eq!(format!("{token:?}"), "LiveSessionToken([redacted])");
        for other in [
            "",
            "vF0K",
            "vF0KfK5239p+7JfUbJmqFJFGkCE",
            " vF0KfK5239p+7JfUbJmqFJFGkCE=",
            "vF0KfK5239p+7JfUbJmqFJFGkCEA",
        ] {
            assert!(LiveSessionToken::from_base64(other).is_none(), "{other}");
        }
    }
}
