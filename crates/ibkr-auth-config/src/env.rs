//! Environment variables, handed in so that tests and embedders choose them.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
};

use zeroize::Zeroizing;

use crate::{
    error::{FileError, Problem},
    given::Raw,
    keys::{self, Key},
};

/// Every variable of ours is `IBKR_AUTH_` and a key's name in capitals.
pub(crate) const PREFIX: &str = "IBKR_AUTH_";

pub(crate) struct Env(Vec<(OsString, OsString)>);

impl Env {
    pub(crate) fn new<N: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(crate) fn os(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_os_str())
    }

    /// The first of these that is set to something.
    pub(crate) fn first(&self, names: &[&'static str]) -> Option<(&'static str, Cow<'_, str>)> {
        let set =
            |name: &&'static str| self.os(name).filter(|value| !value.is_empty()).map(|value| (*name, value));
        names.iter().find_map(set).map(|(name, value)| (name, value.to_string_lossy()))
    }

    /// What the variables set, in the order of the table.
    pub(crate) fn settings(&self) -> Result<Vec<(&'static Key, Raw)>, FileError> {
        let mut settings = Vec::new();
        for key in keys::ALL {
            let name = key.variable();
            let Some(value) = self.os(&name) else { continue };
            let text = value
                .to_str()
                .ok_or_else(|| Problem::new("is not valid UTF-8", "set it to plain text").at(&name))?;
            settings.push((
                key,
                if text.is_empty() { Raw::Empty } else { Raw::Text(Zeroizing::new(text.to_owned())) },
            ));
        }
        Ok(settings)
    }

    /// A variable of ours that no key has, most likely misspelt. `except` is one that the settings name themselves.
    pub(crate) fn refuse_unknown(&self, except: Option<&str>) -> Result<(), FileError> {
        let ours =
            self.0.iter().map(|(name, _)| name.to_string_lossy()).filter(|name| name.starts_with(PREFIX));
        for name in ours {
            let key = name[PREFIX.len()..].to_ascii_lowercase();
            let known = keys::ALL.iter().any(|key| key.variable() == name);
            if !known && except != Some(&name) {
                let todo = keys::advice(&key, |key| key.variable()).unwrap_or_else(|| {
                    "unset it; the variables are those of the table of keys in the documentation".to_owned()
                });
                return Err(FileError::new(format!("unknown variable {name}"), todo));
            }
        }
        Ok(())
    }
}
