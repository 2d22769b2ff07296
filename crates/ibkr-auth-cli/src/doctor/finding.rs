//! What one check found.

use super::call::Call;

/// Why nothing more is checked after a Ctrl-C.
pub(super) const INTERRUPTED: &str = "interrupted";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Warn,
    Fail,
    /// Not checked: it needs something that is not there, or it was not wanted.
    Skip,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// One line of the report.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) text: String,
    /// What it means at IBKR.
    pub(super) meaning: Option<String>,
    pub(super) help: Option<String>,
    /// The request that failed, as a support ticket wants it.
    pub(super) call: Option<Call>,
    /// What it is made of: lines of their own, before it.
    pub(super) parts: Vec<(String, Self)>,
}

impl Finding {
    pub(super) fn pass(text: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, text)
    }

    pub(super) fn skip(text: impl Into<String>) -> Self {
        Self::new(Verdict::Skip, text)
    }

    pub(super) fn warn(text: impl Into<String>, meaning: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, text).explained(meaning, help)
    }

    pub(super) fn fail(text: impl Into<String>, meaning: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, text).explained(meaning, help)
    }

    /// The same finding, not as bad.
    pub(super) fn into_warning(self) -> Self {
        Self { verdict: Verdict::Warn, ..self }
    }

    pub(super) fn with_call(self, call: Call) -> Self {
        Self { call: Some(call), ..self }
    }

    pub(super) fn with_parts(self, parts: Vec<(String, Self)>) -> Self {
        Self { parts, ..self }
    }

    fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        Self { verdict, text: text.into(), meaning: None, help: None, call: None, parts: Vec::new() }
    }

    fn explained(self, meaning: impl Into<String>, help: impl Into<String>) -> Self {
        Self { meaning: Some(meaning.into()), help: Some(help.into()), ..self }
    }
}
