//! How the automatic mode should behave where IBKR leaves a choice.

use std::time::Duration;

use crate::{ConfigError, Host, Region};

/// Taking the brokerage session back is a courtesy that can be mistaken for an attack: two programs on one
/// username would take it from each other for ever.
pub(in crate::session) const RETAKES: LoginBudget = LoginBudget { per_hour: 3, per_day: 12 };

/// However IBKR answers, no more logins than these leave the machine: whoever receives an assertion may log
/// in with it.
pub(in crate::session) const ASSERTIONS: LoginBudget = LoginBudget { per_hour: 40, per_day: 240 };

const LONGEST_RETAKE: Duration = Duration::from_secs(86_400);

/// The policy of [`Session::keep_connected`](crate::Session::keep_connected). The default suits one program
/// on one username.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepConnected {
    pub(super) tickle_every: Duration,
    pub(super) competing: OnCompeting,
    pub(super) logins: LoginBudget,
    pub(super) region: Option<Region>,
    pub(super) hosts: Vec<Host>,
}

impl Default for KeepConnected {
    fn default() -> Self {
        Self {
            tickle_every: Duration::from_secs(60),
            competing: OnCompeting::default(),
            logins: LoginBudget::default(),
            region: None,
            hosts: Vec::new(),
        }
    }
}

impl KeepConnected {
    /// Time between two tickles, 10 s to 2 min. Default: 60 s, as IBKR recommends; after 5 min without a
    /// request the brokerage session ends.
    ///
    /// # Errors
    /// [`ConfigError`] when it is less or more.
    pub fn with_tickle_every(mut self, every: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_secs(10)..=Duration::from_secs(120)).contains(&every) {
            return Err(ConfigError::new("tickle_every", "must be between 10 s and 2 min"));
        }
        self.tickle_every = every;
        Ok(self)
    }

    /// What to do when another login takes the brokerage session. Default: leave it there.
    #[must_use]
    pub fn with_competing(mut self, competing: OnCompeting) -> Self {
        self.competing = match competing {
            OnCompeting::RetakeAfter(wait) => OnCompeting::RetakeAfter(wait.min(LONGEST_RETAKE)),
            other => other,
        };
        self
    }

    /// How many logins there may be, those of before included: see [`History`](crate::History). Default: 12
    /// in an hour, 60 in a day. Against a server on this machine there is no limit.
    #[must_use]
    pub fn with_logins(mut self, logins: LoginBudget) -> Self {
        self.logins = logins;
        self
    }

    pub(in crate::session) fn logins(&self) -> LoginBudget {
        self.logins
    }

    /// Whose nightly reset, midnight and weekend maintenance count. Default: what `sso/validate` says, until
    /// then New York.
    #[must_use]
    pub fn with_region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Further hosts to turn to when one is dead or answers 410, such as `1.api.ibkr.com`. Default: none.
    #[must_use]
    pub fn with_hosts(mut self, hosts: impl IntoIterator<Item = Host>) -> Self {
        self.hosts = hosts.into_iter().collect();
        self
    }
}

/// What to do when another login of the same username takes the brokerage session. IBKR allows one at a time.
///
/// Unless IBKR itself says that another login is there, a session that was lost is first asked for without
/// `compete`, which ends nobody. Only when that is refused does this decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnCompeting {
    /// Leave it there; come back when the other one is gone, or at [`resume`](crate::Session::resume). Only
    /// an own session is ended: one that was ours at the last tickle and whose bearer token has ended since.
    #[default]
    Yield,
    /// Take it back at once, three times an hour at most; then yield.
    Take,
    /// Take it back after this time, a day at most, and three times an hour at most.
    RetakeAfter(Duration),
    /// Like `Yield`, and never send `compete` at all, not even to end an own session of before.
    Never,
}

/// How often something may be done in any hour and in any day: half of it as it comes, the rest spread over
/// the time. Exhaustive on purpose: it is written as a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginBudget {
    /// In any 60 minutes.
    pub per_hour: usize,
    /// In any 24 hours.
    pub per_day: usize,
}

impl Default for LoginBudget {
    fn default() -> Self {
        Self { per_hour: 12, per_day: 60 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tickle_that_comes_too_often_or_too_late_is_refused() {
        for (seconds, is_good) in [(0, false), (9, false), (10, true), (120, true), (121, false)] {
            let policy = KeepConnected::default().with_tickle_every(Duration::from_secs(seconds));
            assert_eq!(policy.is_ok(), is_good, "{seconds} s");
        }
    }
}
