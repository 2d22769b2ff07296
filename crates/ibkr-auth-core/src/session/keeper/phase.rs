//! Where the automatic mode stands.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

use super::{Keeper, Mode, Outage, View};

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
    /// The session is lost, and the logins of late are as many as are safe: see
    /// [`LoginBudget`](crate::LoginBudget).
    LoginsSpent {
        /// How long until the next login, from when the phase began.
        about: Duration,
    },
    /// Another login has the brokerage session, and policy leaves it there.
    Yielded,
    /// The user has paused it.
    Paused,
    /// It has stopped, because repeating cannot help: see
    /// [`Session::stopped_by`](crate::Session::stopped_by).
    Stopped,
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

impl Keeper {
    /// Where it stands now, when that is something else than was told last.
    pub(in crate::session) fn changed_phase(&mut self, view: View<'_>) -> Option<Phase> {
        let phase = self.phase(view);
        self.tell(phase).then_some(phase)
    }

    /// Whether this is news. Phases that differ only in their times are one.
    pub(in crate::session) fn tell(&mut self, phase: Phase) -> bool {
        let is_new = std::mem::discriminant(&phase) != std::mem::discriminant(&self.told);
        if is_new {
            self.told = phase;
        }
        is_new
    }

    /// What was told last.
    pub(in crate::session) fn told(&self) -> Phase {
        self.told
    }

    fn phase(&self, view: View<'_>) -> Phase {
        let left = |until: Option<Instant>| {
            until?.checked_duration_since(view.now.mono).filter(|left| !left.is_zero())
        };
        match &self.mode {
            Mode::Paused => return Phase::Paused,
            Mode::Stopped(_) => return Phase::Stopped,
            Mode::Due(..) | Mode::Busy(_) => {}
        }
        if let Some(about) = left(view.guard.quiet_until(view.now.mono)) {
            return Phase::Waiting { about };
        }
        let is_being_opened = self.attempt().is_some_and(|attempt| attempt.action.opens());
        let is_notable = self.outage.as_ref().is_some_and(Outage::is_notable);
        if self.was_good && view.is_connected() && !is_being_opened && !is_notable {
            return Phase::Connected;
        }
        if let (Some(about), false) = (left(self.spent_until), view.is_connected()) {
            return Phase::LoginsSpent { about };
        }
        match (&self.outage, self.closed_until(view)) {
            _ if self.contest.is_left() => Phase::Yielded,
            (Some(_), Some(until)) => Phase::Maintenance { until },
            _ if self.was_good => Phase::Recovering,
            _ => Phase::Connecting,
        }
    }

    /// Until when IBKR is closed at the latest.
    pub(super) fn closed_until(&self, view: View<'_>) -> Option<SystemTime> {
        let now = view.facts.clock.skew().correct(view.now.wall);
        self.region(view).closed(now).map(|(_, until)| until)
    }
}
