//! Settings before their key is read.

use ibkr_auth_core::Config;

use crate::{FileError, KeySource, Settings, Transport, key_source::ReadKey};

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
    /// The keys that are given, each once.
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
