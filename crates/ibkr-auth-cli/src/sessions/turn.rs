//! The right to ask IBKR about a session: one invocation at a time.

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, SystemTime},
};

use super::{LOGIN_WITHIN, Sessions, pace::BETWEEN};
use crate::{
    failure::Failure,
    store::{Kept, Lock, Pause, Record, millis, seconds},
};

/// Held while IBKR is asked.
pub(crate) struct Turn {
    pub(super) lock: Lock,
    pub(crate) record: Record,
}

impl Sessions {
    /// Waits until no other invocation is at work on this session.
    pub(crate) fn turn(&self, within: Duration, waiting: impl FnOnce()) -> Result<Turn, Failure> {
        let lock = self.store.lock(within, waiting)?;
        self.begin(lock)
    }

    fn begin(&self, lock: Lock) -> Result<Turn, Failure> {
        let turn = Turn { lock, record: self.record()? };
        if turn.record.was_ahead {
            // Else it would be ahead for as long as the clock was set back. Where nothing can be written it
            // stays so.
            let _ = self.store.write(&turn.lock, &turn.record);
        }
        Ok(turn)
    }

    /// What is kept. A session that this program cannot go on with is none.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        let mut record = self.store.read()?;
        if record.kept.as_ref().is_some_and(|kept| self.headers(kept).is_err()) {
            (record.kept, record.is_damaged) = (None, true);
        }
        if let Some(kept) = &mut record.kept {
            // Not every login is told, and a username does not change its kind.
            kept.paper = kept.paper.or(record.paper);
        }
        Ok(record)
    }

    /// This session was refused: the next invocation asks before it uses it.
    pub(crate) fn doubt(&self, refused: &Kept) -> Result<(), Failure> {
        let mut turn = self.turn(LOGIN_WITHIN, || {})?;
        let is_same = |kept: &&Kept| kept.good_at <= refused.good_at && self.is_same(kept, refused);
        let Some(doubted) = turn.record.kept.as_ref().filter(is_same).map(Kept::doubted) else {
            return Ok(());
        };
        turn.record.kept = Some(doubted);
        self.remember(&turn, BETWEEN);
        Ok(())
    }

    /// IBKR has ended this session.
    pub(crate) fn forget(&self, ended: &Kept) -> Result<(), Failure> {
        let mut turn = self.turn(LOGIN_WITHIN, || {})?;
        turn.record.kept.take_if(|kept| self.is_same(kept, ended));
        self.remember(&turn, BETWEEN);
        Ok(())
    }

    fn is_same(&self, one: &Kept, other: &Kept) -> bool {
        matches!((self.headers(one), self.headers(other)), (Ok(one), Ok(other)) if one == other)
    }

    /// Says why there is no session where there is a file for it.
    pub(crate) fn warn_of_damage(&self, record: &Record) {
        if record.is_damaged {
            let file = self.store.path();
            self.output.warning(format_args!("{} is damaged, and ignored", file.display()));
        }
    }

    /// The same without waiting; `None` while another invocation is at work.
    pub(crate) fn try_turn(&self) -> Result<Option<Turn>, Failure> {
        self.store.try_lock()?.map(|lock| self.begin(lock)).transpose()
    }

    /// Notes that `sso/validate` is asked now, if IBKR takes it.
    pub(crate) fn claim_validation(&self) -> Result<bool, Failure> {
        let mut turn = self.turn(LOGIN_WITHIN, || {})?;
        let is_free = self.validate_allowed_in()?.is_zero();
        if is_free {
            turn.record.history.validated = Some(seconds(SystemTime::now()));
            self.note(&mut turn, None);
        }
        Ok(is_free)
    }

    /// Keeps the record, and what a failure means for the next invocation.
    pub(crate) fn keep(&self, turn: &mut Turn, failure: Option<&Failure>) -> Result<(), Failure> {
        self.update(turn, failure);
        self.store.write(&turn.lock, &turn.record)
    }

    /// The same where nothing is lost if it cannot be written, as on a full disk, or in a folder that is
    /// there to be read.
    pub(crate) fn note(&self, turn: &mut Turn, failure: Option<&Failure>) {
        self.update(turn, failure);
        self.remember(turn, BETWEEN);
    }

    /// Later invocations cannot see that IBKR was asked where that cannot be written: none is let in for so
    /// long.
    pub(super) fn remember(&self, turn: &Turn, pause: Duration) {
        let Err(failure) = self.store.write(&turn.lock, &turn.record) else { return };
        if !self.has_forgotten.swap(true, Ordering::Relaxed) {
            let Failure { what, why, .. } = failure;
            let why = why.unwrap_or_default();
            self.output.warning(format_args!("{what} ({why}): later invocations do not know of this one"));
        }
        thread::sleep(pause);
    }

    fn update(&self, turn: &mut Turn, failure: Option<&Failure>) {
        let now = SystemTime::now();
        turn.record.asked = millis(now);
        turn.record.paper = turn.record.kept.as_ref().and_then(|kept| kept.paper).or(turn.record.paper);
        if let Some(pause) = failure.and_then(Failure::new_pause) {
            turn.record.history.quiet_until = Some(seconds(now) + pause.min(Pause::LONGEST));
        }
    }
}
