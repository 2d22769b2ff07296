//! From YAML to keys and raw values. Everything that knows the YAML library is in `yaml/`, and is there with
//! the feature `yaml` alone.

#[cfg(feature = "yaml")]
mod parse;
#[cfg(feature = "yaml")]
mod survey;
#[cfg(feature = "yaml")]
mod values;

#[cfg(not(feature = "yaml"))]
#[path = "yaml/without.rs"]
mod parse;

use crate::{error::Problem, given::Raw, keys::Key};

pub(crate) use parse::{line_of, profiles, read};

/// What the top level or a profile sets, in the file's order.
pub(crate) type Entries = Vec<(&'static Key, Raw)>;

/// What a file holds.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) top: Entries,
    pub(crate) default_profile: Option<Raw>,
    /// By name, in the file's order.
    pub(crate) profiles: Vec<(String, Entries)>,
}

impl Content {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.profiles.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// What is wrong, and in which line if that is known.
pub(crate) struct Fault {
    pub(crate) line: Option<usize>,
    pub(crate) problem: Problem,
}

impl Fault {
    fn new(line: Option<usize>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line, problem: Problem::new(what, help) }
    }
}
