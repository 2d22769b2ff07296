//! The half of the key that IBKR gets.

use base64::{Engine, engine::general_purpose::STANDARD};
use ibkr_auth_config::is_demo_key;
use ibkr_auth_core::oauth1::DecryptionKey;
use ibkr_jws::RsaKey;
use ring::digest::{SHA256, digest};

use crate::{exit::Exit, failure::Failure};

/// What IBKR asks for.
const LEAST_BITS: usize = 3072;

#[derive(Debug)]
pub(crate) struct PublicKey {
    pub(crate) bits: usize,
    pub(crate) pem: String,
    /// It is the simulator's, whose private half everybody has.
    pub(crate) is_demo: bool,
}

impl PublicKey {
    pub(crate) fn of(key: &RsaKey) -> Result<Self, Failure> {
        let pem = key.public_key_pem().map_err(|error| {
            Failure::new(Exit::Config, "the public half of the key cannot be written").why(error.to_string())
        })?;
        Ok(Self { bits: key.bits(), pem, is_demo: is_demo_key(key) })
    }

    /// Of the key that opens a secret. The simulator's demo key is none.
    pub(crate) fn of_decryption(key: &DecryptionKey) -> Self {
        Self { bits: key.bits(), pem: key.public_key_pem(), is_demo: false }
    }

    pub(crate) fn is_short(&self) -> bool {
        self.bits < LEAST_BITS
    }

    /// As `openssl pkey -pubout -outform DER | openssl sha256` shows it.
    pub(crate) fn fingerprint(&self) -> String {
        let base64: String = self.pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).unwrap_or_default();
        digest(&SHA256, &der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `openssl pkey -pubin -in demo-client.pub.pem -outform DER | openssl sha256`.
    #[test]
    fn the_fingerprint_is_that_of_openssl() {
        let key = RsaKey::from_pem(ibkr_sim::demo::PRIVATE_KEY_PEM.as_bytes()).unwrap();
        let public = PublicKey::of(&key).unwrap();
        assert_eq!(public.pem, ibkr_sim::demo::PUBLIC_KEY_PEM);
        assert_eq!(public.fingerprint(), "1e4d1eeebea0ac93e35421ed2a3e771e461211ad1649f4f045deb5cb7840a64f");
    }
}
