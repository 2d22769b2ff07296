//! One error for everything that can be wrong with a settings file, a variable or a key file.

use ibkr_auth_core::ConfigError;

/// Settings that cannot be used. The text says where (file, line and key, or the variable), what is wrong and
/// what to do; it never shows a value, save for the path of a key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {help}")]
pub struct FileError {
    what: String,
    help: String,
}

impl FileError {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }

    /// Where it is wrong, and what.
    pub fn message(&self) -> &str {
        &self.what
    }

    /// What to do about it.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl From<FileError> for ibkr_auth_core::Error {
    fn from(error: FileError) -> Self {
        Self::config(error.what, error.help)
    }
}

/// What is wrong with a value, before it is known where the value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    what: String,
    help: String,
}

impl Problem {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }

    /// From a sentence of the form "what is wrong: what to do".
    pub(crate) fn from_sentence(sentence: &str) -> Self {
        match sentence.rsplit_once(": ") {
            Some((what, help)) => Self::new(what, help),
            None => Self::new(sentence, "change it"),
        }
    }

    /// Puts `start` before what is wrong.
    pub(crate) fn after(self, start: &str) -> Self {
        Self { what: format!("{start} {}", self.what), ..self }
    }

    /// `place` is the subject of the sentence.
    pub(crate) fn at(self, place: &str) -> FileError {
        let Self { what, help } = self.after(place);
        FileError { what, help }
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Self {
        Self::from_sentence(error.problem())
    }
}
