//! The folder for kept sessions: private, and where the platform wants it.

use std::{
    io,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use ibkr_auth_config::local;

use crate::StoreError;

/// The user's folder for state, or for data where a platform knows no state.
pub(super) fn of_platform() -> Result<PathBuf, StoreError> {
    let base = etcetera::choose_base_strategy().map_err(|_| {
        StoreError::new(
            "this user has no home folder to keep sessions in",
            "choose a folder with --state-dir or IBKR_AUTH_STATE_DIR",
        )
    })?;
    let folder = base.state_dir().unwrap_or_else(|| base.data_dir()).join("ibkr-auth");
    if folder.is_relative() {
        let help = "correct HOME, or choose a folder with --state-dir or IBKR_AUTH_STATE_DIR";
        return Err(StoreError::new("this user's home folder is not an absolute path", help)
            .why("sessions would be kept in another folder wherever the program is started"));
    }
    Ok(folder)
}

/// Makes the folder for its owner alone if it is not there. One that is there is not changed: it may be
/// anybody's.
pub(super) fn prepare(folder: &Path) -> Result<(), StoreError> {
    match local::make_folder(folder) {
        Ok(()) => check(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(unusable(folder, "it is a file", "move the file away"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(unusable(folder, "there is a file above it", "correct its path"))
        }
        Err(error) => Err(unusable(folder, &error.to_string(), "correct its permissions")),
    }
}

/// Refuses a folder in which other users could replace what is kept, and one that they could replace as a
/// whole.
pub(super) fn check(folder: &Path) -> Result<(), StoreError> {
    if let Some(Open { why, help }) = openness(folder) {
        return Err(unusable(folder, why, help));
    }
    match local::open_folder(folder).filter(|_| folder.exists()) {
        Some(above) => {
            let why = format!("every user of this machine could replace it, in {}", above.display());
            Err(unusable(folder, &why, "`chmod o-w` (or `chmod +t`) that folder"))
        }
        None => Ok(()),
    }
}

fn unusable(folder: &Path, why: &str, help: &str) -> StoreError {
    let what = format!("the folder {} cannot be used", folder.display());
    StoreError::new(what, format!("{help}, or choose another folder with --state-dir")).why(why)
}

/// How other users could replace what is kept.
#[cfg_attr(not(unix), allow(dead_code, reason = "modes and owners are those of Unix"))]
#[derive(Debug, PartialEq, Eq)]
struct Open {
    why: &'static str,
    help: &'static str,
}

/// What cannot be looked at is not there, or will not be opened either.
#[cfg(unix)]
fn openness(folder: &Path) -> Option<Open> {
    use std::os::unix::fs::MetadataExt;

    let folder = std::fs::metadata(folder).ok()?;
    open_to_others(folder.mode(), folder.uid(), rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn openness(_folder: &Path) -> Option<Open> {
    None
}

#[cfg(unix)]
fn open_to_others(mode: u32, owner: u32, user: u32) -> Option<Open> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const ROOT: u32 = 0;
    if mode & WRITABLE_BY_OTHERS != 0 {
        let why = "other users may write into it, and could replace what is kept";
        return Some(Open { why, help: "make it yours with `chmod go-w`" });
    }
    let why = "it belongs to another user, who could replace what is kept";
    (owner != user && owner != ROOT).then_some(Open { why, help: "make it yours with `chown`" })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::open_to_others;

    #[test]
    fn a_folder_is_the_users_own_or_that_of_the_system() {
        let help = |mode, owner| open_to_others(mode, owner, 1_000).map(|open| open.help);
        assert_eq!((help(0o700, 1_000), help(0o755, 0)), (None, None));
        assert_eq!(help(0o700, 65_534), Some("make it yours with `chown`"));
        assert_eq!(help(0o1777, 0), Some("make it yours with `chmod go-w`"));
        let root = open_to_others(0o755, 1_000, 0);
        assert!(root.is_some_and(|open| open.why.contains("another user")));
    }
}
