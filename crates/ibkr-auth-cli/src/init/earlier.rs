//! Settings that are there already, complete or not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ibkr_auth_config::{Proxy, Reader, Unkeyed, local};
use ibkr_auth_core::Tier;

use crate::init::TierName;

/// Each key that settings must have, and a variable that stands in for it.
const REQUIRED: [(&str, &str); 4] = [
    ("client_id", "IBKR_AUTH_CLIENT_ID"),
    ("client_key_id", "IBKR_AUTH_CLIENT_KEY_ID"),
    ("credential", "IBKR_AUTH_CREDENTIAL"),
    ("private_key_file", "IBKR_AUTH_PRIVATE_KEY_FILE"),
];

#[derive(Debug)]
pub(super) enum Earlier {
    None,
    Values(Box<Values>),
    /// Why they cannot be completed line by line.
    Unusable(String),
}

/// What they say, and how they say it.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) text: String,
    pub(super) client_id: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) key: Option<PathBuf>,
    pub(super) tier: Option<TierName>,
    /// What in them leads logins elsewhere than straight to IBKR, and from where IBKR shall think that they
    /// come.
    pub(super) detours: Vec<String>,
    /// They lead to this machine, where the simulator's key may be used.
    pub(super) admit_demo_key: bool,
}

impl Earlier {
    pub(super) fn values(&self) -> Option<&Values> {
        match self {
            Self::Values(values) => Some(values),
            _ => None,
        }
    }
}

pub(super) fn read(file: &Path) -> Earlier {
    if fs::symlink_metadata(file).is_err() {
        return Earlier::None;
    }
    match values(file) {
        Ok(values) => Earlier::Values(Box::new(values)),
        Err(why) => Earlier::Unusable(why),
    }
}

/// What reads a file that lacks these required keys. The variables of the process do not count.
pub(super) fn reader(file: &Path, lacks: impl Fn(&str) -> bool) -> Reader {
    let stand_ins = REQUIRED.iter().filter(|(key, _)| lacks(key)).map(|(_, variable)| (*variable, "-"));
    Reader::new().file(file).vars(stand_ins)
}

fn values(file: &Path) -> Result<Values, String> {
    let profiles = reader(file, |_| true).profiles().map_err(|error| error.message().to_owned())?;
    if !profiles.is_empty() {
        return Err("it has profiles, which `init` does not edit".to_owned());
    }
    let most = reader(file, |_| true).read().map_err(|error| error.message().to_owned())?;
    if own(file, "private_key_file", |settings| settings.sets("private_key")) == Some(true) {
        return Err("it holds the private key itself, which `init` does not edit".to_owned());
    }
    Ok(Values {
        text: text(file)?,
        detours: detours(&most),
        admit_demo_key: most.admits_demo_key(),
        client_id: own(file, "client_id", |settings| settings.config.client_id().to_owned()),
        key_id: own(file, "client_key_id", |settings| settings.config.client_key_id().to_owned()),
        credential: own(file, "credential", |settings| settings.config.credential().expose().to_owned()),
        key: own(file, "private_key_file", |settings| settings.key.file().map(Path::to_owned)).flatten(),
        tier: most.sets("tier").then(|| match most.config.tier() {
            Tier::ReadOnly => TierName::ReadOnly,
            Tier::Brokerage => TierName::Brokerage,
        }),
    })
}

fn text(file: &Path) -> Result<String, String> {
    let content = local::read(file).map_err(|error| error.message().to_owned())?;
    String::from_utf8(content.bytes.to_vec()).map_err(|error| error.to_string())
}

/// The keys, with their values where those are no secret.
fn detours(settings: &Unkeyed) -> Vec<String> {
    let Unkeyed { config, transport, .. } = settings;
    let shown = |key: &str| match (key, &transport.ca_file) {
        ("base_url", _) => format!("{key} ({})", config.host()),
        ("ca_file", Some(file)) => format!("{key} ({})", file.display()),
        _ => key.to_owned(),
    };
    let is_off = matches!(transport.proxy, Some(Proxy::Off));
    ["base_url", "proxy", "ca_file", "ca_only", "public_ip", "ip_services", "alternative_ips"]
        .into_iter()
        .filter(|key| settings.sets(key) && !(*key == "proxy" && is_off))
        .map(shown)
        .collect()
}

/// The file's own value of a required key, whatever else it lacks.
fn own<T>(file: &Path, key: &str, value: impl Fn(&Unkeyed) -> T) -> Option<T> {
    reader(file, |other| other != key).read().ok().map(|settings| value(&settings))
}
