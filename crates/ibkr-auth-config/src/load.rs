//! The short ways to read settings with their key.

use std::ffi::OsString;

use crate::{FileError, Reader, Settings};

impl Settings {
    /// Reads a file like `ibauth`'s `config.yaml`, overridden by the variables `IBKR_AUTH_…` of this process.
    /// Logs the [`warnings`](Self::warnings).
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(path: impl AsRef<std::path::Path>) -> Result<Self, FileError> {
        Ok(Self::from_yaml_with(path, std::env::vars_os())?.logged())
    }

    /// Like [`from_yaml`](Self::from_yaml), with these environment variables instead of the process's, and
    /// without the log.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    #[cfg(feature = "yaml")]
    pub fn from_yaml_with<N: Into<OsString>, V: Into<OsString>>(
        path: impl AsRef<std::path::Path>,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FileError> {
        Reader::new().file(path.as_ref()).vars(vars).read()?.with_key()
    }

    /// Like [`from_yaml`](Self::from_yaml), with this profile of the file, whatever `IBKR_AUTH_PROFILE` and
    /// `default_profile` say.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do; it names the profiles that there are.
    #[cfg(feature = "yaml")]
    pub fn from_yaml_profile(path: impl AsRef<std::path::Path>, profile: &str) -> Result<Self, FileError> {
        Ok(Reader::new().file(path.as_ref()).profile(profile).read()?.with_key()?.logged())
    }

    /// Reads no file but the key's: everything comes from the variables `IBKR_AUTH_…` of this process. Logs
    /// the [`warnings`](Self::warnings).
    ///
    /// # Errors
    /// A [`FileError`] that says which variable, what, and what to do.
    pub fn from_env() -> Result<Self, FileError> {
        Ok(Self::from_env_with(std::env::vars_os())?.logged())
    }

    /// Like [`from_env`](Self::from_env), with these variables instead of the process's, and without the log.
    ///
    /// # Errors
    /// A [`FileError`] that says which variable, what, and what to do.
    pub fn from_env_with<N: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FileError> {
        Reader::new().vars(vars).read()?.with_key()
    }

    fn logged(self) -> Self {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        self
    }
}
