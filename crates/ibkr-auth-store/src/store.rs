//! One private file for each identity, and the locks beside it.

mod folder;
mod lock;
mod locked;
mod seal;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_config::local;
use zeroize::Zeroizing;

pub use lock::KeeperPlace;
pub use locked::Locked;
pub(crate) use seal::digest;

use crate::{Keeper, Program, Record, SessionIdentity, StoreError};
use lock::Lock;

/// A record is a few KiB.
const LONGEST: u64 = 256 * 1024;
const TRY_EVERY: Duration = Duration::from_millis(25);
/// So many times a keeper's place is tried: for half a second.
const PATIENCE: u32 = 20;

/// Where the session of one identity is kept. Everything it does is work on files, which may block.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    name: String,
}

impl Store {
    /// In this folder, or where the program `ibkr-auth` keeps sessions: in the user's folder for state. It is
    /// made when something is kept.
    ///
    /// # Errors
    /// When no folder is named and the user has none.
    pub fn new(state_dir: Option<&Path>, identity: &SessionIdentity) -> Result<Self, StoreError> {
        let folder = match state_dir {
            Some(folder) => folder.to_owned(),
            None => folder::of_platform()?,
        };
        Ok(Self { folder, name: identity.file_name() })
    }

    /// The file of the record.
    pub fn path(&self) -> PathBuf {
        self.file("session")
    }

    /// What is kept. Where there is nothing, or what there is is damaged, the record is empty.
    ///
    /// # Errors
    /// When the folder or the file is open to others, or the file cannot be read.
    pub fn read(&self) -> Result<Record, StoreError> {
        let unreadable = |error: &io::Error| {
            let what = format!("{} cannot be read", self.path().display());
            StoreError::new(what, "check its permissions, or remove it").why(error.to_string())
        };
        folder::check(&self.folder)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        match local::open_own_secret(&self.path()) {
            Ok(file) => file.take(LONGEST).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?,
            // What is wrong with the folder is said by who writes there.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Record::default());
            }
            Err(error) => return Err(unreadable(&error)),
        };
        let record = seal::open(&bytes).and_then(|content| serde_json::from_slice(content).ok());
        let record: Record = record.unwrap_or_else(Record::damaged);
        Ok(record.seen_at(SystemTime::now()).completed())
    }

    /// Waits until nobody else changes the session. `waiting` is called once if that takes long.
    ///
    /// # Errors
    /// When it takes longer than `within`, or nothing can be kept in the folder.
    pub fn lock(&self, within: Duration, waiting: impl FnOnce()) -> Result<Locked, StoreError> {
        let (begin, mut waiting) = (Instant::now(), Some(waiting));
        loop {
            if let Some(locked) = self.try_lock()? {
                return Ok(locked);
            }
            if begin.elapsed() > within {
                let what =
                    format!("another ibkr-auth has been at work on this session for {} s", within.as_secs());
                return Err(StoreError::new(what, "look for it with `ps`, or try again later"));
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            std::thread::sleep(TRY_EVERY);
        }
    }

    /// The same without waiting; `None` while somebody else has it.
    ///
    /// # Errors
    /// When nothing can be kept in the folder.
    pub fn try_lock(&self) -> Result<Option<Locked>, StoreError> {
        folder::prepare(&self.folder)?;
        self.take_lock()?.map(|lock| Locked::new(self.clone(), lock)).transpose()
    }

    /// Whether sessions can be kept in the folder, which is made if it is not there. It is no matter who is
    /// at work on this one.
    ///
    /// # Errors
    /// When not.
    pub fn probe(&self) -> Result<(), StoreError> {
        folder::prepare(&self.folder)?;
        self.take_lock().map(drop)
    }

    fn take_lock(&self) -> Result<Option<Lock>, StoreError> {
        Lock::try_take(&self.file("lock")).map_err(|error| self.unwritable(&error))
    }

    /// Others see the old record or the new one, and never a part.
    fn write(&self, record: &Record) -> Result<(), StoreError> {
        let content = Zeroizing::new(serde_json::to_vec(record).unwrap_or_default());
        self.replace(&seal::close(&content)).map_err(|error| self.unwritable(&error))
    }

    /// Takes the place of the one that keeps this session connected; `None` where another has it. Waits for
    /// half a second before that is believed.
    ///
    /// # Errors
    /// When nothing can be kept in the folder.
    pub fn become_keeper(&self) -> Result<Option<KeeperPlace>, StoreError> {
        folder::prepare(&self.folder)?;
        // Whoever looks whether there is a keeper has the lock for a moment.
        for _ in 0..PATIENCE {
            let place = KeeperPlace::try_take(&self.file("keep")).map_err(|error| self.unwritable(&error))?;
            if place.is_some() {
                return Ok(place);
            }
            std::thread::sleep(TRY_EVERY);
        }
        Ok(None)
    }

    /// Who keeps this session connected, if anybody does. Until its [`Recorder`](crate::Recorder) has written
    /// for the first time, it passes for the same program as the one before.
    pub fn keeper(&self) -> Option<Keeper> {
        let pid = KeeperPlace::holder(&self.file("keep"))?;
        let note = self.read().ok().and_then(|record| record.keeper);
        Some(Keeper { program: note.map_or(Program::default(), |note| note.program), pid })
    }

    /// Through a file of one name, so that a killed invocation leaves no second copy of the tokens for good.
    fn replace(&self, content: &[u8]) -> io::Result<()> {
        let path = self.file("tmp");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        written.and_then(|()| fs::rename(&path, self.path())).inspect_err(|_| {
            // It holds a part of the tokens.
            let _ = fs::remove_file(&path);
        })?;
        sync(&self.folder);
        Ok(())
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.name))
    }

    fn unwritable(&self, error: &io::Error) -> StoreError {
        let what = format!("sessions cannot be kept in {}", self.folder.display());
        StoreError::new(what, help(error)).why(error.to_string())
    }
}

/// What to do when nothing can be kept for this reason.
fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if has_no_locks(error) => {
            "keep sessions on a local disk, in a folder named with --state-dir: this file system has no locks, such as \
             NFS without its lock service"
        }
        ErrorKind::ResourceBusy => {
            "mount its folder instead of the single file, which cannot be replaced where it is mounted; or choose another \
             folder with --state-dir"
        }
        ErrorKind::ReadOnlyFilesystem => "choose a folder that can be written, with --state-dir",
        _ => "free some space, correct its permissions, or choose another folder with --state-dir",
    }
}

/// Else a power cut may bring the file of before back, with fewer logins in it. Not every file system can do
/// it.
#[cfg(unix)]
fn sync(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

#[cfg(not(unix))]
fn sync(_folder: &Path) {}

#[cfg(unix)]
fn has_no_locks(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error())
}

#[cfg(not(unix))]
fn has_no_locks(_error: &io::Error) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use rustix::io::Errno;

    use super::help;

    #[test]
    fn what_to_do_fits_what_is_wrong() {
        assert!(help(&Errno::NOLCK.into()).contains("on a local disk"));
        assert!(help(&Errno::BUSY.into()).contains("mount its folder"));
        assert!(help(&Errno::ROFS.into()).contains("can be written"));
        assert!(help(&Errno::NOSPC.into()).contains("free some space"));
    }
}
