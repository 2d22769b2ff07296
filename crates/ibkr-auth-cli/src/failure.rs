//! What ends a command early: what happened, why, what to do, and the exit code that goes with it.

use std::io;

use ibkr_auth_blocking::{Error, Step};
use ibkr_auth_config::FileError;
use ibkr_auth_store::{KeptFailure, StoreError};
use serde_json::{Value, json};

use crate::exit::Exit;

/// A failure as a person or a program is told it. It holds no secret, and so may be
/// [kept](KeptFailure) for other invocations.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) what: String,
    pub(crate) why: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) status: Option<u16>,
    /// So many seconds IBKR is to be left alone.
    pub(crate) pause: Option<u64>,
    /// It is what is left of a pause that is kept already: not to be kept again.
    pub(crate) is_known: bool,
    /// What was printed has said everything already.
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
        KeptFailure::from(&error).into()
    }
}

impl From<KeptFailure> for Failure {
    fn from(kept: KeptFailure) -> Self {
        let KeptFailure { kind, what, why, help, step, status, pause, is_known } = kept;
        Self { exit: kind.into(), what, why, help, step, status, pause, is_known, is_told: false }
    }
}

impl From<Failure> for KeptFailure {
    fn from(failure: Failure) -> Self {
        let Failure { exit, what, why, help, step, status, pause, is_known, is_told: _ } = failure;
        Self { kind: exit.into(), what, why, help, step, status, pause, is_known }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::new(Exit::Failed, error.message()).help(error.help());
        Self { why: error.reason().map(str::to_owned), ..failure }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(Exit::Config, error.message()).help(error.help())
    }
}
