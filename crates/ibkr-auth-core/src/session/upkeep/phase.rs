//! Where the automatic mode stands.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use super::Session;
use crate::{Error, Event};

/// Where the automatic mode stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// It is not switched on.
    Off,
    /// It has not been connected yet.
    Connecting,
    /// The session is good.
    Connected,
    /// The session broke, and is being healed.
    Recovering,
    /// IBKR is closed for its nightly reset or weekend maintenance.
    Maintenance {
        /// When that is over at the latest, as far as IBKR has published.
        until: SystemTime,
    },
    /// IBKR asked us to wait: nothing is sent meanwhile.
    Waiting {
        /// How long, from when the phase began.
        about: Duration,
    },
    /// The session is lost, and the logins of late are as many as are safe: see [`LoginBudget`](crate::LoginBudget).
    LoginsSpent {
        /// How long until the next login, from when the phase began.
        about: Duration,
    },
    /// Another login has the brokerage session, and policy leaves it there.
    Yielded,
    /// The user has paused it.
    Paused,
    /// It has stopped, because repeating cannot help: see [`Session::stopped_by`](crate::Session::stopped_by).
    Stopped,
}

impl Phase {
    /// Phases that differ only in their times are one.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Connecting => f.write_str("connecting"),
            Self::Connected => f.write_str("connected"),
            Self::Recovering => f.write_str("recovering"),
            Self::Maintenance { .. } => f.write_str("IBKR may be closed for maintenance"),
            Self::Waiting { about } => write!(f, "waiting for about {} s, as IBKR asked", about.as_secs()),
            Self::LoginsSpent { about } => {
                write!(f, "no login for about {} s: those of late are as many as are safe", about.as_secs())
            }
            Self::Yielded => f.write_str("left to another login"),
            Self::Paused => f.write_str("paused"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

impl Session {
    /// A bearer token that was renewed in time has no brokerage session yet.
    pub(in crate::session) fn doubt_phase(&mut self) {
        if self.phase() == Phase::Connected && !self.is_connected() {
            self.enter(Phase::Recovering, None);
        }
    }

    pub(super) fn enter(&mut self, phase: Phase, because: Option<&Error>) {
        let Some(upkeep) = &mut self.upkeep else { return };
        let before = std::mem::replace(&mut upkeep.phase, phase);
        if !before.is_like(phase) {
            self.tell(Event::Phase { phase, because: because.cloned() });
        }
    }
}
