//! The right to ask IBKR about a session: one invocation at a time.

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, SystemTime},
};

use ibkr_auth_store::{KeptSession, Locked, Record, seconds};

use super::{LOGIN_WITHIN, Sessions, pace::BETWEEN};
use crate::failure::Failure;

impl Sessions {
    /// Waits until no other invocation is at work on this session.
    pub(crate) fn lock(&self, within: Duration, waiting: impl FnOnce()) -> Result<Locked, Failure> {
        let mut locked = self.store.lock(within, waiting)?;
        self.judge(&mut locked.record);
        Ok(locked)
    }

    /// What is kept.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        let mut record = self.store.read()?;
        self.judge(&mut record);
        Ok(record)
    }

    /// A session that this program cannot go on with is none.
    fn judge(&self, record: &mut Record) {
        let cannot = |kept| self.restored(kept, self.profile.config.clone()).is_err();
        if record.kept.as_ref().is_some_and(cannot) {
            (record.kept, record.is_damaged) = (None, true);
        }
    }

    /// This session was refused: the next invocation asks before it uses it.
    pub(crate) fn doubt(&self, refused: &KeptSession) -> Result<(), Failure> {
        let mut locked = self.lock(LOGIN_WITHIN, || {})?;
        let is_same = |kept: &&KeptSession| kept.good_at <= refused.good_at && self.is_same(kept, refused);
        let Some(doubted) = locked.record.kept.as_ref().filter(is_same).map(KeptSession::doubted) else {
            return Ok(());
        };
        locked.record.kept = Some(doubted);
        self.remember(&locked, BETWEEN);
        Ok(())
    }

    /// IBKR has ended this session.
    pub(crate) fn forget(&self, ended: &KeptSession) -> Result<(), Failure> {
        let mut locked = self.lock(LOGIN_WITHIN, || {})?;
        locked.record.kept.take_if(|kept| self.is_same(kept, ended));
        self.remember(&locked, BETWEEN);
        Ok(())
    }

    fn is_same(&self, one: &KeptSession, other: &KeptSession) -> bool {
        self.are_one(one, other).unwrap_or(false)
    }

    /// Says why there is no session where there is a file for it.
    pub(crate) fn warn_of_damage(&self, record: &Record) {
        if record.is_damaged {
            let file = self.store.path();
            self.output.warning(format_args!("{} is damaged, and ignored", file.display()));
        }
    }

    /// Notes that `sso/validate` is asked now, if IBKR takes it.
    pub(crate) fn claim_validation(&self) -> Result<bool, Failure> {
        let mut locked = self.lock(LOGIN_WITHIN, || {})?;
        let is_free = self.validate_allowed_in()?.is_zero();
        if is_free {
            locked.record.history.validated = Some(seconds(SystemTime::now()));
            self.note(&mut locked, None);
        }
        Ok(is_free)
    }

    /// Keeps the record, and what a failure means for the next invocation.
    pub(crate) fn keep(&self, locked: &mut Locked, failure: Option<&Failure>) -> Result<(), Failure> {
        update(&mut locked.record, failure);
        Ok(locked.write()?)
    }

    /// The same where nothing is lost if it cannot be written, as on a full disk, or in a folder that is
    /// there to be read.
    pub(crate) fn note(&self, locked: &mut Locked, failure: Option<&Failure>) {
        update(&mut locked.record, failure);
        self.remember(locked, BETWEEN);
    }

    /// Later invocations cannot see that IBKR was asked where that cannot be written: none is let in for so
    /// long.
    pub(super) fn remember(&self, locked: &Locked, pause: Duration) {
        let Err(error) = locked.write() else { return };
        if !self.has_forgotten.swap(true, Ordering::Relaxed) {
            let (what, why) = (error.message(), error.reason().unwrap_or_default());
            self.output.warning(format_args!("{what} ({why}): later invocations do not know of this one"));
        }
        thread::sleep(pause);
    }
}

fn update(record: &mut Record, failure: Option<&Failure>) {
    record.note_asked(SystemTime::now(), failure.and_then(Failure::new_pause));
}
