//! What is kept: the session, its history, and what IBKR has refused.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use ibkr_auth_blocking::{History, Phase};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Everything that is kept of one identity. Times are seconds since 1970, unless they say otherwise.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) kept: Option<KeptSession>,
    /// How often was logged in lately, and until when IBKR wants to be left alone.
    #[serde(default)]
    pub(crate) history: History,
    pub(crate) failed: Option<Failed>,
    /// When IBKR was last asked about this session, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) asked: u64,
    /// When what IBKR takes rarely was last asked for, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) paced: BTreeMap<String, u64>,
    /// Whether the account is a paper account, once that is known.
    pub(crate) paper: Option<bool>,
    /// IBKR has asked for a pause at these endpoints alone.
    #[serde(default)]
    pub(crate) pauses: BTreeMap<String, Pause>,
    /// How a program that keeps the session connected stands.
    pub(crate) keeper: Option<KeeperNote>,
    /// There was a file, but it could not be used.
    #[serde(skip)]
    pub(crate) is_damaged: bool,
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
    pub(super) fn seen_at(mut self, at: SystemTime) -> Self {
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
}

/// What a program that keeps the session connected tells the others. It outlives that program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeeperNote {
    pub(crate) phase: PhaseName,
    /// It waits for a person, who gets this exit code meanwhile.
    pub(crate) waits: Option<u8>,
    /// It waits until a time.
    #[serde(default)]
    pub(crate) rest: Option<Rest>,
    /// A person can tell it by keys what to do.
    #[serde(default)]
    pub(crate) has_keys: bool,
}

/// Where the session of a program that keeps it connected stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PhaseName {
    Off,
    Connecting,
    Connected,
    Recovering,
    Maintenance,
    Waiting,
    LoginsSpent,
    Yielded,
    Paused,
    Stopped,
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
pub(crate) struct Rest {
    /// Seconds since 1970.
    pub(crate) until: u64,
    pub(crate) why: Wait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wait {
    /// IBKR asked for it.
    Asked,
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

/// Until then nothing is sent: going on gets the address blocked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pause {
    /// Milliseconds since 1970.
    pub(crate) until: u64,
}

impl Pause {
    /// So many seconds IBKR is left alone at most.
    pub(crate) const LONGEST: u64 = 3_600;
}

/// A session, and what a person wants to know of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeptSession {
    /// Every token of the session: it goes nowhere but into the client.
    pub(crate) saved: Zeroizing<String>,
    pub(crate) began: u64,
    /// When the session was last seen to be good; 0 once it was not.
    pub(crate) good_at: u64,
    /// When the bearer token ends unless it is extended, as IBKR said last.
    pub(crate) expires: Option<u64>,
    pub(crate) host: String,
    pub(crate) public_ip: Option<String>,
    pub(crate) paper: Option<bool>,
}

impl KeptSession {
    /// The same session, no longer known to be good.
    pub(crate) fn doubted(&self) -> Self {
        Self { good_at: 0, ..self.clone() }
    }

    /// What `before` knew of the same session and this does not.
    pub(crate) fn or(self, before: &Self) -> Self {
        Self { paper: self.paper.or(before.paper), ..self }
    }

    /// Whether it was seen to be good within `max_age`, and has not ended since. Within no time nothing was
    /// seen.
    pub(crate) fn is_fresh(&self, now: u64, max_age: Duration) -> bool {
        let age = now.checked_sub(self.good_at).map(Duration::from_secs);
        let is_recent = age.is_some_and(|age| age <= max_age) && !max_age.is_zero();
        is_recent && self.expires.is_none_or(|ends| now < ends)
    }
}

/// The last login, when it failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failed {
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    /// So many times in a row.
    pub(crate) times: u32,
    /// The digest of the settings and the key that were used.
    pub(crate) settings: String,
    pub(crate) failure: Failure,
}

impl Failed {
    const FIRST: u64 = 60;
    const LONGEST: u64 = 3_600;

    /// After so many seconds the same settings may be tried again: a minute, then two, then four, up to an
    /// hour.
    pub(crate) fn pause(&self) -> u64 {
        let doublings = self.times.saturating_sub(1).min(10);
        (Self::FIRST << doublings).min(Self::LONGEST)
    }
}

/// Milliseconds since 1970.
pub(crate) fn millis(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis().try_into().unwrap_or(u64::MAX)
}

/// Seconds since 1970.
pub(crate) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn kept(good_at: u64, expires: Option<u64>) -> KeptSession {
        KeptSession {
            saved: Zeroizing::default(),
            began: 0,
            good_at,
            expires,
            host: String::new(),
            public_ip: None,
            paper: None,
        }
    }

    #[test]
    fn fresh_is_what_was_good_lately_and_has_not_ended() {
        let minute = Duration::from_secs(60);
        assert!(kept(1_000, None).is_fresh(1_060, minute));
        assert!(!kept(1_000, None).is_fresh(1_061, minute));
        assert!(!kept(1_000, None).is_fresh(999, minute), "the clock was set back");
        assert!(
            !kept(1_000, None).is_fresh(1_000, Duration::ZERO),
            "it is to be asked, even in the same second"
        );
        assert!(!kept(1_000, Some(1_010)).is_fresh(1_010, minute));
    }

    #[test]
    fn pauses_get_longer_each_time_up_to_an_hour() {
        let failure = Failure::new(Exit::Refused, "no");
        let pause =
            |times| Failed { at: 0, times, settings: String::new(), failure: failure.clone() }.pause();
        assert_eq!([1, 2, 3, 7, 100].map(pause), [60, 120, 240, 3_600, 3_600]);
    }

    #[test]
    fn a_clock_that_was_set_back_turns_no_guard_off_and_none_on_for_good() {
        let second = |at: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        let failure = Failure::new(Exit::Refused, "no");
        let mut history = History::default();
        let mut ahead = |at: u64| Record {
            history: {
                (history.logins, history.quiet_until) = (vec![at], Some(at));
                history.clone()
            },
            failed: Some(Failed {
                at: at * 1_000,
                times: 1,
                settings: String::new(),
                failure: failure.clone(),
            }),
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
