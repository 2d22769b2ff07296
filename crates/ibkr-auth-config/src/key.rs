//! The private key: where it is, so that it is read only by those who sign.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

use ibkr_jws::{KeyError, RsaKey};
use zeroize::Zeroizing;

use crate::{
    FileError, Passphrase, SigningKey,
    env::Env,
    error::Problem,
    local,
    location::Location,
    value::{Text, Value},
};

/// The public halves of the keys that ship with the simulator: those that sign.
const DEMO: [&str; 3] = [
    include_str!("demo_key.pem"),
    include_str!("demo_signature_key.pem"),
    include_str!("testcons_signature_key.pem"),
];

pub(crate) const IS_DEMO: &str = "is the simulator's demo key, whose private half everybody has";
pub(crate) const INSTEAD_OF_DEMO: &str =
    "use a key of your own (`ibkr-auth init` makes one); if you meant the simulator, set base_url";

/// No file's name is longer.
const LONGEST_SHOWN: usize = 255;

/// Whether this is the simulator's demo key, whose private half everybody has. It opens nothing but a server
/// on this machine: the settings refuse it anywhere else.
pub fn is_demo_key(key: &RsaKey) -> bool {
    key.public_key_pem().is_ok_and(|pem| is_demo_pem(&pem))
}

pub(crate) fn is_demo_pem(pem: &str) -> bool {
    DEMO.iter().any(|demo| pem.trim() == demo.trim())
}

/// Where the private key is, and its passphrase. Nothing of either was opened yet. `Debug` shows no secret.
#[derive(Clone)]
pub struct KeySource {
    pem: Pem,
    location: Location,
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
    pub(crate) fn of_file(value: &Value, env: &Env) -> Result<Self, Problem> {
        let (path, written) = (value.path(env)?, Zeroizing::new(value.text()?.to_owned()));
        Ok(Self::new(value, Pem::File { path, written }))
    }

    pub(crate) fn of_block(value: &Value) -> Result<Self, Problem> {
        let block = Zeroizing::new(value.raw()?.as_bytes().to_vec());
        Ok(Self::new(value, Pem::Block(block)))
    }

    fn new(value: &Value, pem: Pem) -> Self {
        Self { pem, location: value.location.clone(), passphrase: None, opens_real: false }
    }

    pub(crate) fn with(self, passphrase: Option<Passphrase>, opens_real: bool) -> Self {
        Self { passphrase, opens_real, ..self }
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
        let key = key.map_err(|error| self.blame(&error))?;
        if self.opens_real && is_demo_key(&key) {
            return Err(self.at(Problem::new(IS_DEMO, INSTEAD_OF_DEMO)));
        }
        Ok((key, warnings))
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
                let content = local::read_secret(path, &path.display().to_string(), warnings);
                Ok(content.map_err(|problem| self.at(problem))?.bytes)
            }
            Pem::Block(pem) => Ok(pem.clone()),
        }
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
            Pem::File { path, written } => problem.after(&format!("names {}, which", shown(written, path))),
            Pem::Block(_) => problem,
        };
        problem.at(&self.location.text())
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
            Pem::File { path, written } => shown(written, path),
            Pem::Block(_) => "a block in the settings".to_owned(),
        };
        f.debug_struct("KeySource").field("key", &shown).finish_non_exhaustive()
    }
}

/// How an error calls the file that `text` names. A passphrase may stand in its path's place: what is not
/// there is shown only if it looks like a path.
fn shown(text: &str, path: &Path) -> String {
    let is_short =
        |ending: &str| ending.len() <= 4 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let ends_like_a_file = path.extension().and_then(OsStr::to_str).is_some_and(is_short);
    let stands_in_a_folder =
        Path::new(text).components().count() > 1 && path.parent().is_some_and(Path::is_dir);
    if path.exists() || (text.len() <= LONGEST_SHOWN && (ends_like_a_file || stands_in_a_folder)) {
        path.display().to_string()
    } else {
        "the given path".to_owned()
    }
}
