//! What ends a command early: what happened, why, what to do, and the exit code that goes with it.

use std::io;

use ibkr_auth_blocking::{Advice, Error, ErrorKind, Step};
use ibkr_auth_config::FileError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{commands::span, exit::Exit, store::Pause};

/// A failure as a person or a program is told it. It holds no secret, and so may be kept for other
/// invocations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) what: String,
    pub(crate) why: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) status: Option<u16>,
    /// So many seconds IBKR is to be left alone.
    #[serde(default)]
    pub(crate) pause: Option<u64>,
    /// It is what is left of a pause that is kept already: not to be kept again.
    #[serde(default)]
    pub(crate) is_known: bool,
    /// What was printed has said everything already.
    #[serde(skip)]
    pub(crate) is_told: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit: exit as u8,
            what: what.into(),
            why: None,
            help: None,
            step: None,
            status: None,
            pause: None,
            is_known: false,
            is_told: false,
        }
    }

    /// A failure that the output of the command has told: nothing follows it.
    pub(crate) fn told(exit: Exit) -> Self {
        Self { is_told: true, ..Self::new(exit, "see the report") }
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn left(mut self, seconds: u64) -> Self {
        (self.pause, self.is_known) = (Some(seconds), true);
        self
    }

    /// The pause that IBKR asked for with this very failure.
    pub(crate) fn new_pause(&self) -> Option<u64> {
        self.pause.filter(|_| !self.is_known)
    }

    /// The step that failed.
    pub(crate) fn step(&self) -> Option<Step> {
        self.step.as_deref().and_then(Step::named)
    }

    pub(crate) fn is(&self, exit: Exit) -> bool {
        self.exit == exit as u8
    }

    /// Standard output cannot be written. A closed pipe is no news: whoever closed it knows.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::ClosedPipe, "the output was closed"),
            _ => Self::new(Exit::Failed, "the output cannot be written")
                .why(error.to_string())
                .help("check where it goes: a full disk, a closed terminal"),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "error": {
            "exit_code": self.exit,
            "message": self.what,
            "why": self.why,
            "help": self.help,
            "step": self.step,
            "status": self.status,
            "pause_s": self.pause,
        }})
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.advice() {
            Advice::FindOut => Exit::Unknown,
            _ if error.is_proxy_refusal() => Exit::Config,
            _ => exit_of(error.kind()),
        };
        let mut failure = Self::new(exit, error.message());
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
            failure = failure
                .left(left.as_secs() + 1)
                .why("IBKR locks accounts that log in over and over")
                .help(
                    "find out why the sessions do not last: `ibkr-auth keep` shows each loss and its reason; or log in with \
                     `login --force`",
                );
        }
        if failure.is(Exit::NoSession) {
            failure.help = Some("log in with `ibkr-auth login`".to_owned());
        }
        failure
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(Exit::Config, error.message()).help(error.help())
    }
}

fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Config | ErrorKind::Sign => Exit::Config,
        ErrorKind::OutOfOrder
        | ErrorKind::NotConnected
        | ErrorKind::Unauthorized
        | ErrorKind::NoBrokerageSession => Exit::NoSession,
        ErrorKind::Rejected | ErrorKind::Clock => Exit::Refused,
        ErrorKind::Competing => Exit::Competing,
        ErrorKind::PublicIp | ErrorKind::Transport | ErrorKind::Timeout => Exit::Network,
        ErrorKind::NotEstablished
        | ErrorKind::Gone
        | ErrorKind::RateLimited
        | ErrorKind::LoginsSpent
        | ErrorKind::Server
        | ErrorKind::Unreadable => Exit::Server,
        _ => Exit::Failed,
    }
}
