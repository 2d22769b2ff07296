//! The other side: reading a compact JWS and checking its signature, for servers and tests (feature
//! `verify`).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use pkcs8::spki;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use crate::pem_file;

/// A compact JWS whose parts could be read. Nothing in it may be believed before
/// [`verify_rs256`](Self::verify_rs256).
pub struct Compact {
    header: Value,
    claims: Value,
    signing_input: String,
    signature: Vec<u8>,
}

impl Compact {
    /// Takes `header.claims.signature` apart.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`] unless there are three parts of base64url without padding, the first two
    /// JSON objects.
    pub fn parse(text: &str) -> Result<Self, VerifyError> {
        let (signing_input, signature) = text.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, claims) = signing_input.split_once('.').ok_or(VerifyError::Malformed)?;
        Ok(Self {
            header: json_object(header)?,
            claims: json_object(claims)?,
            signing_input: signing_input.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| VerifyError::Malformed)?,
        })
    }

    /// The JOSE header: an object.
    pub fn header(&self) -> &Value {
        &self.header
    }

    /// The claims: an object.
    pub fn claims(&self) -> &Value {
        &self.claims
    }

    /// Checks that `alg` is `RS256` and that `key` made the signature.
    ///
    /// # Errors
    /// [`VerifyError::Algorithm`] or [`VerifyError::Signature`].
    pub fn verify_rs256(&self, key: &RsaPublicKey) -> Result<(), VerifyError> {
        if self.header["alg"] != "RS256" {
            return Err(VerifyError::Algorithm);
        }
        key.verify(self.signing_input.as_bytes(), &self.signature)
    }
}

fn json_object(part: &str) -> Result<Value, VerifyError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::Malformed)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| VerifyError::Malformed)?;
    if value.is_object() { Ok(value) } else { Err(VerifyError::Malformed) }
}

/// An RSA public key of at least 2048 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    pkcs1_der: Vec<u8>,
}

impl RsaPublicKey {
    /// Reads `BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// [`VerifyError::Key`] when the file holds no RSA public key.
    pub fn from_pem(file: &[u8]) -> Result<Self, VerifyError> {
        pem_file::blocks(file)
            .iter()
            .find_map(|block| match (block.label.as_str(), &block.content) {
                ("RSA PUBLIC KEY", Ok(der)) => Some(Self::from_pkcs1_der(der)),
                ("PUBLIC KEY", Ok(der)) => Self::from_spki_der(der),
                _ => None,
            })
            .ok_or(VerifyError::Key)
    }

    /// Checks that this key made an RSASSA-PKCS1-v1_5 signature with SHA-256 over a message.
    ///
    /// # Errors
    /// [`VerifyError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.pkcs1_der)
            .verify(message, signature)
            .map_err(|_| VerifyError::Signature)
    }

    pub(crate) fn from_pkcs1_der(der: &[u8]) -> Self {
        Self { pkcs1_der: der.to_owned() }
    }

    fn from_spki_der(der: &[u8]) -> Option<Self> {
        let info = spki::SubjectPublicKeyInfoRef::try_from(der).ok()?;
        let is_rsa = info.algorithm.oid == pkcs1::ALGORITHM_OID;
        is_rsa.then(|| Self::from_pkcs1_der(info.subject_public_key.raw_bytes()))
    }
}

/// Why a JWS is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// What to do: send three base64url parts without padding, header and claims JSON objects.
    #[error("not a compact JWS")]
    Malformed,
    /// What to do: sign with RS256.
    #[error("the JWS header's `alg` is not RS256")]
    Algorithm,
    /// What to do: sign with the private key that belongs to the registered public key.
    #[error("the signature does not belong to the registered public key")]
    Signature,
    /// What to do: give a `BEGIN PUBLIC KEY` file of an RSA key.
    #[error("no RSA public key in the file")]
    Key,
}
