//! A private key that is there already: whether it can be used, and what should be changed about it.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

use ibkr_auth_config::Reader;
use ibkr_jws::{KeyError, RsaKey};
use zeroize::Zeroizing;

use crate::{exit::Exit, failure::Failure, key::LazyKey, public_key::PublicKey};

/// What the settings are read with too.
const LONGEST: u64 = 64 * 1024;
/// A key file that was looked at.
#[derive(Debug)]
pub(super) struct Existing {
    pub(super) path: PathBuf,
    /// Its public half. `None`: it is encrypted, and its passphrase is not known here.
    pub(super) public: Option<PublicKey>,
    pub(super) is_encrypted: bool,
    /// Users other than its owner may do something with it.
    pub(super) open_to_others: bool,
}

pub(super) fn look_at(path: &Path) -> Result<Existing, Failure> {
    let unusable = |why: String| {
        let (why, todo) =
            why.rsplit_once(": ").unwrap_or((&why, "name another with --key, or make one with --new-key"));
        Failure::new(Exit::Config, format!("{} cannot be the key", path.display())).why(why).todo(todo)
    };
    let (pem, open_to_others) = read(path).map_err(|why| unusable(format!("{why}: check the path")))?;
    let public = match RsaKey::from_pem(&pem) {
        Ok(key) => Some(PublicKey::of(&key)?),
        Err(KeyError::Encrypted) => None,
        Err(error) => return Err(unusable(error.to_string())),
    };
    Ok(Existing { path: path.to_owned(), is_encrypted: public.is_none(), public, open_to_others })
}

impl Existing {
    /// With the passphrase from this file descriptor, if it is encrypted.
    pub(super) fn with_passphrase(self, fd: Option<u32>) -> Result<Self, Failure> {
        let (None, Some(fd)) = (&self.public, fd) else { return Ok(self) };
        let variables = [
            ("IBKR_AUTH_CLIENT_ID", "-".as_ref()),
            ("IBKR_AUTH_CLIENT_KEY_ID", "-".as_ref()),
            ("IBKR_AUTH_CREDENTIAL", "-".as_ref()),
            ("IBKR_AUTH_PRIVATE_KEY_FILE", self.path.as_os_str()),
        ];
        let source = Reader::new().vars(variables).read()?.key;
        let public = PublicKey::of(&LazyKey::new(source, Some(fd)).load()?.key.rsa())?;
        Ok(Self { public: Some(public), ..self })
    }
}

/// Shuts it to others.
#[cfg(unix)]
pub(super) fn close(path: &Path) -> Result<(), Failure> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(|error| {
        Failure::new(Exit::Failed, format!("the permissions of {} cannot be changed", path.display()))
            .why(error.to_string())
            .todo("ask its owner to `chmod 600` it")
    })
}

#[cfg(not(unix))]
pub(super) fn close(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, bool), String> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read by this user".to_owned(),
        _ => format!("it cannot be read ({error})"),
    };
    // Asked before it is opened: opening a FIFO waits for a writer.
    let about = fs::metadata(path).map_err(unreadable)?;
    if about.is_dir() {
        return Err("it is a folder".to_owned());
    } else if !about.is_file() {
        return Err("it is not a regular file".to_owned());
    } else if about.len() > LONGEST {
        return Err("it is larger than 64 KiB".to_owned());
    }
    // Room for everything at once: a buffer that grows leaves copies behind.
    let mut pem = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut pem)).map_err(unreadable)?;
    Ok((pem, is_open_to_others(&about)))
}

#[cfg(unix)]
fn is_open_to_others(about: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_about: &Metadata) -> bool {
    false
}
