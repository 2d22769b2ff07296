//! Locks between invocations. The system releases them however a process ends.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Write},
    path::Path,
};

use ibkr_auth_config::local;

/// The right to change a kept session, until drop.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read")] Option<File>);

impl Lock {
    /// Where no file can be made nothing can be changed either: what is there is read without a lock.
    pub(super) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        match lock(path) {
            Ok(file) => Ok(file.map(|file| Self(Some(file)))),
            Err(error) if is_read_only(&error) => Ok(Some(Self(None))),
            Err(error) => Err(error),
        }
    }
}

/// The place of the one process that keeps a session connected, until drop.
#[derive(Debug)]
#[must_use = "the place is given up on drop"]
pub struct KeeperPlace(#[expect(dead_code, reason = "held, not read")] File);

impl KeeperPlace {
    /// Others find our process id in the file.
    pub(super) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let Some(mut file) = lock(path)? else { return Ok(None) };
        // As wide as any other that may stand there.
        write!(file, "{:<10}", std::process::id())?;
        Ok(Some(Self(file)))
    }

    /// Who has it. A process that has just begun is 0.
    pub(super) fn holder(path: &Path) -> Option<u32> {
        let mut file = local::open_own(path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {}
            Ok(()) | Err(TryLockError::Error(_)) => return None,
        }
        let mut text = String::new();
        // Windows lets nobody read what is locked: that there is one is known all the same.
        let _ = file.read_to_string(&mut text);
        Some(text.trim().parse().unwrap_or_default())
    }
}

/// A lock file that is there is not changed. Where none can be made or written, one that can be read will do.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = local::create_own(path).or_else(|error| match is_read_only(&error) {
        true => local::open_own(path).map_err(|_| error),
        false => Err(error),
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether nothing can be written there, although what is there may be read.
pub(super) fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};

    matches!(error.kind(), ReadOnlyFilesystem | PermissionDenied | StorageFull | QuotaExceeded)
}
