//! Who logs in: the settings of this invocation.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use ibkr_auth_blocking::{Config, Transport};
use ibkr_auth_config::{GatewaySettings, Reader, Unkeyed};
use ibkr_auth_store::SessionIdentity;

use crate::{exit::Exit, failure::Failure, lazy_key::LazyKey, options::Global};

const FILE: &str = "config.yaml";

/// The settings, without the key until something has to be signed.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) config: Config,
    pub(crate) transport: Transport,
    #[cfg_attr(not(feature = "gateway"), expect(dead_code, reason = "for the gateway alone"))]
    pub(crate) gateway: GatewaySettings,
    pub(crate) key: LazyKey,
    pub(crate) warnings: Vec<String>,
}

impl Profile {
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let settings = reader(global)?.read()?;
        let warnings = settings.warnings().to_vec();
        let Unkeyed { config, transport, gateway, profile, key, .. } = settings;
        let key = LazyKey::new(key, global.passphrase_fd);
        Ok(Self { name: profile, config, transport, gateway, key, warnings })
    }

    /// Whose session it is.
    pub(crate) fn identity(&self) -> SessionIdentity {
        SessionIdentity::of(&self.config, &self.transport)
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

/// The settings file: the one that is named, or that of the user. `None`: the variables say everything.
///
/// One in the current folder is named, not read: somebody else may have filled that folder, and settings
/// decide where tokens go.
pub(crate) fn file(global: &Global) -> Result<Option<PathBuf>, Failure> {
    if let Some(file) = &global.config {
        return Ok(Some(file.clone()));
    }
    let own = of_platform();
    if let Some(file) = own.as_ref().filter(|file| file.exists()) {
        return Ok(Some(file.clone()));
    }
    // Each login is known by one of these.
    let logins = ["IBKR_AUTH_CLIENT_ID", "IBKR_AUTH_OAUTH1_CONSUMER_KEY", "IBKR_AUTH_IMPORT_IBIND"];
    if logins.iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(None);
    }
    let own = own.map(|file| format!("{} nor ", file.display())).unwrap_or_default();
    let help = match Path::new(FILE).exists() {
        true => format!("there is a {FILE} here: if it is yours, use it with `--config {FILE}`"),
        false => "make them with `ibkr-auth init`, or name a file with --config".to_owned(),
    };
    Err(Failure::new(Exit::Config, "there are no settings")
        .why(format!("neither {own}the variables IBKR_AUTH_… are there"))
        .help(help))
}

/// The settings file in the user's configuration folder. A relative one would be another in each folder.
pub(crate) fn of_platform() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    let file = base.config_dir().join("ibkr-auth").join(FILE);
    file.is_absolute().then_some(file)
}

/// A path for people: that of the file, or what stands for it.
pub(crate) fn shown(file: Option<&Path>) -> String {
    file.map_or_else(|| "the variables IBKR_AUTH_…".to_owned(), |file| file.display().to_string())
}
