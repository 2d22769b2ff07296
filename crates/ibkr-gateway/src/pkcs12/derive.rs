//! Keys out of a passphrase, and whether it is the right one (RFC 7292, appendix B and section 4).

use pkcs8::der::{AnyRef, asn1::ObjectIdentifier};
use ring::{digest, hmac};
use zeroize::Zeroizing;

use super::{Refusal, exactly, parts};

/// OpenSSL takes 2048, Java 10,000.
const MOST_ROUNDS: u32 = 1_000_000;

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// What a derived key is for, so that those of one passphrase differ.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Encryption = 1,
    Iv = 2,
    Mac = 3,
}

/// A passphrase in both of its writings.
pub(super) struct Passphrase {
    pub(super) utf8: Zeroizing<String>,
    /// UTF-16, with a zero behind it.
    wide: Zeroizing<Vec<u8>>,
}

impl Passphrase {
    pub(super) fn new(text: &str) -> Self {
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        wide.extend(text.encode_utf16().chain([0]).flat_map(u16::to_be_bytes));
        Self { utf8: Zeroizing::new(text.to_owned()), wide }
    }

    /// None at all, which some programs tell from an empty one.
    fn none() -> Self {
        Self { utf8: Zeroizing::default(), wide: Zeroizing::default() }
    }

    /// So many bytes of a key.
    pub(super) fn derive(
        &self,
        digest: &'static digest::Algorithm,
        usage: Use,
        salt: &[u8],
        rounds: u32,
        size: usize,
    ) -> Zeroizing<Vec<u8>> {
        let block = digest.block_len();
        let filled = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().copied().cycle().take(bytes.len().div_ceil(block) * block).collect()
        };
        let mut input = Zeroizing::new(filled(salt));
        input.extend(Zeroizing::new(filled(&self.wide)).iter());
        let mut key = Zeroizing::new(Vec::with_capacity(size + block));
        while key.len() < size {
            let mut context = digest::Context::new(digest);
            context.update(&vec![usage as u8; block]);
            context.update(&input);
            let mut hash = context.finish();
            for _ in 1..rounds {
                hash = digest::digest(digest, hash.as_ref());
            }
            key.extend_from_slice(hash.as_ref());
            input.chunks_mut(block).for_each(|chunk| add_with_one(chunk, hash.as_ref()));
        }
        key.truncate(size);
        key
    }
}

/// `chunk + hash… + 1`, as numbers of the chunk's size; the hash is repeated to fill it.
fn add_with_one(chunk: &mut [u8], hash: &[u8]) {
    let mut carry = 1;
    for (at, byte) in chunk.iter_mut().enumerate().rev() {
        let sum = u16::from(*byte) + u16::from(hash[at % hash.len()]) + carry;
        *byte = sum.to_be_bytes()[1];
        carry = sum >> 8;
    }
}

/// The passphrase if it is the one with which the content was sealed.
pub(super) fn proven(text: &str, mac: AnyRef<'_>, content: &[u8]) -> Result<Option<Passphrase>, Refusal> {
    let mac = parts(mac.value())?;
    let [sealed, salt, rounds @ ..] = &mac[..] else { return Err(Refusal::Damaged) };
    let rounds = rounds.first().map_or(Ok(1), |rounds| rounds.decode_as::<u32>())?;
    refuse_costly(rounds)?;
    let [algorithm, seal] = exactly(*sealed)?;
    let algorithm = parts(algorithm.value())?;
    let kind = algorithm.first().ok_or(Refusal::Damaged)?.decode_as::<ObjectIdentifier>()?;
    let (digest, hmac) = match kind {
        SHA1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        SHA256 => (&digest::SHA256, hmac::HMAC_SHA256),
        SHA384 => (&digest::SHA384, hmac::HMAC_SHA384),
        SHA512 => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => return Err(Refusal::Unsupported),
    };
    let mut candidates = vec![Passphrase::new(text)];
    if text.is_empty() {
        candidates.push(Passphrase::none());
    }
    Ok(candidates.into_iter().find(|passphrase| {
        let key = passphrase.derive(digest, Use::Mac, salt.value(), rounds, digest.output_len());
        hmac::verify(&hmac::Key::new(hmac, &key), content, seal.value()).is_ok()
    }))
}

pub(super) fn refuse_costly(rounds: u32) -> Result<(), Refusal> {
    if rounds > MOST_ROUNDS { Err(Refusal::Costly) } else { Ok(()) }
}
