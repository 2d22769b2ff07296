//! Decryption: PBES2, which everybody writes today, and what `openssl pkcs12 -legacy` and older programs do.

use cbc::{
    Decryptor,
    cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit, block_padding::Pkcs7},
};
use des::TdesEde3;
use pkcs8::{
    der::{AnyRef, asn1::ObjectIdentifier},
    pkcs5::pbes2::{Kdf, Parameters},
};
use rc2::Rc2;
use ring::digest::SHA1_FOR_LEGACY_USE_ONLY;
use zeroize::Zeroizing;

use super::{
    Refusal,
    derive::{Passphrase, Use, refuse_costly},
    exactly,
};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const TRIPLE_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
const RC2_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5");
const RC2_40: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6");

pub(super) fn decrypt(
    algorithm: AnyRef<'_>,
    data: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let [kind, parameters] = exactly(algorithm)?;
    match kind.decode_as()? {
        PBES2 => pbes2(parameters, data, passphrase),
        TRIPLE_DES => legacy::<TdesEde3>(24, parameters, data, passphrase),
        RC2_128 => legacy::<Rc2>(16, parameters, data, passphrase),
        RC2_40 => legacy::<Rc2>(5, parameters, data, passphrase),
        _ => Err(Refusal::Unsupported),
    }
}

fn pbes2(
    parameters: AnyRef<'_>,
    data: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let parameters: Parameters = parameters.decode_as().map_err(|_| Refusal::Unsupported)?;
    match &parameters.kdf {
        Kdf::Pbkdf2(pbkdf2) => refuse_costly(pbkdf2.iteration_count)?,
        _ => return Err(Refusal::Unsupported),
    }
    let plain = parameters.decrypt(passphrase.utf8.as_bytes(), data).map_err(|_| Refusal::Damaged)?;
    Ok(Zeroizing::new(plain))
}

/// RFC 7292, appendix C.
fn legacy<C: BlockCipherDecrypt + KeyInit>(
    size: usize,
    parameters: AnyRef<'_>,
    data: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let [salt, rounds] = exactly(parameters)?;
    let rounds: u32 = rounds.decode_as()?;
    refuse_costly(rounds)?;
    let derive =
        |usage, size| passphrase.derive(&SHA1_FOR_LEGACY_USE_ONLY, usage, salt.value(), rounds, size);
    let (key, iv) = (derive(Use::Encryption, size), derive(Use::Iv, C::block_size()));
    let cipher = Decryptor::<C>::new_from_slices(&key, &iv).map_err(|_| Refusal::Unsupported)?;
    let plain = cipher.decrypt_padded_vec::<Pkcs7>(data).map_err(|_| Refusal::Damaged)?;
    Ok(Zeroizing::new(plain))
}
