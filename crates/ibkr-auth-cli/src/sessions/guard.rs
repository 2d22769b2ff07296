//! What keeps a login from being repeated blindly by one invocation after the other: accounts get locked by
//! that.

use std::time::SystemTime;

use ibkr_auth_blocking::{History, Session};
use ibkr_auth_store::{FailedLogin, KeptFailure, Locked, Record, span};

use super::{Sessions, moment};
use crate::failure::Failure;

impl Sessions {
    /// The digest of what a login is tried with. Whoever changes a setting or the key may try again at once.
    pub(crate) fn settings_digest(&self) -> Result<String, Failure> {
        let key = self.profile.key.load()?;
        key.warnings.iter().for_each(|warning| self.output.warning(warning));
        Ok(self.profile.identity().settings(&key.key))
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
    pub(super) fn count_login(&self, locked: &mut Locked, history: History) -> Result<(), Failure> {
        locked.record.history = history.with_login(SystemTime::now());
        self.keep(locked, None)
    }
}

/// Whether the same settings were not refused a moment ago.
pub(crate) fn not_refused(record: &Record, settings: &str) -> Result<(), Failure> {
    match record.refused(settings, SystemTime::now()) {
        Some((failed, left)) => Err(refused_before(&failed.failure, left.as_secs())),
        None => Ok(()),
    }
}

/// The record of a login that has failed now.
pub(crate) fn failed(before: Option<&FailedLogin>, settings: &str, failure: &Failure) -> FailedLogin {
    FailedLogin::after(before, settings, failure.clone().into(), SystemTime::now())
}

fn refused_before(failure: &KeptFailure, left: u64) -> Failure {
    let help = failure.help.as_deref().unwrap_or("change what was refused");
    let help =
        format!("{help}; the same settings may be tried again in {}, or with `login --force`", span(left));
    let what = format!("{} (a moment ago: not tried again)", failure.what);
    Failure { what, ..failure.clone().into() }.help(help).left(left)
}
