//! A failure as people and programs are told it, and as it is kept for whoever asks next.

use ibkr_auth_core::{Advice, Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::{Pause, span};

/// What kind of failure it was. In the file it is the number with which `ibkr-auth` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
#[non_exhaustive]
pub enum FailureKind {
    /// Something else went wrong (1).
    Failed,
    /// The settings, the key or the trust store cannot be used (3).
    Config,
    /// There is no session, or it is no longer good (4).
    NoSession,
    /// IBKR refused the client, its key or the user (5).
    Refused,
    /// Another login of the username has the brokerage session (6).
    Competing,
    /// Nothing came back (7).
    Network,
    /// IBKR failed, is closed, or asked for a pause (8).
    Server,
    /// It may have been executed, and nobody knows (10).
    Unknown,
    /// What no login ends with.
    Other(u8),
}

impl From<u8> for FailureKind {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::Failed,
            3 => Self::Config,
            4 => Self::NoSession,
            5 => Self::Refused,
            6 => Self::Competing,
            7 => Self::Network,
            8 => Self::Server,
            10 => Self::Unknown,
            other => Self::Other(other),
        }
    }
}

impl From<FailureKind> for u8 {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Failed => 1,
            FailureKind::Config => 3,
            FailureKind::NoSession => 4,
            FailureKind::Refused => 5,
            FailureKind::Competing => 6,
            FailureKind::Network => 7,
            FailureKind::Server => 8,
            FailureKind::Unknown => 10,
            FailureKind::Other(code) => code,
        }
    }
}

impl From<&Error> for FailureKind {
    fn from(error: &Error) -> Self {
        match error.kind() {
            _ if error.advice() == Advice::FindOut => Self::Unknown,
            _ if error.is_proxy_refusal() => Self::Config,
            ErrorKind::Config | ErrorKind::Sign => Self::Config,
            ErrorKind::OutOfOrder
            | ErrorKind::NotConnected
            | ErrorKind::Unauthorized
            | ErrorKind::NoBrokerageSession => Self::NoSession,
            ErrorKind::Rejected | ErrorKind::Clock => Self::Refused,
            ErrorKind::Competing => Self::Competing,
            ErrorKind::PublicIp | ErrorKind::Transport | ErrorKind::Timeout => Self::Network,
            ErrorKind::NotEstablished
            | ErrorKind::Gone
            | ErrorKind::RateLimited
            | ErrorKind::LoginsSpent
            | ErrorKind::Server
            | ErrorKind::Unreadable => Self::Server,
            _ => Self::Failed,
        }
    }
}

/// A failure as a person or a program is told it. It holds no secret, and so may be kept for others.
/// Exhaustive on purpose: whoever keeps one says all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFailure {
    /// What kind it is.
    #[serde(rename = "exit")]
    pub kind: FailureKind,
    /// What happened.
    pub what: String,
    /// Why, where that is known.
    pub why: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The step that failed, by its name.
    pub step: Option<String>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// So many seconds IBKR is to be left alone.
    #[serde(default)]
    pub pause: Option<u64>,
    /// It is what is left of a pause that is kept already: not to be kept again.
    #[serde(default)]
    pub is_known: bool,
}

impl KeptFailure {
    /// One of which no more is known.
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            why: None,
            help: None,
            step: None,
            status: None,
            pause: None,
            is_known: false,
        }
    }
}

impl From<&Error> for KeptFailure {
    fn from(error: &Error) -> Self {
        let mut failure = Self::new(error.into(), error.message());
        if let Some(step) = error.step() {
            failure.step = Some(step.to_string());
            failure.what = format!("{step}: {}", error.message());
        }
        failure.status = error.status().map(|status| status.as_u16());
        if let Some(pause) = error.pause() {
            // Nothing answered: it is what is left of a pause that is kept already.
            (failure.pause, failure.is_known) =
                (Some(pause.as_secs().min(Pause::LONGEST)), error.status().is_none());
        }
        failure.why = error.excerpt().map(|excerpt| format!("the server said: {excerpt}"));
        failure.help = Some(error.help()).filter(|help| !help.is_empty()).map(str::to_owned);
        if let Some(pause) = failure.pause {
            failure.help = Some(format!("wait {}: going on can get the address blocked", span(pause)));
        }
        if let (ErrorKind::LoginsSpent, Advice::RetryAfter(left)) = (error.kind(), error.advice()) {
            (failure.pause, failure.is_known) = (Some(left.as_secs() + 1), true);
            failure.why = Some("IBKR locks accounts that log in over and over".to_owned());
            failure.help = Some(
                "find out why the sessions do not last: `ibkr-auth keep` shows each loss and its reason; or log in with \
                 `login --force`"
                    .to_owned(),
            );
        }
        if failure.kind == FailureKind::NoSession {
            failure.help = Some("log in with `ibkr-auth login`".to_owned());
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_numbers_in_the_file() {
        for code in 0..=u8::MAX {
            assert_eq!(u8::from(FailureKind::from(code)), code);
        }
        let failure: KeptFailure = serde_json::from_str(
            r#"{"exit":5,"what":"no","why":null,"help":null,"step":null,"status":401,"pause":null,"is_known":false}"#,
        )
        .unwrap();
        assert_eq!(
            failure,
            KeptFailure { status: Some(401), ..KeptFailure::new(FailureKind::Refused, "no") }
        );
        assert_eq!(serde_json::to_value(&failure).unwrap()["exit"], 5);
    }
}
