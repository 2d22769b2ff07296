//! Environment variables, handed in so that tests and embedders choose them.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fmt,
};

#[derive(Clone)]
pub(crate) struct Env(Vec<(OsString, OsString)>);

impl Env {
    pub(crate) fn new<N: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(crate) fn of_process() -> Self {
        Self::new(std::env::vars_os())
    }

    pub(crate) fn os(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_os_str())
    }

    /// What is set to nothing counts as not set.
    pub(crate) fn set(&self, name: &str) -> Option<&OsStr> {
        self.os(name).filter(|value| !value.is_empty())
    }

    /// The first of these that is set to something.
    pub(crate) fn first(&self, names: &[&'static str]) -> Option<(&'static str, Cow<'_, str>)> {
        let set = |name: &&'static str| self.set(name).map(|value| (*name, value));
        names.iter().find_map(set).map(|(name, value)| (name, value.to_string_lossy()))
    }

    /// All names. What is not Unicode in them is replaced.
    pub(crate) fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.iter().map(|(name, _)| name.to_string_lossy())
    }
}

/// Other programs' secrets may stand here as well.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}
