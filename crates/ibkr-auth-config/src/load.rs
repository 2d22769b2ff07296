//! The ways to read settings.

use std::{ffi::OsString, path::Path};

use ibkr_auth_core::Config;

use crate::{
    FileError, Settings, draft::Draft, env::Env, error::Problem, gathered::Gathered, proxy_env,
    source::Source, yaml::Entries,
};

impl Settings {
    /// Reads a file like `ibauth`'s `config.yaml`, overridden by the variables `IBKR_AUTH_…` of this process. Logs the
    /// [`warnings`](Self::warnings).
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn from_yaml(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Ok(Self::from_yaml_with(path, std::env::vars_os())?.logged())
    }

    /// Like [`from_yaml`](Self::from_yaml), with these environment variables instead of the process's, and without the log.
    ///
    /// # Errors
    /// A [`FileError`] that says where, what, and what to do.
    pub fn from_yaml_with<N: Into<OsString>, V: Into<OsString>>(
        path: impl AsRef<Path>,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, FileError> {
        let source = Source::open(path.as_ref())?;
        let entries = source.entries()?;
        build(Some(&source), entries, &Env::new(vars))
    }

    /// Reads no file but the key's: everything comes from the variables `IBKR_AUTH_…` of this process. Logs the
    /// [`warnings`](Self::warnings).
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
        build(None, Entries::new(), &Env::new(vars))
    }

    fn logged(self) -> Self {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        self
    }
}

fn build(source: Option<&Source>, entries: Entries, env: &Env) -> Result<Settings, FileError> {
    let gathered = Gathered::new(source, entries, env)?;
    let config = Config::new(
        gathered.required("client_id")?,
        gathered.required("client_key_id")?,
        gathered.required("credential")?,
    );
    let mut draft =
        Draft::new(config.map_err(|error| gathered.blame(&[error.field()], Problem::from(error)))?);
    for entry in &gathered.all {
        (entry.key.read)(&mut draft, &entry.given).map_err(|problem| gathered.at(entry, problem))?;
    }
    let mut settings = draft.finish().map_err(|(keys, problem)| gathered.blame(keys, problem))?;
    if settings.transport.proxy.is_none() {
        settings.transport.proxy = Some(proxy_env::choose(env)?);
    }
    Ok(settings)
}
