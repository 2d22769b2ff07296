//! What keeps a login from being repeated blindly by one invocation after the other: accounts get locked by
//! that.

use std::time::SystemTime;

use ibkr_auth_blocking::{History, Session};

use super::{Sessions, locked::LockedRecord, moment};
use crate::{
    commands::span,
    exit::Exit,
    failure::Failure,
    store::{Failed, Record, digest, millis},
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
    pub(crate) fn may_log_in(
        &self,
        session: &Session,
        record: &Record,
        settings: &str,
        is_forced: bool,
    ) -> Result<(), Failure> {
        if !is_forced {
            not_refused(record, settings)?;
        }
        Ok(session.may_log_in(moment())?)
    }

    /// Counts a login before anything is sent: whoever is killed half-way has logged in all the same.
    pub(super) fn count_login(&self, locked: &mut LockedRecord, history: History) -> Result<(), Failure> {
        locked.record.history = history.with_login(SystemTime::now());
        self.keep(locked, None)
    }
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
    let Failure { what, help, .. } = &failed.failure;
    let help = help.as_deref().unwrap_or("change what was refused");
    let help =
        format!("{help}; the same settings may be tried again in {}, or with `login --force`", span(left));
    let mut failure = failed.failure.clone();
    failure.what = format!("{what} (a moment ago: not tried again)");
    failure.help(help).left(left)
}

#[cfg(test)]
mod tests {
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
}
