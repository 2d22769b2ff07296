//! Settings with their key, and without it.

use std::ffi::OsString;

use ibkr_auth_core::Config;

use crate::{FileError, KeySource, ReadKey, Reader, SigningKey, Transport};

/// Everything a client needs. `Debug` shows no secret.
#[derive(Debug)]
pub struct Settings {
    /// Who logs in, where, and how patiently.
    pub config: Config,
    /// The key that signs.
    pub key: SigningKey,
    /// Trust and proxy.
    pub transport: Transport,
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// What works but should be changed, such as a private key that everyone on the machine can read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

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

/// Settings whose key was not read yet: all that a program needs that signs nothing. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Unkeyed {
    /// Who logs in, where, and how patiently.
    pub config: Config,
    /// Trust and proxy.
    pub transport: Transport,
    /// The profile that was chosen.
    pub profile: Option<String>,
    /// Where the key that signs is.
    pub key: KeySource,
    pub(crate) warnings: Vec<String>,
    /// The fields that are given, each once.
    pub(crate) given: Vec<&'static str>,
}

impl Unkeyed {
    /// What works but should be changed, as far as it is known without the key.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether file or variables set this key of `config.yaml`, in contrast to its default.
    pub fn sets(&self, key: &str) -> bool {
        self.given.contains(&key)
    }

    /// Whether the server is on this machine, and asked without a proxy: a simulator, as far as anybody can
    /// tell.
    pub fn is_local(&self) -> bool {
        self.transport.is_local(&self.config)
    }

    /// Whether these settings lead, in the first place, to this machine: to a server on it, or to a proxy on
    /// it. Nothing else may be asked with the key for which [`is_demo_key`](crate::is_demo_key) holds.
    pub fn admits_demo_key(&self) -> bool {
        self.transport.stays_here(&self.config)
    }

    /// Reads the key.
    ///
    /// # Errors
    /// Those of [`KeySource::read`].
    pub fn with_key(self) -> Result<Settings, FileError> {
        let Self { config, transport, mut warnings, .. } = self;
        let ReadKey { key, warnings: more } = self.key.read()?;
        warnings.extend(more);
        Ok(Settings { config, key, transport, warnings })
    }
}
