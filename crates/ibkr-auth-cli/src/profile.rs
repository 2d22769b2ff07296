//! Who logs in: the settings of this invocation.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use ibkr_auth_blocking::{Config, Transport};
use ibkr_auth_config::{Reader, Unkeyed};
use ibkr_auth_core::Tier;

use crate::{args::Global, exit::Exit, failure::Failure, key::LazyKey};

const FILE: &str = "config.yaml";

/// The settings, without the key until something has to be signed.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) config: Config,
    pub(crate) transport: Transport,
    pub(crate) key: LazyKey,
    pub(crate) warnings: Vec<String>,
}

impl Profile {
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let settings = reader(global)?.read()?;
        let warnings = settings.warnings().to_vec();
        // Where the settings say nothing, nobody's TWS is to be ended.
        let compete = settings.sets("compete") && settings.config.compete();
        let Unkeyed { config, transport, profile, key, .. } = settings;
        let key = LazyKey::new(key, global.passphrase_fd);
        Ok(Self { name: profile, config: config.with_compete(compete), transport, key, warnings })
    }

    /// What tells sessions apart.
    pub(crate) fn identity(&self) -> [&str; 5] {
        let config = &self.config;
        let tier = match config.tier() {
            Tier::ReadOnly => "read-only",
            Tier::Brokerage => "brokerage",
        };
        [
            config.client_id(),
            config.client_key_id(),
            config.credential().expose(),
            config.host().base_url(),
            tier,
        ]
    }
}

/// What reads the settings of this invocation.
pub(crate) fn reader(global: &Global) -> Result<Reader, Failure> {
    let mut reader = Reader::new();
    if let Some(file) = file(global)? {
        reader = reader.file(file);
    }
    if let Some(name) = &global.profile {
        reader = reader.profile(name);
    }
    Ok(reader)
}

/// The settings file: the one that is named, or the first of the usual places. `None`: the variables say everything.
pub(crate) fn file(global: &Global) -> Result<Option<PathBuf>, Failure> {
    if let Some(file) = &global.config {
        return Ok(Some(file.clone()));
    }
    let usual: Vec<PathBuf> = [Some(PathBuf::from(FILE)), of_platform()].into_iter().flatten().collect();
    if let Some(file) = usual.iter().find(|file| file.exists()) {
        return Ok(Some(file.clone()));
    }
    if std::env::var_os("IBKR_AUTH_CLIENT_ID").is_some() {
        return Ok(None);
    }
    let places: Vec<String> = usual.iter().map(|place| place.display().to_string()).collect();
    Err(Failure::new(Exit::Config, "there are no settings")
        .why(format!("neither {} nor the variables IBKR_AUTH_… are there", places.join(" nor ")))
        .todo("make them with `ibkr-auth init`, or name a file with --config"))
}

/// The settings file in the user's configuration folder.
pub(crate) fn of_platform() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.config_dir().join("ibkr-auth").join(FILE))
}

/// A path for people: that of the file, or what stands for it.
pub(crate) fn shown(file: Option<&Path>) -> String {
    file.map_or_else(|| "the variables IBKR_AUTH_…".to_owned(), |file| file.display().to_string())
}
