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

/// Makes the folder if it is not there, and shuts it to others.
pub(super) fn prepare(folder: &Path) -> Result<(), Failure> {
    make(folder).map_err(|error| {
        Failure::new(Exit::Failed, format!("the folder {} cannot be used", folder.display()))
            .why(error.to_string())
            .todo("correct its permissions, or choose another folder with --state-dir")
    })
}

#[cfg(unix)]
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
