//! RSA private keys in memory, and a plain word for each way in which a key file can be wrong.

use std::fmt;

use pkcs1::RsaPrivateKeyRef;
use pkcs8::{PrivateKeyInfoRef, spki};
use ring::{rand::SystemRandom, rsa, signature};

use crate::{
    Sign, SignError,
    pem_file::{self, PrivateDer},
};

/// An RSA private key of 2048 to 4096 bits, held by ring.
///
/// IBKR asks for at least 3072 bits: `openssl genrsa -out private.pem 3072`. Our own buffers are wiped on the
/// way in; copies that the PEM decoder and ring make are not.
pub struct RsaKey {
    pair: rsa::KeyPair,
    random: SystemRandom,
}

impl RsaKey {
    /// Reads the first private key of a PEM file: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// A [`KeyError`] that says what is wrong with the file and what to do about it.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        match pem_file::private_key(file)? {
            PrivateDer::Pkcs8(der) => Self::from_pkcs8_der(&der),
            PrivateDer::Pkcs1(der) => Self::from_pkcs1_der(&der),
            PrivateDer::EncryptedPkcs8(_) => Err(KeyError::Encrypted),
        }
    }

    /// Like [`from_pem`](Self::from_pem), and decrypts `BEGIN ENCRYPTED PRIVATE KEY` (PBES2 with AES: what `openssl`
    /// writes by default) with `passphrase`. For a key that is not encrypted the passphrase is not used.
    ///
    /// # Errors
    /// A [`KeyError`], among them [`WrongPassphrase`](KeyError::WrongPassphrase) and
    /// [`UnsupportedCipher`](KeyError::UnsupportedCipher).
    #[cfg(feature = "encrypted-pem")]
    pub fn from_encrypted_pem(file: &[u8], passphrase: &[u8]) -> Result<Self, KeyError> {
        match pem_file::private_key(file)? {
            PrivateDer::EncryptedPkcs8(der) => {
                let encrypted = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
                    .map_err(|_| KeyError::UnsupportedCipher)?;
                let clear = encrypted.decrypt(passphrase).map_err(|error| match error {
                    pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) => {
                        KeyError::WrongPassphrase
                    }
                    pkcs8::Error::EncryptedPrivateKey(_) => KeyError::UnsupportedCipher,
                    // Decryption that happens to leave valid padding yields bytes that are no ASN.1.
                    _ => KeyError::WrongPassphrase,
                })?;
                Self::from_pkcs8_der(clear.as_bytes())
            }
            PrivateDer::Pkcs8(der) => Self::from_pkcs8_der(&der),
            PrivateDer::Pkcs1(der) => Self::from_pkcs1_der(&der),
        }
    }

    /// Reads an unencrypted PKCS#8 `PrivateKeyInfo` (RFC 5208).
    ///
    /// # Errors
    /// A [`KeyError`] that says what is wrong with the key.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        match info.algorithm.oid {
            pkcs1::ALGORITHM_OID => Self::from_pkcs1_der(info.private_key.as_bytes()),
            other => Err(KeyError::NotRsa(algorithm_name(&other))),
        }
    }

    /// Reads a PKCS#1 `RSAPrivateKey` (RFC 8017 §A.1.2).
    ///
    /// # Errors
    /// A [`KeyError`] that says what is wrong with the key.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = RsaPrivateKeyRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        let bits = bit_length(key.modulus.as_bytes());
        if key.version() == pkcs1::Version::Multi {
            return Err(KeyError::MultiPrime);
        } else if bits < MIN_BITS {
            return Err(KeyError::TooShort { bits });
        } else if bits > MAX_BITS {
            return Err(KeyError::TooLong { bits });
        } else if key.public_exponent.as_bytes() != [1, 0, 1] {
            return Err(KeyError::Exponent);
        }
        let pair = rsa::KeyPair::from_der(der).map_err(|_| KeyError::Malformed)?;
        Ok(Self { pair, random: SystemRandom::new() })
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.pair.public().modulus_len() * 8
    }

    /// The public half as `BEGIN PUBLIC KEY`: what is uploaded to IBKR.
    ///
    /// # Errors
    /// None in practice: [`KeyError::Malformed`] when the key cannot be written as ASN.1.
    pub fn public_key_pem(&self) -> Result<String, KeyError> {
        let key = spki::der::asn1::BitStringRef::from_bytes(self.public_key_der());
        let info = key.map(|subject_public_key| spki::SubjectPublicKeyInfoRef {
            algorithm: pkcs1::ALGORITHM_ID,
            subject_public_key,
        });
        let der = info.and_then(|info| spki::der::Encode::to_der(&info)).map_err(|_| KeyError::Malformed)?;
        let line_feeds = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        Ok(pem::encode_config(&pem::Pem::new("PUBLIC KEY", der), line_feeds))
    }

    /// The public half, to check signatures with.
    #[cfg(feature = "verify")]
    pub fn public_key(&self) -> crate::verify::RsaPublicKey {
        crate::verify::RsaPublicKey::from_pkcs1_der(self.public_key_der())
    }

    fn public_key_der(&self) -> &[u8] {
        self.pair.public().as_ref()
    }
}

impl Sign for RsaKey {
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&signature::RSA_PKCS1_SHA256, &self.random, signing_input, &mut signature)
            .map_err(|_| SignError::new("ring refused to sign with this RSA key; make a new one"))?;
        Ok(signature)
    }
}

/// Keys are the same if their public halves are.
impl PartialEq for RsaKey {
    fn eq(&self, other: &Self) -> bool {
        self.public_key_der() == other.public_key_der()
    }
}

impl Eq for RsaKey {}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").field("bits", &self.bits()).finish_non_exhaustive()
    }
}

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 4096;

fn bit_length(big_endian: &[u8]) -> usize {
    let significant = big_endian.iter().skip_while(|byte| **byte == 0);
    let leading = significant.clone().next().map_or(0, |first| first.leading_zeros() as usize);
    significant.count() * 8 - leading
}

fn algorithm_name(oid: &spki::ObjectIdentifier) -> &'static str {
    match oid.to_string().as_str() {
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.10045.2.1" => "EC",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.2.840.10040.4.1" => "DSA",
        _ => "unknown",
    }
}

/// Why a private key cannot be used. Each text says what to do; none shows anything of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// What to do: check the path, and that the key was written.
    #[error(
        "the key file is empty: check the path, or make a key with `openssl genrsa -out private.pem 3072`"
    )]
    Empty,
    /// What to do: give the private key's `.pem` file.
    #[error(
        "no PEM section in the key file: it should hold a block that starts with `-----BEGIN PRIVATE KEY-----` \
         or `-----BEGIN RSA PRIVATE KEY-----`"
    )]
    NoPemSection,
    /// What to do: convert it to PEM.
    #[error(
        "the key file is binary DER, not PEM: convert it with `openssl pkey -inform DER -in key.der -out key.pem`"
    )]
    Der,
    /// What to do: copy the whole file again.
    #[error(
        "a PEM section of the key file has no end, or another end than its beginning: copy the whole file again"
    )]
    Truncated,
    /// What to do: copy the file again, as a file rather than through a text field.
    #[error("the PEM section of the key file is not valid base64: copy the file again")]
    BadBase64,
    /// What to do: give the private key; the public key is what IBKR gets.
    #[error("the key file holds no private key but a {0}: give the file that holds the private key")]
    NoPrivateKey(&'static str),
    /// What to do: make an RSA key; IBKR takes RS256 alone.
    #[error(
        "not an RSA key but {0}: IBKR takes plain RSA keys alone, make one with `openssl genrsa -out private.pem 3072`"
    )]
    NotRsa(&'static str),
    /// What to do: make a key of 3072 bits and upload its public half to IBKR.
    #[error(
        "the RSA key has {bits} bits, shorter than the 2048 that are the least: make one with `openssl genrsa -out private.pem 3072`"
    )]
    TooShort {
        /// Length of the modulus.
        bits: usize,
    },
    /// What to do: make a key of 3072 bits and upload its public half to IBKR.
    #[error(
        "the RSA key has {bits} bits, longer than the 4096 that are the most: make one with `openssl genrsa -out private.pem 3072`"
    )]
    TooLong {
        /// Length of the modulus.
        bits: usize,
    },
    /// What to do: make a key with the usual exponent.
    #[error(
        "the RSA key's public exponent is not 65537: make one with `openssl genrsa -out private.pem 3072`"
    )]
    Exponent,
    /// What to do: make a key of two primes, as every tool does by default.
    #[error("the RSA key has more than two primes: make one with `openssl genrsa -out private.pem 3072`")]
    MultiPrime,
    /// What to do: re-encrypt it as PKCS#8.
    #[error(
        "the key is encrypted in the old `Proc-Type: 4,ENCRYPTED` way: convert it with \
         `openssl pkcs8 -topk8 -in old.pem -out private.pem`"
    )]
    LegacyEncryption,
    /// What to do: give the passphrase, or store the key unencrypted.
    #[error(
        "the key is encrypted: give its passphrase (feature `encrypted-pem`), or decrypt it with `openssl pkey -in encrypted.pem -out private.pem`"
    )]
    Encrypted,
    /// What to do: check the passphrase.
    #[error("the key could not be decrypted: wrong passphrase, or a damaged file")]
    WrongPassphrase,
    /// What to do: re-encrypt it with AES.
    #[error(
        "the key is encrypted with an unsupported cipher: re-encrypt it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out private.pem`"
    )]
    UnsupportedCipher,
    /// What to do: check the file with openssl, or make a new key.
    #[error(
        "the key is damaged: check it with `openssl pkey -in private.pem -check -noout`, or make a new one"
    )]
    Malformed,
}
