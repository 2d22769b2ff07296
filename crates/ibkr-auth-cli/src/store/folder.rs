//! The folder for kept sessions: private, and where the platform wants it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;

use crate::{exit::Exit, failure::Failure};

/// The user's folder for state, or for data where a platform knows no state.
pub(super) fn of_platform() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|_| {
        Failure::new(Exit::Failed, "this user has no home folder to keep sessions in")
            .todo("choose a folder with --state-dir or IBKR_AUTH_STATE_DIR")
    })?;
    Ok(base.state_dir().unwrap_or_else(|| base.data_dir()).join("ibkr-auth"))
}

/// Makes the folder for its owner alone if it is not there. One that is there is not changed: it may be anybody's.
pub(super) fn prepare(folder: &Path) -> Result<(), Failure> {
    let unusable = || Failure::new(Exit::Failed, format!("the folder {} cannot be used", folder.display()));
    let is_open = make(folder).map_err(|error| {
        unusable()
            .why(error.to_string())
            .todo("correct its permissions, or choose another folder with --state-dir")
    })?;
    match is_open {
        false => Ok(()),
        true => Err(unusable()
            .why("other users may write into it, and could replace what is kept")
            .todo("make it yours with `chmod go-w`, or choose another folder with --state-dir")),
    }
}

/// Says whether others may write into it.
#[cfg(unix)]
fn make(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    const WRITABLE_BY_OTHERS: u32 = 0o022;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    Ok(fs::metadata(folder)?.permissions().mode() & WRITABLE_BY_OTHERS != 0)
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    Ok(false)
}
