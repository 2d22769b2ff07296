//! Who signs: an RSA key in memory, or anything else that can make an RS256 signature.

use std::sync::Arc;

/// Makes RS256 signatures (RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 §3.3).
///
/// [`RsaKey`](crate::RsaKey) is one. Implement it for a key that lives in an HSM, a KMS, an agent or another
/// crypto library. A signature is asked for while a request is being built, so an implementation that needs
/// the network should be quick: IBKR accepts an assertion for 20 seconds.
pub trait Sign: Send + Sync {
    /// Returns the signature over `signing_input` (`base64url(header).base64url(claims)`): as many bytes as
    /// the RSA modulus.
    ///
    /// # Errors
    /// When no signature can be made. Say why and what to do; never include key material or `signing_input`.
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError>;

    /// Called when the server has refused what this key signed: reads the key anew where it may have been
    /// exchanged meanwhile, and says whether another key signs from now on, so that one more try is worth it.
    ///
    /// An implementation that cannot tell leaves it at `false`.
    fn reload(&self) -> bool {
        false
    }

    /// The public half, in the form of IBKR's upload (`-----BEGIN PUBLIC KEY-----`), where it is known: by it
    /// a key is refused whose private half is no secret.
    fn public_key_pem(&self) -> Option<String> {
        None
    }
}

impl<S: Sign + ?Sized> Sign for Arc<S> {
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        (**self).sign(signing_input)
    }

    fn reload(&self) -> bool {
        (**self).reload()
    }

    fn public_key_pem(&self) -> Option<String> {
        (**self).public_key_pem()
    }
}

impl<S: Sign + ?Sized> Sign for Box<S> {
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        (**self).sign(signing_input)
    }

    fn reload(&self) -> bool {
        (**self).reload()
    }

    fn public_key_pem(&self) -> Option<String> {
        (**self).public_key_pem()
    }
}

/// No signature could be made. The text says why; what to do depends on the signer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot sign: {0}")]
pub struct SignError(String);

impl SignError {
    /// An error with this reason. The reason is shown to users and logged: keep secrets out of it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
