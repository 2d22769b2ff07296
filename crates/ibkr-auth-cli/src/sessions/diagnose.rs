//! What `doctor` does step by step, under the same locks, guards and pauses as any other invocation.

use std::time::{Duration, SystemTime};

use super::{Sessions, Wish, guard::failed, turn::Turn};
use crate::{
    exit::Exit,
    failure::Failure,
    store::{Kept, millis, seconds},
};

const AT_WORK: Duration = Duration::from_secs(5);
/// Until IBKR takes the next `sso/validate` of a username.
const VALIDATE_PAUSE: u64 = 60;
const HOUR: u64 = 3_600;

/// The turn to ask IBKR, until drop.
pub(crate) struct Diagnosis {
    turn: Turn,
    /// When IBKR was asked before that, in milliseconds since 1970.
    asked: u64,
    /// A login, here or by another invocation, has asked `sso/validate` within the last minute.
    pub(crate) validated: bool,
    settings: Option<String>,
}

impl Sessions {
    /// Waits for the turn, and as long as the pace demands.
    ///
    /// # Errors
    /// When another invocation is at work, or IBKR has asked for a pause.
    pub(crate) fn diagnose(&self) -> Result<Diagnosis, Failure> {
        let turn = self.turn(AT_WORK, || {})?;
        turn.pace()?;
        // The logins of the last minute are those of the hour that ends 59 minutes from now.
        let now = seconds(SystemTime::now());
        let recent = turn.record.logins.in_last_hour(now + HOUR - VALIDATE_PAUSE) > 0;
        let kept = turn.record.kept.as_ref();
        let waits = kept.is_some_and(|kept| self.validate_allowed_in(kept).is_ok_and(|left| !left.is_zero()));
        let asked = turn.record.asked;
        Ok(Diagnosis { turn, asked, validated: recent || waits, settings: None })
    }

    /// Whether a login may be tried now, and the digest of what it is tried with.
    ///
    /// # Errors
    /// When IBKR has just refused the same settings, or the hour's logins are spent.
    pub(crate) fn may_begin_login(&self, diagnosis: &Diagnosis) -> Result<String, Failure> {
        let wish = Wish {
            compete: false,
            no_login: false,
            max_age: Duration::ZERO,
            within: AT_WORK,
            fresh: true,
            force: false,
        };
        let settings = self.settings_digest()?;
        self.may_log_in(&diagnosis.turn.record, &settings, &wish)?;
        Ok(settings)
    }

    /// Counts a login, and forgets the kept session.
    ///
    /// # Errors
    /// As [`may_begin_login`](Self::may_begin_login).
    pub(crate) fn begin_login(&self, diagnosis: &mut Diagnosis) -> Result<(), Failure> {
        diagnosis.settings = Some(self.may_begin_login(diagnosis)?);
        let record = &mut diagnosis.turn.record;
        record.kept = None;
        // Counted before anything is sent: whoever is killed half-way has logged in all the same.
        record.logins.add(seconds(SystemTime::now()));
        self.keep(&mut diagnosis.turn, None)
    }

    /// Notes how the login ended, so that the next invocation does not repeat a refusal.
    pub(crate) fn end_login(
        &self,
        diagnosis: &mut Diagnosis,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        let Some(settings) = diagnosis.settings.take() else { return Ok(()) };
        let record = &mut diagnosis.turn.record;
        let before = record.failed.take();
        record.failed = failure.map(|failure| failed(before.as_ref(), &settings, failure));
        self.keep(&mut diagnosis.turn, failure)
    }

    /// Notes that IBKR was asked, and a pause that it asked for. A program that keeps the session connected notes for
    /// itself.
    pub(crate) fn end_diagnosis(&self, mut diagnosis: Diagnosis, pause: Option<u64>) -> Result<(), Failure> {
        if self.store.keeper().is_some() {
            return Ok(());
        }
        let failure = pause.map(|pause| Failure { pause: Some(pause), ..Failure::new(Exit::Server, "") });
        self.keep(&mut diagnosis.turn, failure.as_ref())
    }
}

impl Diagnosis {
    /// What is kept now.
    pub(crate) fn kept(&self) -> Option<Kept> {
        self.turn.record.kept.clone()
    }

    /// How long until `pause` has passed since IBKR was asked by an earlier invocation.
    pub(crate) fn left_of(&self, pause: Duration) -> Duration {
        let passed = millis(SystemTime::now()).checked_sub(self.asked).map(Duration::from_millis);
        passed.map_or(Duration::ZERO, |passed| pause.saturating_sub(passed))
    }
}
