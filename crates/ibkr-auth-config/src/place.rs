//! Where something is given, for errors.

use std::sync::Arc;

use crate::{error::Problem, keys, source::Source};

/// Spelt out only once an error needs it: to find a line costs another reading of the file.
#[derive(Clone)]
pub(crate) enum Place {
    Variable(&'static str),
    File { source: Arc<Source>, profile: Option<Arc<str>>, key: &'static str },
}

impl Place {
    pub(crate) fn is_variable(&self) -> bool {
        matches!(self, Self::Variable(_))
    }

    /// What stands there is a secret: its file is refused if others can read it. Says what should be changed
    /// all the same.
    pub(crate) fn refuse_readable(&self) -> Result<Option<String>, Problem> {
        match self {
            Self::Variable(_) => Ok(None),
            Self::File { source, .. } => source.refuse_readable(),
        }
    }

    /// File, line and key, or the variable: the subject of an error's sentence.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Variable(key) => keys::variable(key),
            Self::File { source, profile, key } => source.place(profile.as_deref(), key),
        }
    }

    /// The key or the variable alone.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Variable(key) => keys::variable(key),
            Self::File { key, .. } => format!("`{key}`"),
        }
    }
}
