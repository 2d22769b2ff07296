//! What keeps a session from logging in over and over, which gets accounts locked: how often it has done so,
//! and until when IBKR wants to be left alone. `connect`, the single steps and the automatic mode share it.

mod budget;

use std::time::{Duration, Instant};

use super::{
    history::{self, History},
    keeper::{ASSERTIONS, LoginBudget, RETAKES},
};
use crate::{Advice, Error, ErrorKind, Host, Now, Step, time::in_words};
use budget::Budget;

#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// What IBKR may have counted as a login.
    logins: Budget,
    /// Every login of which anything left this machine.
    assertions: Budget,
    /// Sessions that were taken back from another login.
    retakes: Budget,
    /// Nothing is sent before: the server asked for it.
    quiet_until: Option<Instant>,
    /// An access token has come that was asked for then, and the bearer token that is asked for with it is
    /// part of that login.
    half_way: Option<Instant>,
}

/// How far a signed request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Reach {
    /// It did not leave this machine for IBKR.
    #[default]
    Nowhere,
    /// It did, but what answered does not count logins.
    Sent,
    /// IBKR may have counted it.
    Counted,
}

impl Reach {
    /// How far a request came that was answered, or failed, so.
    pub(super) fn of<T>(result: &Result<T, Error>) -> Self {
        result.as_ref().err().map_or(Self::Counted, Self::of_failure)
    }

    /// How far one came that failed so.
    pub(super) fn of_failure(error: &Error) -> Self {
        match error.may_have_been_executed() {
            false => Self::Nowhere,
            true if error.may_count_as_login() => Self::Counted,
            true => Self::Sent,
        }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            logins: Budget::brake(LoginBudget::default()),
            assertions: Budget::brake(ASSERTIONS),
            retakes: Budget::wall(RETAKES),
            quiet_until: None,
            half_way: None,
        }
    }
}

impl Guard {
    pub(super) fn set_limit(&mut self, limit: LoginBudget) {
        self.logins.set_limit(limit);
    }

    /// Counts what was done before this session began.
    pub(super) fn recall(&mut self, history: &History, now: Now) {
        self.logins.recall(&history.logins, now);
        self.assertions.recall(&history.assertions, now);
        self.retakes.recall(&history.retakes, now);
        let quiet = history.quiet_until.and_then(|until| history::instant(until, now));
        self.quiet_until = self.quiet_until.max(quiet);
    }

    /// Adds what it knows to this history.
    pub(super) fn tell(&self, history: &mut History, now: Now) {
        history.logins = self.logins.times(now);
        history.assertions = self.assertions.times(now);
        history.retakes = self.retakes.times(now);
        history.quiet_until = self.quiet_until(now.mono).map(|until| history::seconds(until, now));
    }

    /// What was done so far holds nothing back any more.
    pub(super) fn forgive(&mut self) {
        for budget in [&mut self.logins, &mut self.assertions, &mut self.retakes] {
            budget.forgive();
        }
        self.quiet_until = None;
    }

    /// When the logins of late are fewer than are safe; `None` when they are. A server on this machine locks
    /// nobody out.
    pub(super) fn login_free_at(&self, host: &Host, now: Instant) -> Option<Instant> {
        match host.is_loopback() {
            true => None,
            false => self.logins.free_at(now).max(self.assertions.free_at(now)),
        }
    }

    /// Whether a login may begin now.
    pub(super) fn may_log_in(&self, host: &Host, now: Instant) -> Result<(), Error> {
        if let Some(until) = self.quiet_until(now) {
            return Err(quiet(until - now));
        }
        self.login_free_at(host, now).map_or(Ok(()), |at| Err(spent(at - now)))
    }

    /// Whether this signed request may go out now.
    pub(super) fn may_sign(&self, step: Step, host: &Host, now: Instant) -> Result<(), Error> {
        self.begun_at(step).map_or_else(|| self.may_log_in(host, now), |_| Ok(()))
    }

    /// A signed request goes out now. Says whether it begins a login, which is counted with it.
    pub(super) fn sign(&mut self, step: Step, now: Instant) -> bool {
        let begun_at = self.begun_at(step);
        self.half_way = None;
        for budget in [&mut self.logins, &mut self.assertions] {
            // What is counted once is counted as of its last request.
            begun_at.into_iter().for_each(|at| budget.refund(at));
            budget.spend(now);
        }
        begun_at.is_none()
    }

    /// When the login was begun that this step goes on with.
    fn begun_at(&self, step: Step) -> Option<Instant> {
        self.half_way.filter(|_| step == Step::GetBearerToken)
    }

    /// A signed request that went out then has come so far. What cannot have had an effect takes its count
    /// back.
    pub(super) fn answered(&mut self, step: Step, begun_at: Option<Instant>, reach: Reach, is_good: bool) {
        self.half_way = begun_at.filter(|_| step == Step::GetAccessToken && is_good);
        if let Some(at) = begun_at {
            if reach < Reach::Counted {
                self.logins.refund(at);
            }
            if reach == Reach::Nowhere {
                self.assertions.refund(at);
            }
        }
    }

    pub(super) fn may_retake(&self, now: Instant) -> bool {
        self.retakes.free_at(now).is_none()
    }

    pub(super) fn retake(&mut self, now: Instant) {
        self.retakes.spend(now);
    }

    /// The retake that was begun last has taken nothing.
    pub(super) fn refund_retake(&mut self) {
        self.retakes.refund_last();
    }

    /// The server asked for it.
    pub(super) fn be_quiet(&mut self, until: Option<Instant>) {
        self.quiet_until = self.quiet_until.max(until);
    }

    /// Until when nothing is sent.
    pub(super) fn quiet_until(&self, now: Instant) -> Option<Instant> {
        self.quiet_until.filter(|until| *until > now)
    }
}

fn spent(left: Duration) -> Error {
    let what =
        format!("the logins of late are as many as are safe: the next is allowed in {}", in_words(left));
    let help = "find out why the sessions do not last: IBKR locks accounts that log in over and over";
    Error::plain(ErrorKind::LoginsSpent, None, what, help, Advice::RetryAfter(left))
}

fn quiet(left: Duration) -> Error {
    let (what, help) =
        ("IBKR asked for a pause: nothing was sent", "wait: going on can get the address blocked");
    Error::plain(ErrorKind::RateLimited, None, what, help, Advice::RetryAfter(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[test]
    fn a_bearer_token_belongs_to_the_login_that_its_access_token_began_and_to_no_other() {
        let (mut guard, now) = (Guard::default(), Bench::new().now.mono);
        assert!(guard.sign(Step::GetAccessToken, now));
        guard.answered(Step::GetAccessToken, Some(now), Reach::Counted, true);
        assert!(!guard.sign(Step::GetBearerToken, now), "the same login goes on");
        assert!(guard.sign(Step::GetBearerToken, now), "with the same access token once more: another login");
        guard.answered(Step::GetAccessToken, Some(now), Reach::Counted, false);
        assert!(guard.sign(Step::GetBearerToken, now), "no access token came");
    }
}
