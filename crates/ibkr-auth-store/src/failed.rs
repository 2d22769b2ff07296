//! A login that failed, and how long it is not tried again.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{FailureKind, KeptFailure, millis};

/// The last login, when it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailedLogin {
    /// Milliseconds since 1970.
    pub at: u64,
    /// So many times in a row.
    pub times: u32,
    /// What it was tried with: see [`SessionIdentity::settings`](crate::SessionIdentity::settings).
    pub settings: String,
    /// Why.
    pub failure: KeptFailure,
}

impl FailedLogin {
    const FIRST: u64 = 60;
    const LONGEST: u64 = 3_600;

    /// A login that has failed now, with these settings. Refusals of the same ones are counted.
    pub fn after(before: Option<&Self>, settings: &str, failure: KeptFailure, now: SystemTime) -> Self {
        let again = before.filter(|before| before.is_refusal_of(settings));
        Self {
            at: millis(now),
            times: 1 + again.map_or(0, |before| before.times),
            settings: settings.to_owned(),
            failure,
        }
    }

    pub(crate) fn is_refusal_of(&self, settings: &str) -> bool {
        self.settings == settings && self.failure.kind == FailureKind::Refused
    }

    /// In whole seconds, how long until the same settings may be tried again.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        let passed = millis(now).saturating_sub(self.at) / 1_000;
        Duration::from_secs(self.pause().saturating_sub(passed))
    }

    /// So many seconds after it: a minute, then two, then four, up to an hour.
    fn pause(&self) -> u64 {
        let doublings = self.times.saturating_sub(1).min(10);
        (Self::FIRST << doublings).min(Self::LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(before: Option<&FailedLogin>, settings: &str) -> FailedLogin {
        FailedLogin::after(before, settings, KeptFailure::new(FailureKind::Refused, "no"), second(1_000))
    }

    fn second(at: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(at)
    }

    #[test]
    fn a_refusal_pauses_the_same_settings_and_counts_on() {
        let first = refused(None, "a");
        let left = |at| first.left(second(at)).as_secs();
        assert_eq!([left(1_000), left(1_060)], [60, 0]);
        assert_eq!(left(999), 60, "the clock was set back");
        assert_eq!(refused(Some(&first), "a").times, 2);
        assert_eq!(refused(Some(&first), "b").times, 1, "other settings");
    }

    #[test]
    fn pauses_get_longer_each_time_up_to_an_hour() {
        let pause = |times| FailedLogin { times, ..refused(None, "a") }.pause();
        assert_eq!([1, 2, 3, 7, 100].map(pause), [60, 120, 240, 3_600, 3_600]);
    }
}
