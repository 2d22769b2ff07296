//! Files that appear whole or not at all: each is written beside its place first, and then put there.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{exit::Exit, failure::Failure};

/// For its owner alone.
pub(super) const PRIVATE: u32 = 0o600;
/// For everyone's eyes.
pub(super) const PUBLIC: u32 = 0o644;

/// A file that is written but not in its place yet. It goes away unless it is put there.
pub(super) struct Staged {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl Staged {
    pub(super) fn new(target: &Path, content: &[u8], mode: u32) -> Result<Self, Failure> {
        let temporary = write(target, content, mode).map_err(|error| unwritable(target, &error))?;
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// Where it is now.
    pub(super) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts it in its place, where nothing must be.
    pub(super) fn put(self) -> Result<(), Failure> {
        let put = self.temporary.persist_noclobber(&self.target);
        put.map(drop).map_err(|error| unwritable(&self.target, &error.error))
    }

    /// Puts it in the place of what it completes, for the same users.
    pub(super) fn replace(self) -> Result<(), Failure> {
        let like = fs::metadata(&self.target)
            .and_then(|before| self.temporary.as_file().set_permissions(before.permissions()));
        like.map_err(|error| unwritable(&self.target, &error))?;
        let put = self.temporary.persist(&self.target);
        put.map(drop).map_err(|error| unwritable(&self.target, &error.error))
    }
}

/// tempfile makes files for their owner alone, whatever the umask is.
fn write(target: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".ibkr-auth-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(content)?;
    set_mode(&file, mode)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(unix)]
fn set_mode(file: &NamedTempFile, mode: u32) -> io::Result<()> {
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_file: &NamedTempFile, _mode: u32) -> io::Result<()> {
    Ok(())
}

fn unwritable(target: &Path, error: &io::Error) -> Failure {
    let why = error.to_string();
    // tempfile adds the name of the temporary file, which is no help.
    let why = why.split(" at path ").next().unwrap_or_default();
    Failure::new(Exit::Failed, format!("{} cannot be written", target.display()))
        .why(why)
        .help("free some space, correct the permissions of its folder, or choose another with --dir")
}
