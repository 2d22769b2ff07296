//! What `doctor` does step by step, under the same locks, guards and pauses as any other invocation.

use std::time::{Duration, SystemTime};

use ibkr_auth_blocking::{Config, History, Session};
use ibkr_auth_store::{KeptSession, Locked, seconds};

use super::{
    Sessions,
    guard::failed,
    moment,
    pace::{pace, pace_accounts},
};
use crate::{exit::Exit, failure::Failure};

const AT_WORK: Duration = Duration::from_secs(5);

/// The lock of the session, until drop.
pub(crate) struct DoctorRun {
    locked: Locked,
    /// `sso/validate` was asked within the last minute.
    pub(crate) validated: bool,
    settings: Option<String>,
}

impl Sessions {
    /// Waits for the lock, and as long as the pace demands.
    ///
    /// # Errors
    /// When another invocation is at work, or IBKR has asked for a pause.
    pub(crate) fn begin_run(&self) -> Result<DoctorRun, Failure> {
        let locked = self.lock(AT_WORK, || {})?;
        pace(&locked.record)?;
        let waits = !self.validate_allowed_in()?.is_zero();
        Ok(DoctorRun { locked, validated: waits, settings: None })
    }

    /// Whether a login may be tried now, and the digest of what it is tried with.
    ///
    /// # Errors
    /// When IBKR has just refused the same settings, or the hour's logins are spent.
    pub(crate) fn may_begin_login(&self, run: &DoctorRun) -> Result<String, Failure> {
        let (settings, record) = (self.settings_digest()?, &run.locked.record);
        self.may_log_in(&self.new_session(record, false), record, &settings, false)?;
        Ok(settings)
    }

    /// Counts a login, and forgets the kept session. Gives the session that begins it.
    ///
    /// # Errors
    /// As [`may_begin_login`](Self::may_begin_login).
    pub(crate) fn begin_login(&self, run: &mut DoctorRun, config: Config) -> Result<Session, Failure> {
        run.settings = Some(self.may_begin_login(run)?);
        run.locked.record.kept = None;
        let session = self.session_with(&run.locked.record, config);
        self.count_login(&mut run.locked, session.history(moment()))?;
        Ok(session)
    }

    /// Notes how the login ended, and what it has counted, so that the next invocation does not repeat a
    /// refusal.
    pub(crate) fn end_login(
        &self,
        run: &mut DoctorRun,
        history: Option<History>,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        let Some(settings) = run.settings.take() else { return Ok(()) };
        let record = &mut run.locked.record;
        record.history = history.unwrap_or_else(|| record.history.clone());
        let before = record.failed.take();
        record.failed = failure.map(|failure| failed(before.as_ref(), &settings, failure));
        self.keep(&mut run.locked, failure)
    }

    /// Notes that IBKR was asked, and a pause that it asked for.
    pub(crate) fn end_run(&self, mut run: DoctorRun, pause: Option<u64>) -> Result<(), Failure> {
        let failure = pause.map(|pause| Failure { pause: Some(pause), ..Failure::new(Exit::Server, "") });
        self.keep(&mut run.locked, failure.as_ref())
    }
}

impl DoctorRun {
    /// What is kept now.
    pub(crate) fn kept(&self) -> Option<KeptSession> {
        self.locked.record.kept.clone()
    }

    /// Live or paper is known from now on.
    pub(crate) fn note_paper(&mut self, paper: Option<bool>) {
        self.locked.record.paper = paper.or(self.locked.record.paper);
    }

    /// `sso/validate` is asked now.
    pub(crate) fn note_validation(&mut self) {
        self.locked.record.history.validated = Some(seconds(SystemTime::now()));
    }

    /// Waits until IBKR takes the next request for `/portfolio/accounts`.
    pub(crate) fn pace_accounts(&mut self) {
        pace_accounts(&mut self.locked.record);
    }
}
