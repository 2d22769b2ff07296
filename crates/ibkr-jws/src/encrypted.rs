//! Opens encrypted keys (PKCS#8 with PBES2), unless the attempt would take the machine.

use pkcs8::{
    EncryptedPrivateKeyInfoRef, SecretDocument,
    pkcs5::{self, EncryptionScheme, pbes2::Kdf},
};

use crate::KeyError;

/// Some seconds of a processor. OpenSSL writes 2048, a careful user a million.
const MOST_ITERATIONS: u32 = 10_000_000;
/// Of scrypt, for all its lanes together. OpenSSL's default takes 16 MiB.
const MOST_MEMORY: u128 = 256 << 20;

pub(crate) fn decrypt(der: &[u8], passphrase: &[u8]) -> Result<SecretDocument, KeyError> {
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::UnsupportedCipher)?;
    refuse_costly(&encrypted.encryption_algorithm)?;
    encrypted.decrypt(passphrase).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed) => KeyError::WrongPassphrase,
        pkcs8::Error::EncryptedPrivateKey(_) => KeyError::UnsupportedCipher,
        // Decryption that happens to leave valid padding yields bytes that are no ASN.1.
        _ => KeyError::WrongPassphrase,
    })
}

/// Whoever wrote the file has chosen how long a passphrase is worked on.
fn refuse_costly(scheme: &EncryptionScheme) -> Result<(), KeyError> {
    match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(pbkdf2)) if pbkdf2.iteration_count > MOST_ITERATIONS => {
            Err(KeyError::CostlyDerivation)
        }
        // pkcs5 takes the logarithm before it looks.
        Some(Kdf::Scrypt(scrypt)) if !scrypt.cost_parameter.is_power_of_two() => {
            Err(KeyError::UnsupportedCipher)
        }
        Some(Kdf::Scrypt(scrypt)) => {
            let lanes = u128::from(scrypt.block_size) * u128::from(scrypt.parallelization);
            let memory = 128 * u128::from(scrypt.cost_parameter) * lanes;
            if memory > MOST_MEMORY { Err(KeyError::CostlyDerivation) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}
