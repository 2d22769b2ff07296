//! The program that keeps a session connected, and what it tells the others.

use std::{fmt, time::SystemTime};

use ibkr_auth_core::Phase;
use serde::{Deserialize, Serialize};

use crate::{FailureKind, seconds};

/// A process that keeps a session connected. `Display` shows it as `` `ibkr-auth keep` (process 12) ``.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keeper {
    /// Which program it runs.
    pub program: Program,
    /// Its number. One that has just begun is 0, and so is any on Windows.
    pub pid: u32,
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.program, self.pid)
    }
}

/// A program that keeps sessions connected. `Display` shows it as `` `ibkr-auth keep` ``.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Program {
    /// `ibkr-auth keep`.
    #[default]
    Keep,
    /// `ibkr-auth gateway`.
    Gateway,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "`ibkr-auth keep`",
            Self::Gateway => "`ibkr-auth gateway`",
            Self::Unknown => "another program",
        })
    }
}

/// What a program that keeps the session connected tells the others. It outlives that program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeeperNote {
    /// Which program it is.
    #[serde(default)]
    pub program: Program,
    /// Where the session stands.
    pub phase: PhaseName,
    /// It waits for a person. Who wants the session is told this meanwhile.
    pub waits: Option<FailureKind>,
    /// It waits until a time.
    #[serde(default)]
    pub rest: Option<Rest>,
    /// A person can tell it by keys what to do.
    #[serde(default)]
    pub has_keys: bool,
}

impl KeeperNote {
    /// A session that stands like this by now.
    pub(crate) fn of(phase: Phase, now: SystemTime) -> Self {
        let waits = match phase {
            Phase::Paused => Some(FailureKind::NoSession),
            Phase::Yielded => Some(FailureKind::Competing),
            _ => None,
        };
        let rest = match phase {
            Phase::Waiting { about } => Some((about, Wait::Asked)),
            Phase::LoginsSpent { about } => Some((about, Wait::LoginsSpent)),
            _ => None,
        };
        let rest = rest.map(|(about, why)| Rest { until: seconds(now) + about.as_secs(), why });
        Self { program: Program::default(), phase: phase.into(), waits, rest, has_keys: false }
    }

    /// So many seconds it does nothing that could heal the session.
    pub fn rests(&self, now: SystemTime) -> u64 {
        self.rest.map_or(0, |rest| rest.until.saturating_sub(seconds(now)))
    }
}

/// Where the session of a program that keeps it connected stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PhaseName {
    /// [`Phase::Off`].
    Off,
    /// [`Phase::Connecting`].
    Connecting,
    /// [`Phase::Connected`].
    Connected,
    /// [`Phase::Recovering`].
    Recovering,
    /// [`Phase::Maintenance`].
    Maintenance,
    /// [`Phase::Waiting`].
    Waiting,
    /// [`Phase::LoginsSpent`].
    LoginsSpent,
    /// [`Phase::Yielded`].
    Yielded,
    /// [`Phase::Paused`].
    Paused,
    /// [`Phase::Stopped`].
    Stopped,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

impl From<Phase> for PhaseName {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Off => Self::Off,
            Phase::Connecting => Self::Connecting,
            Phase::Connected => Self::Connected,
            Phase::Recovering => Self::Recovering,
            Phase::Maintenance { .. } => Self::Maintenance,
            Phase::Waiting { .. } => Self::Waiting,
            Phase::LoginsSpent { .. } => Self::LoginsSpent,
            Phase::Yielded => Self::Yielded,
            Phase::Paused => Self::Paused,
            Phase::Stopped => Self::Stopped,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Recovering => "recovering",
            Self::Maintenance => "IBKR may be closed for maintenance",
            Self::Waiting => "waiting, as IBKR asked",
            Self::LoginsSpent => "no login for a while: those of late are as many as are safe",
            Self::Yielded => "left to another login",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Unknown => "one that this version does not know",
        })
    }
}

/// A wait of a program that keeps the session connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Seconds since 1970.
    pub until: u64,
    /// For what.
    pub why: Wait,
}

/// What a program that keeps the session connected waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    /// IBKR asked for it.
    Asked,
    /// The logins of late are as many as are safe.
    LoginsSpent,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "IBKR asked for a pause",
            Self::LoginsSpent => "the logins are as many as are safe",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_names_no_program_is_one_of_keep() {
        let old = r#"{"phase":"paused","waits":4}"#;
        let note: KeeperNote = serde_json::from_str(old).unwrap();
        assert_eq!((note.program, note.waits), (Program::Keep, Some(FailureKind::NoSession)));
        let later = r#"{"program":"daemon","phase":"asleep","waits":null}"#;
        let note: KeeperNote = serde_json::from_str(later).unwrap();
        assert_eq!((note.program, note.phase), (Program::Unknown, PhaseName::Unknown));
    }

    #[test]
    fn a_keeper_is_named_by_its_program() {
        let shown = |program| Keeper { program, pid: 12 }.to_string();
        assert_eq!(shown(Program::Keep), "`ibkr-auth keep` (process 12)");
        assert_eq!(shown(Program::Gateway), "`ibkr-auth gateway` (process 12)");
    }
}
