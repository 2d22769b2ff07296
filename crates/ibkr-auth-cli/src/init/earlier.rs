//! Settings that are there already, complete or not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ibkr_auth_config::{Proxy, Reader, Unkeyed};
use ibkr_auth_core::Tier;

use crate::{
    exit::Exit,
    failure::Failure,
    init::setting::{CLIENT_ID, CREDENTIAL, KEY_FILE, KEY_ID, TIER, TIERS, Values},
};

/// Each key that settings must have, and a variable that stands in for it.
const REQUIRED: [(&str, &str); 4] = [
    (CLIENT_ID.key, "IBKR_AUTH_CLIENT_ID"),
    (KEY_ID.key, "IBKR_AUTH_CLIENT_KEY_ID"),
    (CREDENTIAL.key, "IBKR_AUTH_CREDENTIAL"),
    (KEY_FILE.key, "IBKR_AUTH_PRIVATE_KEY_FILE"),
];

/// What they say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Earlier {
    pub(super) values: Values,
    pub(super) key: Option<PathBuf>,
}

/// `None`: there are none.
pub(super) fn read(file: &Path) -> Result<Option<Earlier>, Failure> {
    if fs::symlink_metadata(file).is_err() {
        return Ok(None);
    }
    let unusable = |why: &str| unusable(file, why);
    let reader = reader(file, |_| true);
    refuse_profiles(&reader, file)?;
    let settings = reader.read().map_err(|error| unusable(error.message()))?;
    refuse_detours(&settings, file)?;
    let mut values = Values::new();
    for (key, part) in [CLIENT_ID.key, KEY_ID.key, CREDENTIAL.key].into_iter().zip(0..) {
        values.extend(own(file, key, move |settings| settings.config.login().identity()[part].to_owned()));
    }
    if settings.sets(TIER.key) {
        let tier = match settings.config.tier() {
            Tier::Brokerage => TIERS[0],
            Tier::ReadOnly => TIERS[1],
        };
        values.insert(TIER.key, tier.to_owned());
    }
    let key = own(file, KEY_FILE.key, |settings| settings.key.file().map(Path::to_owned));
    if let Some((_, None)) = key {
        return Err(unusable("it holds the private key itself, which `init` does not edit"));
    }
    Ok(Some(Earlier { values, key: key.and_then(|(_, path)| path) }))
}

pub(super) fn unusable(file: &Path, why: &str) -> Failure {
    Failure::new(Exit::Config, format!("{} is there already, and cannot be completed", file.display()))
        .why(why)
        .help("edit it by hand, move it away, or choose another folder with --dir")
}

pub(super) fn refuse_profiles(reader: &Reader, file: &Path) -> Result<(), Failure> {
    match reader.profiles() {
        Ok(names) if names.is_empty() => Ok(()),
        Ok(_) => Err(unusable(file, "it has profiles, which `init` does not edit")),
        Err(error) => Err(unusable(file, error.message())),
    }
}

/// They may be somebody else's: those of a cloned repository, say.
pub(super) fn refuse_detours(settings: &Unkeyed, file: &Path) -> Result<(), Failure> {
    let detours = detours(settings).join(", ");
    if detours.is_empty() {
        return Ok(());
    }
    let what = format!("{} leads logins elsewhere than straight to IBKR: {detours}", file.display());
    Err(Failure::new(Exit::Usage, what)
        .why("whoever wrote these lines can receive your tokens, so `init` does not complete them")
        .help("remove them; or, if they are yours, add what is missing by hand (`ibkr-auth help keys`)"))
}

/// What reads a file that lacks these required keys. The variables of the process do not count.
fn reader(file: &Path, lacks: impl Fn(&str) -> bool) -> Reader {
    let stand_ins = REQUIRED.iter().filter(|(key, _)| lacks(key)).map(|(_, variable)| (*variable, "-"));
    Reader::new().file(file).vars(stand_ins)
}

/// The file's own value of a required key, whatever else it lacks.
fn own<T>(file: &Path, key: &'static str, value: impl FnOnce(&Unkeyed) -> T) -> Option<(&'static str, T)> {
    reader(file, |other| other != key).read().ok().map(|settings| (key, value(&settings)))
}

/// What leads logins elsewhere than straight to IBKR, and from where IBKR shall think that they come.
fn detours(settings: &Unkeyed) -> Vec<&'static str> {
    let is_off = matches!(settings.transport.proxy, Some(Proxy::Off));
    ["base_url", "proxy", "ca_file", "ca_only", "public_ip", "ip_services", "alternative_ips"]
        .into_iter()
        .filter(|key| settings.sets(key) && !(*key == "proxy" && is_off))
        .collect()
}
