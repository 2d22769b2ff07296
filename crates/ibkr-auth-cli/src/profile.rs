//! Who logs in: the settings of this invocation.

use std::path::{Path, PathBuf, absolute};

use etcetera::BaseStrategy;
use ibkr_auth_blocking::{Config, Transport};
use ibkr_auth_config::{Proxy, Reader, Unkeyed};
use ibkr_auth_core::Tier;

use crate::{exit::Exit, failure::Failure, lazy_key::LazyKey, options::Global};

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
        let Unkeyed { config, transport, profile, key, .. } = settings;
        let key = LazyKey::new(key, global.passphrase_fd);
        Ok(Self { name: profile, config, transport, key, warnings })
    }

    /// What tells sessions apart: who logs in where, and what is trusted on the way. A session is used with
    /// the proxy and the certificates alone with which it was made, and a simulator's is never taken for a
    /// real one.
    pub(crate) fn identity(&self) -> Vec<String> {
        let config = &self.config;
        let tier = match config.tier() {
            Tier::ReadOnly => "read-only",
            Tier::Brokerage => "brokerage",
        };
        let who = [
            config.client_id(),
            config.client_key_id(),
            config.credential().expose(),
            config.host().base_url(),
            tier,
        ];
        who.into_iter().map(str::to_owned).chain([trust(&self.transport), road(&self.transport)]).collect()
    }
}

/// The certificates that the settings name, however their path is written.
fn trust(transport: &Transport) -> String {
    let Some(file) = &transport.ca_file else { return String::new() };
    let file = file.canonicalize().or_else(|_| absolute(file)).unwrap_or_else(|_| file.clone());
    format!("{} {}", if transport.ca_only { "only" } else { "also" }, file.display())
}

/// The proxy, if the settings name it, or it runs on this machine. One of the network that the environment
/// names is there in one shell and not in the next, and sees no more than the network does.
fn road(transport: &Transport) -> String {
    match &transport.proxy {
        Some(Proxy::Url(url)) => url.expose().to_owned(),
        Some(proxy @ Proxy::UrlExcept(url, _)) if proxy.is_here() => url.expose().to_owned(),
        _ => String::new(),
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
    if std::env::var_os("IBKR_AUTH_CLIENT_ID").is_some() {
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
