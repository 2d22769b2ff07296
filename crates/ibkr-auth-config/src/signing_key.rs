//! The key that signs, which can be exchanged in its file while it does.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use ibkr_jws::{RsaKey, Sign, SignError};
use zeroize::Zeroizing;

use crate::KeySource;

/// A private key that remembers where it was read.
///
/// When the server refuses it, [`reload`](Sign::reload) reads its file anew: a key that was exchanged there
/// takes its place. A key that stands in the settings themselves stays what it is, and so does a passphrase
/// that came from a variable or from a person; a passphrase's file is read again. `Debug` shows no secret.
pub struct SigningKey {
    source: KeySource,
    /// What the caller gave to decrypt it, instead of what the settings name.
    passphrase: Option<Zeroizing<Vec<u8>>>,
    key: RwLock<Arc<RsaKey>>,
}

impl SigningKey {
    pub(crate) fn new(source: KeySource, passphrase: Option<&[u8]>, key: RsaKey) -> Self {
        let passphrase = passphrase.map(|passphrase| Zeroizing::new(passphrase.to_vec()));
        Self { source, passphrase, key: RwLock::new(Arc::new(key)) }
    }

    /// The RSA key itself, as it is now.
    pub fn rsa(&self) -> Arc<RsaKey> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Length of its modulus in bits.
    pub fn bits(&self) -> usize {
        self.rsa().bits()
    }
}

impl Sign for SigningKey {
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        self.rsa().sign(signing_input)
    }

    /// What cannot be read leaves the key as it is, and is told to the log.
    fn reload(&self) -> bool {
        if self.source.file().is_none() {
            return false;
        }
        let anew = match self.source.rsa(self.passphrase.as_ref().map(|passphrase| passphrase.as_slice())) {
            Ok((key, _warnings)) => key,
            Err(error) => {
                tracing::warn!("the private key cannot be read anew: {error}");
                return false;
            }
        };
        if anew == *self.rsa() {
            return false;
        }
        tracing::info!("the file of the private key holds another one by now, which signs from now on");
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(anew);
        true
    }

    fn public_key_pem(&self) -> Option<String> {
        Sign::public_key_pem(&self.rsa())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("source", &self.source)
            .field("key", &self.rsa())
            .finish_non_exhaustive()
    }
}
