//! A private key that is there already: whether it can be used, and what should be changed about it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ibkr_auth_config::{Reader, local};
use ibkr_jws::{KeyError, RsaKey};

use crate::{exit::Exit, failure::Failure, key::LazyKey, public_key::PublicKey};

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
        let (why, help) =
            why.rsplit_once(": ").unwrap_or((&why, "name another with --key, or make one with --new-key"));
        Failure::new(Exit::Config, format!("{} cannot be the key", path.display())).why(why).help(help)
    };
    let content = local::read(path).map_err(|error| unusable(error.to_string()))?;
    let open_to_others = content.is_open_to_others();
    let public = match RsaKey::from_pem(&content.bytes) {
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
            .help("ask its owner to `chmod 600` it")
    })
}

#[cfg(not(unix))]
pub(super) fn close(_path: &Path) -> Result<(), Failure> {
    Ok(())
}
