//! The private key, read and decrypted no sooner than something has to be signed.

mod prompt;

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    sync::{Arc, OnceLock},
};

use ibkr_auth_blocking::Sign;
use ibkr_auth_config::{KeySource, ReadKey, SigningKey};
use ibkr_jws::SignError;
use zeroize::Zeroizing;

use crate::{exit::Exit, failure::Failure, progress};

/// A passphrase is far shorter.
const LONGEST: u64 = 64 * 1024;

/// Clones share the key.
#[derive(Debug, Clone)]
pub(crate) struct LazyKey(Arc<Lazy>);

#[derive(Debug)]
struct Lazy {
    source: KeySource,
    passphrase: Option<Passphrase>,
    key: OnceLock<Result<Loaded, Failure>>,
}

/// A file descriptor, opened anew before any file of ours could take its number.
#[derive(Debug)]
struct Passphrase {
    fd: u32,
    file: io::Result<File>,
}

/// The key, and what should be changed about its files.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) key: SigningKey,
    pub(crate) warnings: Vec<String>,
}

impl LazyKey {
    pub(crate) fn new(source: KeySource, passphrase_fd: Option<u32>) -> Self {
        let open = |fd| Passphrase { fd, file: File::open(format!("/dev/fd/{fd}")) };
        Self(Arc::new(Lazy { source, passphrase: passphrase_fd.map(open), key: OnceLock::new() }))
    }

    pub(crate) fn source(&self) -> &KeySource {
        &self.0.source
    }

    /// Reads it the first time; asks for its passphrase if need be.
    pub(crate) fn load(&self) -> Result<&Loaded, Failure> {
        self.0.key.get_or_init(|| self.0.read()).as_ref().map_err(Failure::clone)
    }
}

impl Lazy {
    fn read(&self) -> Result<Loaded, Failure> {
        let read = match &self.passphrase {
            Some(passphrase) => self.source.read_with(&passphrase.read()?)?,
            None if self.source.needs_passphrase()? && io::stdin().is_terminal() => {
                self.source.read_with(&from_prompt()?)?
            }
            None => self.source.read()?,
        };
        let ReadKey { key, warnings, .. } = read;
        Ok(Loaded { key, warnings })
    }
}

impl Sign for LazyKey {
    fn sign(&self, signing_input: &[u8]) -> Result<Vec<u8>, SignError> {
        self.load().map_err(|failure| SignError::new(failure.what))?.key.sign(signing_input)
    }

    fn reload(&self) -> bool {
        self.load().is_ok_and(|loaded| loaded.key.reload())
    }
}

fn from_prompt() -> Result<Zeroizing<Vec<u8>>, Failure> {
    progress::hidden(|| prompt::ask("Passphrase of the private key"))
}

impl Passphrase {
    /// Up to the end, without one line break.
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let fd = self.fd;
        let unreadable = |error: &io::Error| {
            Failure::new(Exit::Config, format!("the passphrase cannot be read from file descriptor {fd}"))
                .why(error.to_string())
                .help(format!("open it for this program, as in `{fd}<passphrase.txt`"))
        };
        let mut passphrase = Zeroizing::new(Vec::with_capacity(4096));
        let file = self.file.as_ref().map_err(unreadable)?;
        file.take(LONGEST).read_to_end(&mut passphrase).map_err(|error| unreadable(&error))?;
        for end in [b'\n', b'\r'] {
            if passphrase.last() == Some(&end) {
                passphrase.pop();
            }
        }
        if passphrase.is_empty() {
            return Err(Failure::new(Exit::Config, format!("file descriptor {fd} brought no passphrase"))
                .help("write it there"));
        }
        Ok(passphrase)
    }
}
