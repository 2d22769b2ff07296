//! RSA private keys in memory, and a plain word for each way in which a key file can be wrong.

use std::fmt;

use pkcs1::RsaPrivateKeyRef;
use pkcs8::{PrivateKeyInfoRef, spki};
use ring::{rand::SystemRandom, rsa, signature};

use crate::{Sign, SignError, pem_file};

/// An RSA private key of 2048, 3072 or 4096 bits, held by ring.
///
/// IBKR asks for at least 3072 bits: `openssl genrsa -out private.pem 3072`. Our own buffers are wiped on the
/// way in; copies that the PEM decoder and ring make are not.
pub struct RsaKey {
    pair: rsa::KeyPair,
    random: SystemRandom,
}

impl RsaKey {
    /// Reads the first private key of a PEM file, PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE
    /// KEY`), in any of the shapes that [`blocks`](crate::pem_file::blocks) sees through.
    ///
    /// # Errors
    /// A [`KeyError`] that says what is wrong with the file and what to do about it.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        Self::from_pkcs1_der(&pem_file::rsa_private_key(file)?)
    }

    /// Like [`from_pem`](Self::from_pem), and decrypts `BEGIN ENCRYPTED PRIVATE KEY` (PBES2 with AES or 3DES:
    /// what `openssl` writes by default, or has written) with `passphrase`. For a key that is not encrypted
    /// the passphrase is not used.
    ///
    /// # Errors
    /// A [`KeyError`], among them [`WrongPassphrase`](KeyError::WrongPassphrase),
    /// [`UnsupportedCipher`](KeyError::UnsupportedCipher) and
    /// [`CostlyDerivation`](KeyError::CostlyDerivation).
    #[cfg(feature = "encrypted-pem")]
    pub fn from_encrypted_pem(file: &[u8], passphrase: &[u8]) -> Result<Self, KeyError> {
        Self::from_pkcs1_der(&pem_file::encrypted_rsa_private_key(file, passphrase)?)
    }

    /// Reads an unencrypted PKCS#8 `PrivateKeyInfo` (RFC 5208).
    ///
    /// # Errors
    /// A [`KeyError`] that says what is wrong with the key.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        Self::from_pkcs1_der(pkcs1_of(&info)?)
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
        } else if !SIZES.contains(&bits) {
            return Err(KeyError::Size { bits });
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

    fn public_key_pem(&self) -> Option<String> {
        Self::public_key_pem(self).ok()
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

/// Those that ring signs with.
const SIZES: [usize; 3] = [2048, 3072, 4096];

/// The PKCS#1 of a key that is PKCS#8 or PKCS#1 already. Of the latter nothing is checked.
pub(crate) fn pkcs1(der: &[u8]) -> Result<&[u8], KeyError> {
    PrivateKeyInfoRef::try_from(der).map_or(Ok(der), |info| pkcs1_of(&info))
}

fn pkcs1_of<'a>(info: &PrivateKeyInfoRef<'a>) -> Result<&'a [u8], KeyError> {
    match info.algorithm.oid {
        pkcs1::ALGORITHM_OID => Ok(info.private_key.as_bytes()),
        other => Err(KeyError::NotRsa(algorithm_name(&other))),
    }
}

/// An encrypted key begins with what it is encrypted by, both other forms with a version.
pub(crate) fn is_encrypted(der: &[u8]) -> bool {
    let whole = spki::der::asn1::AnyRef::try_from(der);
    whole.is_ok_and(|whole| whole.value().first() == Some(&pem_file::DER_SEQUENCE))
}

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
        "no PEM section in the key: it should hold a block that starts with `-----BEGIN PRIVATE KEY-----` \
         or `-----BEGIN RSA PRIVATE KEY-----`"
    )]
    NoPemSection,
    /// What to do: convert it to PEM.
    #[error(
        "the key file is binary DER, not PEM: convert it with `openssl pkey -inform DER -in key.der -out key.pem`"
    )]
    Der,
    /// What to do: copy the whole key again.
    #[error(
        "a PEM section of the key has no end, or another end than its beginning: copy it whole, from its `-----BEGIN` line \
         to its `-----END` line"
    )]
    Truncated,
    /// What to do: copy the key again, as a file rather than through a text field.
    #[error(
        "the PEM section of the key is not valid base64: something was lost or changed on its way here; copy it whole once \
         more, from where it was made"
    )]
    BadBase64,
    /// What to do: give the private key; the public key is what IBKR gets.
    #[error("this is {0} and no private key: give the private key, whose public half IBKR has")]
    NoPrivateKey(&'static str),
    /// What to do: convert it, on a copy of the file: the command overwrites it.
    #[error(
        "the key is in OpenSSH's own format: copy the file, and convert the copy with `ssh-keygen -p -m PKCS8 -f COPY`, \
         which overwrites it"
    )]
    OpenSsh,
    /// What to do: make an RSA key; IBKR takes RS256 alone.
    #[error(
        "not an RSA key but {0}: IBKR takes plain RSA keys alone, make one with `openssl genrsa -out private.pem 3072`"
    )]
    NotRsa(&'static str),
    /// What to do: make a key of 3072 bits and give its public half to IBKR.
    #[error(
        "an RSA key of {bits} bits cannot be used, only one of 2048, 3072 or 4096: make one with \
         `openssl genrsa -out private.pem 3072`, and give its public half to IBKR"
    )]
    Size {
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
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out private.pem`"
    )]
    LegacyEncryption,
    /// What to do: give the passphrase, or store the key unencrypted.
    #[error(
        "the key is encrypted: give its passphrase (feature `encrypted-pem`), or decrypt it with `openssl pkey -in encrypted.pem -out private.pem`"
    )]
    Encrypted,
    /// What to do: correct the passphrase.
    #[error(
        "this passphrase does not open the key: correct it; `openssl pkey -in encrypted.pem -noout` asks for it and says \
         whether it is the right one"
    )]
    WrongPassphrase,
    /// What to do: re-encrypt it with AES.
    #[error(
        "the key is encrypted in a way that is not read here: re-encrypt it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in old.pem -out private.pem`"
    )]
    UnsupportedCipher,
    /// What to do: re-encrypt it with the usual effort. Nothing was derived yet.
    #[error(
        "the key's passphrase is stretched with more than 10 million iterations, or 256 MiB of memory: re-encrypt it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in old.pem -out private.pem`"
    )]
    CostlyDerivation,
    /// What to do: have openssl write it anew, or make a new key.
    #[error(
        "the key is damaged, or written in a way that is not read here: write it anew with \
         `openssl pkey -in old.pem -out private.pem`; if that does not help, make a new one with \
         `openssl genrsa -out private.pem 3072`, and give its public half to IBKR"
    )]
    Malformed,
}
