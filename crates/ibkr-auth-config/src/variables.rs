//! The variables that stand for keys.

use std::ffi::OsStr;

use zeroize::Zeroizing;

use crate::{
    env::Env,
    error::{FileError, Problem},
    given::Raw,
    keys::{self, Key, PREFIX},
};

/// Chooses the profile. It is no key: a profile does not choose another.
pub(crate) const PROFILE: &str = "IBKR_AUTH_PROFILE";

/// Those of the program `ibkr-auth`, which say nothing about a login.
const OF_THE_PROGRAM: [&str; 2] = ["IBKR_AUTH_CONFIG", "IBKR_AUTH_STATE_DIR"];

/// What the variables set, in the order of the table.
pub(crate) fn settings(env: &Env) -> Result<Vec<(&'static Key, Raw)>, FileError> {
    let mut settings = Vec::new();
    for key in keys::ALL {
        let name = key.variable();
        let Some(value) = env.os(&name) else { continue };
        settings.push((key, raw(value).map_err(|problem| problem.at(&name))?));
    }
    Ok(settings)
}

/// What [`PROFILE`] is set to.
pub(crate) fn profile(env: &Env) -> Result<Option<String>, FileError> {
    let Some(value) = env.os(PROFILE) else { return Ok(None) };
    let name = raw(value).and_then(|raw| raw.text().map(str::to_owned));
    name.map(Some).map_err(|problem| problem.at(PROFILE))
}

fn raw(value: &OsStr) -> Result<Raw, Problem> {
    let text = value.to_str().ok_or_else(|| Problem::new("is not valid UTF-8", "set it to plain text"))?;
    Ok(if text.is_empty() { Raw::Empty } else { Raw::Text(Zeroizing::new(text.to_owned())) })
}

/// A variable of ours that no key has, most likely misspelt. `except` are those that the settings name
/// themselves.
pub(crate) fn refuse_unknown(env: &Env, except: &[&str]) -> Result<(), FileError> {
    for name in env.names().filter(|name| name.starts_with(PREFIX)) {
        let known = name == PROFILE
            || OF_THE_PROGRAM.contains(&&*name)
            || keys::ALL.iter().any(|key| key.variable() == name);
        if !known && !except.contains(&&*name) {
            return Err(FileError::new(format!("unknown variable {name}"), advice(&name[PREFIX.len()..])));
        }
    }
    Ok(())
}

fn advice(unknown: &str) -> String {
    let unknown = unknown.to_ascii_lowercase();
    if matches!(unknown.as_str(), "profiles" | "default_profile") {
        return format!("profiles stand in a settings file, and {PROFILE} chooses one");
    }
    keys::advice(&unknown, &["profile"], keys::variable)
        .unwrap_or_else(|| format!("unset it; {}", keys::LIST))
}
