//! Decrypts the access token secret (RSAES-PKCS1-v1_5, RFC 8017 §7.2.2), without telling anybody why it could
//! not.

use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use crypto_bigint::{
    BoxedUint, Choice, ConcatenatingMul, CtAssign, CtEq, CtGt, CtLt, NonZero,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use ibkr_jws::{KeyError, pem_file};
use pkcs1::{
    RsaPrivateKeyRef, UintRef,
    der::{Encode, asn1::BitStringRef},
};
use pkcs8::spki;
use zeroize::Zeroizing;

use crate::AccessTokenSecret;

/// The *encryption* key: the RSA private key, of 1024 to 4096 bits, to whose public half IBKR encrypts the
/// access token secret. It is not the key that signs.
///
/// Our own buffers are wiped; copies that the PEM decoder and the arithmetic make are not.
pub struct DecryptionKey {
    modulus: BoxedMontyParams,
    /// As wide as the modulus, however short it is: the time shows nothing of it.
    exponent: Zeroizing<BoxedUint>,
    public: String,
}

const FEWEST_BITS: usize = 1024;
const MOST_BITS: usize = 4096;

impl DecryptionKey {
    /// Reads the first private key of a PEM file, PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE
    /// KEY`), in any of the shapes that [`blocks`](ibkr_jws::pem_file::blocks) sees through.
    ///
    /// # Errors
    /// A [`KeyError`] that says what is wrong with the file and what to do about it; its
    /// [`Size`](KeyError::Size) if the key has fewer than 1024 or more than 4096 bits, its
    /// [`Exponent`](KeyError::Exponent) if the public exponent is not 65537, the usual one.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        Self::from_pkcs1_der(&pem_file::rsa_private_key(file)?)
    }

    /// Like [`from_pem`](Self::from_pem), and opens `BEGIN ENCRYPTED PRIVATE KEY` with `passphrase`. For a
    /// key that is not encrypted the passphrase is not used.
    ///
    /// # Errors
    /// Those of [`RsaKey::from_encrypted_pem`](ibkr_jws::RsaKey::from_encrypted_pem).
    #[cfg(feature = "encrypted-pem")]
    pub fn from_encrypted_pem(file: &[u8], passphrase: &[u8]) -> Result<Self, KeyError> {
        Self::from_pkcs1_der(&pem_file::encrypted_rsa_private_key(file, passphrase)?)
    }

    fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = RsaPrivateKeyRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        if key.modulus.as_bytes().len() > 2 * MOST_BITS / 8 {
            return Err(KeyError::Size { bits: 8 * key.modulus.as_bytes().len() });
        }
        let modulus = BoxedUint::from_be_slice_vartime(key.modulus.as_bytes());
        let bits = modulus.bit_width_vartime() as usize;
        if key.version() == pkcs1::Version::Multi {
            return Err(KeyError::MultiPrime);
        } else if !(FEWEST_BITS..=MOST_BITS).contains(&bits) {
            return Err(KeyError::Size { bits });
        } else if *key.public_exponent.as_bytes() != PUBLIC_EXPONENT.to_be_bytes()[1..] {
            return Err(KeyError::Exponent);
        }
        let exponent = private_exponent(&key, &modulus).ok_or(KeyError::Malformed)?;
        let public = public_key_pem(&key).ok_or(KeyError::Malformed)?;
        let odd = modulus.into_odd().into_option().ok_or(KeyError::Malformed)?;
        Ok(Self { modulus: BoxedMontyParams::new_vartime(odd), exponent, public })
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.modulus.modulus().as_ref().bit_width_vartime() as usize
    }

    /// The public half as `BEGIN PUBLIC KEY`: what is uploaded to IBKR as the encryption key.
    pub fn public_key_pem(&self) -> String {
        self.public.clone()
    }

    /// Decrypts the access token secret as IBKR gives it out, in base64: `oauth_token_secret`, or what its
    /// page for self-service shows. White space in it is skipped.
    ///
    /// # Errors
    /// A [`DecryptError`]. It does not say more than whether the secret *may* belong to the key: whoever can
    /// have many decrypted and learns how the padding is wrong can read any secret.
    pub fn decrypt(&self, base64_ciphertext: &str) -> Result<AccessTokenSecret, DecryptError> {
        let compact: String = base64_ciphertext.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let ciphertext = BASE64.decode(compact).map_err(|_| DecryptError::Ciphertext)?;
        let length = self.bits().div_ceil(8);
        if ciphertext.len() != length {
            return Err(DecryptError::Ciphertext);
        }
        let modulus = self.modulus.modulus().as_ref();
        let number = BoxedUint::from_be_slice_truncated(&ciphertext, modulus.bits_precision());
        // A ciphertext is public: what is beyond the modulus is another key's, as all can see.
        if !number.ct_lt(modulus).to_bool() {
            return Err(DecryptError::AnotherKey);
        }
        let encoded = Zeroizing::new(self.power(number).to_be_bytes());
        unpadded(&encoded[encoded.len() - length..]).ok_or(DecryptError::AnotherKey)
    }

    /// By the whole exponent. The Chinese remainder theorem is four times as fast, and a single wrong bit in
    /// it gives the primes away, unless the result is checked; once a login, some milliseconds matter less
    /// than having neither. Blinding would hide what constant time does not show.
    fn power(&self, number: BoxedUint) -> Zeroizing<BoxedUint> {
        let base = BoxedMontyForm::new(number, &self.modulus);
        let power = Zeroizing::new(base.pow(&self.exponent));
        Zeroizing::new(power.retrieve())
    }
}

/// The one that every tool takes by default, and the one that `ibkr-jws` signs with.
const PUBLIC_EXPONENT: u32 = 65537;

/// As IBKR shows it, or with what was lost on its way to us: its `=` at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The message of `00 02 padding 00 message` (RFC 8017 §7.2.1) whose padding has no 0 in 8 bytes or more.
///
/// Every byte is looked at in the same way; nothing depends on one before all of them are judged at once. The
/// message's length shows afterwards, and only if it is one. An empty message is none: there is no such
/// secret.
fn unpadded(encoded: &[u8]) -> Option<AccessTokenSecret> {
    const SHORTEST_START: u32 = 2 + 8 + 1;
    let (mut has_end, mut start) = (Choice::FALSE, 0_u32);
    let (mut is_valid, mut position) = (Choice::TRUE, 0_u32);
    for byte in encoded {
        match position {
            0 => is_valid &= byte.ct_eq(&0),
            1 => is_valid &= byte.ct_eq(&2),
            _ => {
                let is_end = byte.ct_eq(&0) & !has_end;
                start.ct_assign(&(position + 1), is_end);
                has_end |= is_end;
            }
        }
        position += 1;
    }
    // No end leaves a start of 0.
    is_valid &= !start.ct_lt(&SHORTEST_START);
    is_valid &= position.ct_gt(&start);
    is_valid.to_bool().then(|| AccessTokenSecret::new(encoded.get(start as usize..).unwrap_or_default()))
}

/// The private exponent of a key whose numbers fit together: a damaged file would otherwise be taken for a
/// key that the secret does not belong to.
fn private_exponent(key: &RsaPrivateKeyRef<'_>, modulus: &BoxedUint) -> Option<Zeroizing<BoxedUint>> {
    let precision = modulus.bits_precision();
    let secret = |number: &UintRef<'_>| {
        BoxedUint::from_be_slice(number.as_bytes(), precision).ok().map(Zeroizing::new)
    };
    let (exponent, p, q) = (secret(&key.private_exponent)?, secret(&key.prime1)?, secret(&key.prime2)?);
    let one = BoxedUint::one_with_precision(precision);
    let both = Zeroizing::new(exponent.concatenating_mul(BoxedUint::from(PUBLIC_EXPONENT)));
    let inverts = |prime: &BoxedUint| {
        let order = NonZero::new(prime.wrapping_sub(&one)).into_option().map(Zeroizing::new)?;
        Some(Zeroizing::new(both.rem(&*order)).ct_eq(&one))
    };
    let product = Zeroizing::new(p.concatenating_mul(&*q));
    let fits = product.ct_eq(modulus) & inverts(&p)? & inverts(&q)?;
    fits.to_bool().then_some(exponent)
}

fn public_key_pem(key: &RsaPrivateKeyRef<'_>) -> Option<String> {
    let pkcs1 = key.public_key().to_der().ok()?;
    let subject_public_key = BitStringRef::from_bytes(&pkcs1).ok()?;
    let info = spki::SubjectPublicKeyInfoRef { algorithm: pkcs1::ALGORITHM_ID, subject_public_key };
    let line_feeds = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    Some(pem::encode_config(&pem::Pem::new("PUBLIC KEY", info.to_der().ok()?), line_feeds))
}

/// Keys are the same if their public halves are.
impl PartialEq for DecryptionKey {
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for DecryptionKey {}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey").field("bits", &self.bits()).finish_non_exhaustive()
    }
}

/// Why there is no access token secret. Each text says what to do; none shows anything of secret or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// What to do: copy the access token secret whole; give the key that it was encrypted to.
    #[error(
        "the access token secret is not base64, or not as long as the encryption key: copy it whole once more from IBKR's \
         page, and check that the key file is that of the encryption key"
    )]
    Ciphertext,
    /// What to do: bring secret and key together.
    #[error(
        "this key does not decrypt the access token secret: check that the file is the encryption key and not the signature \
         key, and that its public half is the one that IBKR had when it gave the secret out; generating the access token \
         anew on IBKR's page gives a new secret for the present key"
    )]
    AnotherKey,
}
