//! What keeps a login from being repeated blindly by one invocation after the other: accounts get locked by that.

use std::time::{Duration, SystemTime};

use ibkr_auth_blocking::{Event, LoginBudget};
use ibkr_auth_core::Step;

use super::{Sessions, VALIDATE_PAUSE, Wish, turn::Turn};
use crate::{
    commands::span,
    exit::Exit,
    failure::Failure,
    store::{Failed, Logins, Record, digest, millis, seconds},
};

impl Sessions {
    /// The digest of what a login is tried with. Whoever changes a setting or the key may try again at once.
    pub(crate) fn settings_digest(&self) -> Result<String, Failure> {
        let key = self.profile.key.load()?;
        key.warnings.iter().for_each(|warning| self.output.warning(warning));
        let public_key = key.key.rsa().public_key_pem().unwrap_or_default();
        let parts = [self.profile.identity(), vec![public_key]].concat();
        Ok(digest(&parts))
    }

    /// Whether a login may be tried now.
    pub(crate) fn may_log_in(&self, record: &Record, settings: &str, wish: &Wish) -> Result<(), Failure> {
        if wish.force {
            return Ok(());
        }
        not_refused(record, settings)?;
        match self.profile.is_local {
            // A simulator locks nobody out.
            true => Ok(()),
            false => not_spent(record, seconds(SystemTime::now())),
        }
    }

    /// Counts a login, and the `sso/validate` that is part of it, before anything is sent: whoever is killed half-way has
    /// asked all the same.
    pub(super) fn count_login(&self, turn: &mut Turn) -> Result<Counted, Failure> {
        let now = SystemTime::now();
        let Record { logins, assertions, validated, .. } = turn.record.clone();
        turn.record.logins.add(seconds(now));
        turn.record.assertions.add(seconds(now));
        if self.validated_ago(now).is_none_or(|ago| ago >= VALIDATE_PAUSE) {
            turn.record.validated = millis(now);
        }
        self.keep(turn, None)?;
        Ok(Counted { logins, assertions, validated })
    }
}

/// What a record said before a login was counted.
pub(super) struct Counted {
    pub(super) logins: Logins,
    pub(super) assertions: Logins,
    pub(super) validated: u64,
}

/// Whether the same settings were not refused a moment ago.
pub(crate) fn not_refused(record: &Record, settings: &str) -> Result<(), Failure> {
    let again = record
        .failed
        .as_ref()
        .filter(|failed| failed.settings == settings && failed.failure.is(Exit::Refused));
    match again.map(|failed| (failed, left(failed, millis(SystemTime::now())))) {
        Some((failed, left @ 1..)) => Err(refused_before(failed, left)),
        _ => Ok(()),
    }
}

/// The signed requests of a login, told by its events. One without an outcome yet has arrived.
#[derive(Default)]
pub(crate) struct Signed {
    access_tokens: Requests,
    bearers: Requests,
}

#[derive(Default)]
struct Requests {
    /// These left this machine.
    left: usize,
    /// These may have reached the systems that count logins.
    counted: usize,
}

impl Signed {
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Sent { step } => {
                if let Some(requests) = self.of(*step) {
                    requests.left += 1;
                    requests.counted += 1;
                }
            }
            Event::Failed { error, .. } => {
                if let Some(requests) = error.step().and_then(|step| self.of(step)) {
                    let (left, counted) = (error.may_have_been_executed(), error.may_count_as_login());
                    requests.left = requests.left.saturating_sub(usize::from(!left));
                    requests.counted = requests.counted.saturating_sub(usize::from(!counted));
                }
            }
            _ => {}
        }
    }

    fn of(&mut self, step: Step) -> Option<&mut Requests> {
        match step {
            Step::GetAccessToken => Some(&mut self.access_tokens),
            Step::GetBearerToken => Some(&mut self.bearers),
            _ => None,
        }
    }

    /// A whole login makes both requests.
    pub(crate) fn logins(&self) -> usize {
        self.access_tokens.counted.max(self.bearers.counted)
    }

    pub(crate) fn assertions(&self) -> usize {
        self.access_tokens.left + self.bearers.left
    }
}

impl Logins {
    /// So many more, now.
    pub(super) fn and(mut self, more: usize) -> Self {
        (0..more).for_each(|_| self.add(seconds(SystemTime::now())));
        self
    }
}

/// How long ago each login of the last day was.
pub(crate) fn ages(logins: &Logins) -> Vec<Duration> {
    logins.ago(seconds(SystemTime::now())).map(Duration::from_secs).collect()
}

/// Whether the logins of the last hour, and of the last day, are not as many as are safe; nor the signed requests, of which more
/// are let through.
fn not_spent(record: &Record, now: u64) -> Result<(), Failure> {
    within(LoginBudget::default(), &record.logins, now).map_err(|(when, left)| logins_spent(when, left))?;
    within(LoginBudget::ASSERTIONS, &record.assertions, now)
        .map_err(|(when, left)| assertions_spent(when, left))
}

/// Else which time is over-full, and for how many seconds more.
fn within(budget: LoginBudget, spent: &Logins, now: u64) -> Result<(), (&'static str, u64)> {
    let left = |limit, span| free_in(spent, now, limit, span);
    match (left(budget.per_hour, Logins::HOUR), left(budget.per_day, Logins::DAY)) {
        (0, 0) => Ok(()),
        (hour, day) if day > hour => Err(("within the last day", day)),
        (hour, _) => Err(("within the last hour", hour)),
    }
}

/// Seconds until fewer than `limit` logins lie within the last `span` seconds.
fn free_in(logins: &Logins, now: u64, limit: usize, span: u64) -> u64 {
    let mut ages: Vec<_> = logins.ago(now).collect();
    ages.sort_unstable();
    let oldest = limit.checked_sub(1).and_then(|index| ages.get(index));
    oldest.map_or(0, |age| span.saturating_sub(*age))
}

/// The record of a login that has failed now.
pub(crate) fn failed(before: Option<&Failed>, settings: &str, failure: &Failure) -> Failed {
    let again = before.filter(|before| before.settings == settings && before.failure.is(Exit::Refused));
    Failed {
        at: millis(SystemTime::now()),
        times: 1 + again.map_or(0, |before| before.times),
        settings: settings.to_owned(),
        failure: failure.clone(),
    }
}

/// Seconds until the same settings may be tried again.
fn left(failed: &Failed, now: u64) -> u64 {
    failed.pause().saturating_sub(now.saturating_sub(failed.at) / 1_000)
}

fn refused_before(failed: &Failed, left: u64) -> Failure {
    let Failure { what, todo, .. } = &failed.failure;
    let todo = todo.as_deref().unwrap_or("change what was refused");
    let todo =
        format!("{todo}; the same settings may be tried again in {}, or with `login --force`", span(left));
    let mut failure = failed.failure.clone();
    failure.what = format!("{what} (a moment ago: not tried again)");
    failure.todo(todo).left(left)
}

fn assertions_spent(when: &str, left: u64) -> Failure {
    Failure::new(Exit::Server, format!("the tries to log in {when} are as many as are safe"))
        .why("none came to a login, and whoever answers them can log in with what they were sent")
        .todo(format!(
            "find out who answers: `ibkr-auth doctor` shows it; the next try is allowed in {}, or with \
             `login --force`",
            span(left)
        ))
        .left(left)
}

fn logins_spent(when: &str, left: u64) -> Failure {
    Failure::new(Exit::Server, format!("the logins {when} are as many as are safe"))
        .why("IBKR locks accounts that log in over and over")
        .todo(format!(
            "find out why the sessions do not last: `ibkr-auth keep` shows each loss and its reason; the next login is \
             allowed in {}, or with `login --force`",
            span(left)
        ))
        .left(left)
}

#[cfg(test)]
mod tests {
    use ibkr_auth_blocking::{Error, TransportError, TransportKind};

    use super::*;

    #[test]
    fn a_refusal_pauses_the_same_settings_and_counts_on() {
        let failure = Failure::new(Exit::Refused, "no");
        let first = failed(None, "a", &failure);
        assert_eq!(left(&first, first.at), 60);
        assert_eq!(left(&first, first.at + 60_000), 0);
        assert_eq!(left(&first, first.at - 1), 60, "the clock was set back");
        assert_eq!(failed(Some(&first), "a", &failure).times, 2);
        assert_eq!(failed(Some(&first), "b", &failure).times, 1, "other settings");
    }

    #[test]
    fn a_login_counts_once_it_may_have_arrived() {
        let sent = Event::Sent { step: Step::GetAccessToken };
        let done = |step| Event::Done { step, took: Duration::ZERO };
        let failed = |step, kind| Event::Failed {
            error: Error::transport(Some(step), &TransportError::new(kind, "it failed")),
            took: Duration::ZERO,
        };
        let lost = failed(Step::GetAccessToken, TransportKind::Timeout);
        let unsent = failed(Step::GetAccessToken, TransportKind::Connect);
        let other = failed(Step::PublicIp, TransportKind::Connect);
        let came = done(Step::GetAccessToken);
        let bearer = Event::Sent { step: Step::GetBearerToken };
        let unsent_bearer = failed(Step::GetBearerToken, TransportKind::Connect);
        let counts = |events: &[&Event]| {
            let mut signed = Signed::default();
            events.iter().for_each(|event| signed.hear(event));
            (signed.logins(), signed.assertions())
        };
        assert_eq!(counts(&[&other]), (0, 0));
        assert_eq!(counts(&[&sent]), (1, 1), "nobody knows");
        assert_eq!(counts(&[&sent, &unsent]), (0, 0));
        assert_eq!(counts(&[&sent, &lost]), (1, 1));
        assert_eq!(counts(&[&sent, &lost, &sent, &unsent]), (1, 1));
        assert_eq!(counts(&[&sent, &came, &other]), (1, 1));
        assert_eq!(counts(&[&sent, &came, &bearer]), (1, 2));
        assert_eq!(counts(&[&sent, &came, &bearer, &unsent_bearer]), (1, 1));
    }

    #[test]
    fn the_next_login_is_allowed_when_an_earlier_one_is_old_enough() {
        let mut record = Record::default();
        for at in 0..12 {
            assert!(not_spent(&record, 1_000).is_ok());
            record.logins.add(1_000 + at);
        }
        assert_eq!(not_spent(&record, 1_100).unwrap_err().pause, Some(3_500));
        assert!(not_spent(&record, 4_600).is_ok());
        for hour in 1..5 {
            (0..12).for_each(|_| record.logins.add(1_000 + hour * 4_000));
        }
        let failure = not_spent(&record, 18_000).unwrap_err();
        assert_eq!((failure.pause, failure.what.contains("last day")), (Some(69_400), true), "{failure:?}");
    }
}
