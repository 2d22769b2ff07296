//! Settings of OAuth 1.0a that are there already, complete or not.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use ibkr_auth_config::{Reader, Unkeyed};
use ibkr_auth_core::oauth1::DhParameters;

use super::setting::{ACCESS_TOKEN, ACCESS_TOKEN_SECRET, ALL, CONSUMER_KEY, ENCRYPTION_KEY_FILE, KEY_FILE};
use crate::{
    failure::Failure,
    init::{
        earlier::{refuse_detours, refuse_profiles, unusable},
        setting::Values,
    },
};

/// Takes the place of the file of Diffie-Hellman parameters.
const DH_PRIME: &str = "oauth1_dh_prime";

/// What they say.
pub(super) struct Earlier {
    /// The files by what is written of their paths.
    pub(super) values: Values,
    pub(super) has_prime: bool,
    folder: PathBuf,
}

impl Earlier {
    /// The file that this key names.
    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        let text = self.values.get(key)?;
        Some(match (text.strip_prefix("~/"), env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.folder.join(text),
        })
    }
}

/// `None`: there are none.
pub(super) fn read(file: &Path) -> Result<Option<Earlier>, Failure> {
    if fs::symlink_metadata(file).is_err() {
        return Ok(None);
    }
    let (earlier, settings) = read_any(file)?;
    refuse_detours(&settings, file)?;
    Ok(Some(earlier))
}

/// Those that are there, wherever they lead.
pub(super) fn read_any(file: &Path) -> Result<(Earlier, Unkeyed), Failure> {
    let reader = Reader::new().file(file);
    refuse_profiles(&reader, file)?;
    let written = reader.written().map_err(|error| unusable(file, error.message()))?;
    let has = |key: &str| written.iter().any(|(own, _)| *own == key);
    if has("private_key") {
        return Err(unusable(file, "it holds the private key itself, which `init` does not edit"));
    }
    // Values that are there are judged; what is missing is stood in for. The variables of the process do not
    // count, and files may come later.
    let needed = [CONSUMER_KEY, ACCESS_TOKEN, ACCESS_TOKEN_SECRET, KEY_FILE, ENCRYPTION_KEY_FILE];
    let stand_ins = needed.iter().map(|setting| (setting.key, "X")).filter(|(key, _)| !has(key));
    let stand_ins = stand_ins.chain((!has(DH_PRIME)).then_some((DH_PRIME, DhParameters::GROUP_14)));
    let variables: Vec<_> = stand_ins
        .map(|(key, value)| (format!("IBKR_AUTH_{}", key.to_ascii_uppercase()), value.to_owned()))
        .collect();
    let settings = Reader::new().file(file).vars(variables).read();
    let settings = settings.map_err(|error| unusable(file, error.message()))?;
    let own = |key: &'static str| Some((key, written.iter().find(|(own, _)| *own == key)?.1.clone()));
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    let values = ALL.iter().filter_map(|setting| own(setting.key)).collect();
    Ok((Earlier { values, has_prime: has(DH_PRIME), folder }, settings))
}
