//! What is kept: the session, its history, and what IBKR has refused.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use ibkr_auth_core::History;
use serde::{Deserialize, Serialize};

use crate::{FailedLogin, KeeperNote, KeptSession, millis, seconds};

/// Everything that is kept of one identity.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The session, if there is one.
    pub kept: Option<KeptSession>,
    /// How often was logged in lately, and until when IBKR wants to be left alone.
    #[serde(default)]
    pub history: History,
    /// The last login, if it failed.
    pub failed: Option<FailedLogin>,
    /// When IBKR was last asked about this session, in milliseconds since 1970.
    #[serde(default)]
    pub asked: u64,
    /// When what IBKR takes rarely was last asked for, in milliseconds since 1970.
    #[serde(default)]
    pub paced: BTreeMap<String, u64>,
    /// Whether the account is a paper account, once that is known.
    pub paper: Option<bool>,
    /// IBKR has asked for a pause at these endpoints alone.
    #[serde(default)]
    pub pauses: BTreeMap<String, Pause>,
    /// How a program that keeps the session connected stands. It outlives that program.
    pub keeper: Option<KeeperNote>,
    /// There was a file, but it could not be used.
    #[serde(skip)]
    pub is_damaged: bool,
    /// The clock was set back: times in it lay in the future, and were taken for now.
    #[serde(skip)]
    pub(crate) was_ahead: bool,
}

impl Record {
    pub(crate) fn damaged() -> Self {
        Self { is_damaged: true, ..Self::default() }
    }

    /// The record as a clock can understand that was set back: what it says of the future happened just now.
    /// So no guard is lost, and none holds longer than it does after what happened just now.
    pub(crate) fn seen_at(mut self, at: SystemTime) -> Self {
        let history = std::mem::take(&mut self.history);
        self.history = history.clone().seen_at(at);
        self.was_ahead |= self.history != history;
        let now_ms = millis(at);
        let longest = now_ms.saturating_add(Pause::LONGEST * 1_000);
        let asked = std::iter::once(&mut self.asked).chain(self.paced.values_mut());
        let failed = self.failed.as_mut().map(|failed| &mut failed.at);
        let passed = asked.chain(failed).map(|time| (time, now_ms));
        let pauses = self.pauses.values_mut().map(|pause| (&mut pause.until, longest));
        for (time, latest) in passed.chain(pauses) {
            self.was_ahead |= *time > latest;
            *time = (*time).min(latest);
        }
        self
    }

    /// Not every login is told live or paper, and a username does not change its kind.
    pub(crate) fn completed(mut self) -> Self {
        if let Some(kept) = &mut self.kept {
            kept.paper = kept.paper.or(self.paper);
        }
        self
    }

    /// IBKR is asked about this session now, and wants to be left alone for so many seconds, if it said that.
    pub fn note_asked(&mut self, now: SystemTime, pause: Option<u64>) {
        self.asked = millis(now);
        self.paper = self.kept.as_ref().and_then(|kept| kept.paper).or(self.paper);
        if let Some(pause) = pause {
            self.history.quiet_until = Some(seconds(now) + pause.min(Pause::LONGEST));
        }
    }

    /// The login that IBKR refused with the same [settings](crate::SessionIdentity::settings) a moment ago,
    /// and how long they must not be tried again: accounts get locked by that.
    pub fn refused(&self, settings: &str, now: SystemTime) -> Option<(&FailedLogin, Duration)> {
        let again = self.failed.as_ref().filter(|failed| failed.is_refusal_of(settings))?;
        let left = again.left(now);
        (!left.is_zero()).then_some((again, left))
    }
}

/// Until then nothing is sent to an endpoint: going on gets the address blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Milliseconds since 1970.
    until: u64,
}

impl Pause {
    /// So many seconds IBKR is left alone at most.
    pub const LONGEST: u64 = 3_600;

    /// So many seconds from now.
    pub fn new(seconds: u64, now: SystemTime) -> Self {
        Self { until: millis(now) + seconds.min(Self::LONGEST) * 1_000 }
    }

    /// In seconds.
    pub fn left(&self, now: SystemTime) -> u64 {
        self.until.saturating_sub(millis(now)).div_ceil(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FailureKind, KeptFailure};

    #[test]
    fn a_clock_that_was_set_back_turns_no_guard_off_and_none_on_for_good() {
        let second = |at: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        let mut history = History::default();
        let mut ahead = |at: u64| Record {
            history: {
                (history.logins, history.quiet_until) = (vec![at], Some(at));
                history.clone()
            },
            failed: Some(FailedLogin::after(
                None,
                "",
                KeptFailure::new(FailureKind::Refused, "no"),
                second(at),
            )),
            asked: at * 1_000,
            paced: [("a path".to_owned(), at * 1_000)].into(),
            pauses: [("an endpoint".to_owned(), Pause { until: at * 1_000 })].into(),
            ..Record::default()
        };
        for later in [1_001, 1_000 + 9_000, 2_000_000_000] {
            let record = ahead(later).seen_at(second(1_000));
            assert!(record.was_ahead);
            assert_eq!(record.history.logins, [1_000], "{later}");
            let times = [record.failed.unwrap().at, record.asked, record.paced["a path"]];
            assert_eq!(times, [1_000_000; 3]);
            let most = (later * 1_000).min((1_000 + Pause::LONGEST) * 1_000);
            assert_eq!(record.pauses["an endpoint"].until, most);
            assert_eq!(record.history.quiet_until, Some(most / 1_000));
        }
        let record = ahead(1_000).seen_at(second(1_000));
        assert!(!record.was_ahead);
    }
}
