//! Why nothing can be kept, or what is kept cannot be read.

use std::fmt;

/// The store cannot be used: what is wrong, why, and what to do. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    what: String,
    why: Option<String>,
    help: String,
}

impl StoreError {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), why: None, help: help.into() }
    }

    pub(crate) fn why(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.what
    }

    /// Why, where that is known: often in the system's words.
    pub fn reason(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// What to do about it. It names options of `ibkr-auth`.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, why, help } = self;
        match why {
            Some(why) => write!(f, "{what}: {why}; {help}"),
            None => write!(f, "{what}; {help}"),
        }
    }
}

impl std::error::Error for StoreError {}
