//! The access token secret, decrypted.

use std::fmt;

use crypto_bigint::CtEq;
use zeroize::Zeroizing;

use crate::hex;

/// The access token secret, decrypted: what is prepended to the base string of `live_session_token`, and what
/// the [`LiveSessionToken`](crate::LiveSessionToken) is derived from (O OAPDF). It lasts until the user
/// withdraws consent or generates a new one.
///
/// `Debug` hides it, `==` takes the same time wherever two of one length differ, memory is wiped on drop.
#[derive(Clone)]
pub struct AccessTokenSecret(Zeroizing<Vec<u8>>);

impl AccessTokenSecret {
    /// Takes the bytes that decryption has yielded. For what IBKR gives out, which is encrypted and base64,
    /// see [`DecryptionKey::decrypt`](crate::DecryptionKey::decrypt).
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// In small digits: what IBKR's text calls the prepend.
    pub(crate) fn hex(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * self.0.len()));
        hex::encode(&self.0, &mut text);
        text
    }
}

impl PartialEq for AccessTokenSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).to_bool()
    }
}

impl Eq for AccessTokenSecret {}

impl fmt::Debug for AccessTokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokenSecret([redacted])")
    }
}
