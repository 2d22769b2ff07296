//! What keeps a login from being repeated blindly by one invocation after the other: accounts get locked by that.

use std::time::{Duration, SystemTime};

use ibkr_auth_blocking::{Error, Event, LoginBudget};
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
            false => not_spent(&record.logins, seconds(SystemTime::now())),
        }
    }

    /// Counts a login, and the `sso/validate` that is part of it, before anything is sent: whoever is killed half-way has
    /// asked all the same.
    pub(super) fn count_login(&self, turn: &mut Turn) -> Result<Counted, Failure> {
        let now = SystemTime::now();
        let counted = Counted { logins: turn.record.logins.clone(), validated: turn.record.validated };
        turn.record.logins.add(seconds(now));
        if self.validated_ago(now).is_none_or(|ago| ago >= VALIDATE_PAUSE) {
            turn.record.validated = millis(now);
        }
        self.keep(turn, None)?;
        Ok(counted)
    }
}

/// What a record said before a login was counted.
pub(super) struct Counted {
    pub(super) logins: Logins,
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

/// Whether a login that failed so cannot have reached the systems that count logins.
pub(crate) fn had_no_effect(error: &Error) -> bool {
    let is_login = matches!(error.step(), Some(Step::GetAccessToken | Step::GetBearerToken));
    is_login && !error.may_count_as_login()
}

/// Whether a login may have reached the systems that count logins: told by its events.
#[derive(Default)]
pub(crate) struct Reach {
    /// A token request has no outcome yet.
    is_open: bool,
    has_arrived: bool,
}

impl Reach {
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Sent { step: Step::GetAccessToken } => self.is_open = true,
            Event::Done { step: Step::GetAccessToken, .. } => {
                (self.is_open, self.has_arrived) = (false, true);
            }
            Event::Failed { error, .. } if error.step() == Some(Step::GetAccessToken) => {
                self.is_open = false;
                self.has_arrived |= !had_no_effect(error);
            }
            _ => {}
        }
    }

    pub(crate) fn counts(&self) -> bool {
        self.has_arrived || self.is_open
    }
}

/// How long ago each login of the last day was.
pub(crate) fn ages(logins: &Logins) -> Vec<Duration> {
    logins.ago(seconds(SystemTime::now())).map(Duration::from_secs).collect()
}

/// Whether the logins of the last hour, and of the last day, are not as many as are safe.
fn not_spent(logins: &Logins, now: u64) -> Result<(), Failure> {
    let LoginBudget { per_hour, per_day } = LoginBudget::default();
    let left = |limit, span| free_in(logins, now, limit, span);
    match (left(per_hour, Logins::HOUR), left(per_day, Logins::DAY)) {
        (0, 0) => Ok(()),
        (hour, day) if day > hour => Err(spent("within the last day", day)),
        (hour, _) => Err(spent("within the last hour", hour)),
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

fn spent(when: &str, left: u64) -> Failure {
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
    use ibkr_auth_blocking::{TransportError, TransportKind};

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
    fn what_was_not_sent_had_no_effect() {
        let error = |step, kind| Error::transport(step, &TransportError::new(kind, "it failed"));
        assert!(had_no_effect(&error(Some(Step::GetAccessToken), TransportKind::Connect)));
        assert!(!had_no_effect(&error(Some(Step::GetAccessToken), TransportKind::Timeout)));
        assert!(had_no_effect(&error(Some(Step::GetBearerToken), TransportKind::Connect)));
        assert!(!had_no_effect(&error(Some(Step::GetBearerToken), TransportKind::Broken)));
        // The token is asked for at the same time.
        assert!(!had_no_effect(&error(Some(Step::PublicIp), TransportKind::Connect)));
        assert!(!had_no_effect(&error(None, TransportKind::Timeout)));
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
        let counts = |events: &[&Event]| {
            let mut reach = Reach::default();
            events.iter().for_each(|event| reach.hear(event));
            reach.counts()
        };
        assert!(!counts(&[&failed(Step::PublicIp, TransportKind::Connect)]));
        assert!(counts(&[&sent]), "nobody knows");
        assert!(!counts(&[&sent, &unsent]));
        assert!(counts(&[&sent, &lost]));
        assert!(counts(&[&sent, &lost, &sent, &unsent]));
        assert!(counts(&[
            &sent,
            &done(Step::GetAccessToken),
            &failed(Step::PublicIp, TransportKind::Connect)
        ]));
    }

    #[test]
    fn the_next_login_is_allowed_when_an_earlier_one_is_old_enough() {
        let mut logins = Logins::default();
        for at in 0..12 {
            assert!(not_spent(&logins, 1_000).is_ok());
            logins.add(1_000 + at);
        }
        assert_eq!(not_spent(&logins, 1_100).unwrap_err().pause, Some(3_500));
        assert!(not_spent(&logins, 4_600).is_ok());
        for hour in 1..5 {
            (0..12).for_each(|_| logins.add(1_000 + hour * 4_000));
        }
        let failure = not_spent(&logins, 18_000).unwrap_err();
        assert_eq!((failure.pause, failure.what.contains("last day")), (Some(69_400), true), "{failure:?}");
    }
}
