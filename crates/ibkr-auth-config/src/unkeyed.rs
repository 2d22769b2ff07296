//! Settings before their key is read.

use ibkr_auth_core::Config;

use crate::{FileError, KeySource, Settings, Transport, here, key_source::ReadKey};

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

    /// Whether the server is on this machine, and asked without a proxy: a simulator, as far as anybody can
    /// tell.
    pub fn is_local(&self) -> bool {
        here::is_server(&self.config, &self.transport)
    }

    /// Whether these settings lead, in the first place, to this machine: to a server on it, or to a proxy on
    /// it. Nothing else may be asked with the key for which [`is_demo_key`](crate::is_demo_key) holds.
    pub fn admits_demo_key(&self) -> bool {
        here::is_first_stop(&self.config, &self.transport)
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
