//! Where the private key is, so that it is read only by those who sign.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use ibkr_jws::{KeyError, RsaKey};
use zeroize::Zeroizing;

use crate::{
    FileError, SigningKey,
    error::Problem,
    file,
    given::{Given, Text},
    here,
    passphrase::Passphrase,
    paths,
    place::Place,
};

/// Where the private key is, and its passphrase. Nothing of either was opened yet. `Debug` shows no secret.
#[derive(Clone)]
pub struct KeySource {
    pem: Pem,
    place: Place,
    passphrase: Option<Passphrase>,
    /// It opens something of somebody's, so that a key that everybody has will not do.
    opens_real: bool,
}

#[derive(Clone)]
enum Pem {
    /// `written` is the path as it stands in the settings.
    File {
        path: PathBuf,
        written: Text,
    },
    Block(Zeroizing<Vec<u8>>),
}

/// A private key, and what should be changed about its files.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReadKey {
    /// The key that signs.
    pub key: SigningKey,
    /// Such as a key file that everyone on the machine can read.
    pub warnings: Vec<String>,
}

impl KeySource {
    pub(crate) fn of_file(given: &Given<'_>) -> Result<Self, Problem> {
        let (path, written) = (given.path()?, Zeroizing::new(given.text()?.to_owned()));
        Ok(Self::new(given, Pem::File { path, written }))
    }

    /// The key block itself.
    pub(crate) fn of_block(given: &Given<'_>) -> Result<Self, Problem> {
        let block = Zeroizing::new(given.raw.text()?.as_bytes().to_vec());
        Ok(Self::new(given, Pem::Block(block)))
    }

    fn new(given: &Given<'_>, pem: Pem) -> Self {
        Self { pem, place: given.place.clone(), passphrase: None, opens_real: false }
    }

    pub(crate) fn with_passphrase(self, passphrase: Option<Passphrase>) -> Self {
        Self { passphrase, ..self }
    }

    /// The key is used with a server that is not on this machine.
    pub(crate) fn of_somebody(self) -> Self {
        Self { opens_real: true, ..self }
    }

    /// The key's file; `None` if the key itself stands in the settings.
    pub fn file(&self) -> Option<&Path> {
        match &self.pem {
            Pem::File { path, .. } => Some(path),
            Pem::Block(_) => None,
        }
    }

    /// Reads the key, and decrypts it with the passphrase that the settings name.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn read(&self) -> Result<ReadKey, FileError> {
        self.signing_key(None)
    }

    /// Reads the key, and decrypts it with this passphrase: that of the settings is not looked at. It is not
    /// used for a key that is not encrypted.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn read_with(&self, passphrase: &[u8]) -> Result<ReadKey, FileError> {
        self.signing_key(Some(passphrase))
    }

    fn signing_key(&self, passphrase: Option<&[u8]>) -> Result<ReadKey, FileError> {
        let (key, warnings) = self.rsa(passphrase)?;
        Ok(ReadKey { key: SigningKey::new(self.clone(), passphrase, key), warnings })
    }

    /// The key as it is now, decrypted with this passphrase, else with that of the settings; and warnings.
    pub(crate) fn rsa(&self, passphrase: Option<&[u8]>) -> Result<(RsaKey, Vec<String>), FileError> {
        let mut warnings = Vec::new();
        let pem = self.pem(&mut warnings)?;
        let key = match (passphrase, &self.passphrase) {
            (Some(passphrase), _) => decrypted(&pem, passphrase),
            (None, Some(named)) => decrypted(&pem, &named.read(&mut warnings)?),
            (None, None) => RsaKey::from_pem(&pem),
        };
        Ok((self.admitted(key)?, warnings))
    }

    /// Whether the key is encrypted and the settings name no source of its passphrase, so that someone has to
    /// be asked.
    ///
    /// # Errors
    /// That of [`read`](Self::read) when the key cannot be used with any passphrase.
    pub fn needs_passphrase(&self) -> Result<bool, FileError> {
        if self.passphrase.is_some() {
            return Ok(false);
        }
        match RsaKey::from_pem(&self.pem(&mut Vec::new())?) {
            Ok(_) => Ok(false),
            Err(KeyError::Encrypted) => Ok(true),
            Err(error) => Err(self.blame(&error)),
        }
    }

    fn pem(&self, warnings: &mut Vec<String>) -> Result<Zeroizing<Vec<u8>>, FileError> {
        match &self.pem {
            Pem::File { path, .. } => {
                let content = file::read_secret(path, &path.display().to_string(), warnings);
                Ok(content.map_err(|problem| self.at(problem))?.bytes)
            }
            Pem::Block(pem) => Ok(pem.clone()),
        }
    }

    fn admitted(&self, key: Result<RsaKey, KeyError>) -> Result<RsaKey, FileError> {
        let key = key.map_err(|error| self.blame(&error))?;
        if self.opens_real {
            here::refuse_demo_key(&key).map_err(|problem| self.at(problem))?;
        }
        Ok(key)
    }

    fn blame(&self, error: &KeyError) -> FileError {
        self.at(match error {
            KeyError::Encrypted if cfg!(not(feature = "encrypted-pem")) => Problem::new(
                "is encrypted",
                "build this program with the feature `encrypted-pem`, or decrypt the key with \
                 `openssl pkey -in encrypted.pem -out private.pem`",
            ),
            KeyError::Encrypted => Problem::new(
                "is encrypted",
                "set private_key_passphrase_file or private_key_passphrase_env, or decrypt it with \
                 `openssl pkey -in encrypted.pem -out private.pem`",
            ),
            other => Problem::from_sentence(&other.to_string()).after("cannot be used:"),
        })
    }

    /// The key's path is shown: which file was meant is half of the answer.
    fn at(&self, problem: Problem) -> FileError {
        let problem = match &self.pem {
            Pem::File { path, written } => {
                problem.after(&format!("names {}, which", paths::shown(written, path)))
            }
            Pem::Block(_) => problem,
        };
        problem.at(&self.place.text())
    }
}

#[cfg(feature = "encrypted-pem")]
fn decrypted(pem: &[u8], passphrase: &[u8]) -> Result<RsaKey, KeyError> {
    RsaKey::from_encrypted_pem(pem, passphrase)
}

/// Only a key that is not encrypted can be read.
#[cfg(not(feature = "encrypted-pem"))]
fn decrypted(pem: &[u8], _: &[u8]) -> Result<RsaKey, KeyError> {
    RsaKey::from_pem(pem)
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match &self.pem {
            Pem::File { path, written } => paths::shown(written, path),
            Pem::Block(_) => "a block in the settings".to_owned(),
        };
        f.debug_struct("KeySource").field("key", &shown).finish_non_exhaustive()
    }
}
