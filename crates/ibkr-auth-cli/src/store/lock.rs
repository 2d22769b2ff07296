//! Locks between invocations. The system releases them however a process ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
};

/// The right to change a kept session, until drop.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    pub(super) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        Ok(lock(path)?.map(Self))
    }
}

/// The place of the one process that keeps a session connected, until drop.
#[derive(Debug)]
pub(crate) struct Keeper(#[expect(dead_code, reason = "held, not read")] File);

impl Keeper {
    /// Others find our process id in the file.
    pub(super) fn try_become(path: &Path) -> io::Result<Option<Self>> {
        let Some(mut file) = lock(path)? else { return Ok(None) };
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        Ok(Some(Self(file)))
    }

    /// Who has it. A process that has just begun is 0.
    pub(super) fn of(path: &Path) -> Option<u32> {
        let mut file = super::open(path).ok()?;
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

fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
