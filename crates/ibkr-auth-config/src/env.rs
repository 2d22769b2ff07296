//! Environment variables, handed in so that tests and embedders choose them; and those of ours.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fmt,
};

use zeroize::Zeroizing;

use crate::{
    document::Layer,
    error::{FileError, Problem},
    fields,
    location::Location,
    value::{Value, Written},
};

/// Every variable of ours is this and a field's name in capitals.
const PREFIX: &str = "IBKR_AUTH_";

/// Chooses the profile. It is no field: a profile does not choose another.
pub(crate) const PROFILE: &str = "IBKR_AUTH_PROFILE";

/// Asks for the variables of ibind. It is no field: it says where to look for some.
pub(crate) const IMPORT_IBIND: &str = "IBKR_AUTH_IMPORT_IBIND";

/// Those of the program `ibkr-auth`, which say nothing about a login.
const OF_THE_PROGRAM: [&str; 2] = ["IBKR_AUTH_CONFIG", "IBKR_AUTH_STATE_DIR"];

/// The variable of the field of this name.
pub(crate) fn variable(field: &str) -> String {
    format!("{PREFIX}{}", field.to_ascii_uppercase())
}

#[derive(Clone)]
pub(crate) struct Env(Vec<(OsString, OsString)>);

impl Env {
    pub(crate) fn new<N: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(crate) fn of_process() -> Self {
        Self::new(std::env::vars_os())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_os_str())
    }

    /// What is set to nothing counts as not set.
    pub(crate) fn set(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The first of these that is set to something.
    pub(crate) fn first(&self, names: &[&'static str]) -> Option<(&'static str, Cow<'_, str>)> {
        let set = |name: &&'static str| self.set(name).map(|value| (*name, value));
        names.iter().find_map(set).map(|(name, value)| (name, value.to_string_lossy()))
    }

    /// The names that begin so, of variables that are set to something; sorted.
    pub(crate) fn names_with(&self, start: &str) -> Vec<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        let mut names: Vec<String> = set
            .filter_map(|(name, _)| name.to_str())
            .filter(|name| name.starts_with(start) && name.bytes().all(is_plain))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names
    }

    /// What the variables set, in the order of the table.
    pub(crate) fn layer(&self) -> Result<Layer, FileError> {
        let mut layer = Layer::new();
        for field in fields::ALL {
            if let Some(value) = self.value(field.name)? {
                layer.push((field, value));
            }
        }
        Ok(layer)
    }

    /// What [`PROFILE`] is set to.
    pub(crate) fn profile(&self) -> Result<Option<String>, FileError> {
        let Some(value) = self.value("profile")? else { return Ok(None) };
        value.raw().map(|name| Some(name.to_owned())).map_err(|problem| problem.at(PROFILE))
    }

    /// Whether the variables of ibind are asked for.
    pub(crate) fn asks_for_ibind(&self) -> Result<bool, FileError> {
        let Some(value) = self.value("import_ibind")? else { return Ok(false) };
        value.truth().map_err(|problem| problem.at(IMPORT_IBIND))
    }

    fn value(&self, name: &'static str) -> Result<Option<Value>, FileError> {
        let variable = variable(name);
        let Some(value) = self.get(&variable) else { return Ok(None) };
        let text = value
            .to_str()
            .ok_or_else(|| Problem::new("is not valid UTF-8", "set it to plain text").at(&variable))?;
        let written = Written::Text(Zeroizing::new(text.to_owned()));
        Ok(Some(Value { location: Location::Variable(name), written }))
    }

    /// A variable of ours that no field has, most likely misspelt. `except` are those that the settings name
    /// themselves.
    pub(crate) fn refuse_unknown(&self, except: &[&str]) -> Result<(), FileError> {
        let names = self.0.iter().map(|(name, _)| name.to_string_lossy());
        for name in names.filter(|name| name.starts_with(PREFIX)) {
            let is_known = name == PROFILE
                || name == IMPORT_IBIND
                || OF_THE_PROGRAM.contains(&&*name)
                || fields::ALL.iter().any(|field| variable(field.name) == name);
            if !is_known && !except.contains(&&*name) {
                let help = advice(&name[PREFIX.len()..].to_ascii_lowercase());
                return Err(FileError::new(format!("unknown variable {name}"), help));
            }
        }
        Ok(())
    }
}

fn advice(unknown: &str) -> String {
    if matches!(unknown, "profiles" | "default_profile") {
        return format!("profiles stand in a settings file, and {PROFILE} chooses one");
    }
    fields::advice(unknown, &["profile"], variable).unwrap_or_else(|| format!("unset it; {}", fields::LIST))
}

/// Other programs' secrets may stand here as well.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}
