//! The right to ask IBKR about a session: one invocation at a time.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use super::Sessions;
use crate::{
    failure::Failure,
    store::{Kept, Lock, Pause, Record, millis},
};

/// Another invocation may be in the middle of a login.
const AT_WORK: Duration = Duration::from_secs(90);

/// Held while IBKR is asked.
pub(crate) struct Turn {
    pub(super) lock: Lock,
    pub(crate) record: Record,
}

impl Sessions {
    /// Waits until no other invocation is at work on this session.
    pub(crate) fn turn(&self, within: Duration, waiting: impl FnOnce()) -> Result<Turn, Failure> {
        let lock = self.store.lock(within, waiting)?;
        Ok(Turn { lock, record: self.record()? })
    }

    /// What is kept. A session that this program cannot go on with is none.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        let mut record = self.store.read()?;
        self.validated.fetch_max(record.validated, Ordering::Relaxed);
        if record.kept.as_ref().is_some_and(|kept| self.restored(kept).is_err()) {
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
        let mut turn = self.turn(AT_WORK, || {})?;
        let is_same = |kept: &&Kept| kept.good_at <= refused.good_at && self.is_same(kept, refused);
        let Some(doubted) = turn.record.kept.as_ref().filter(is_same).map(Kept::doubted) else {
            return Ok(());
        };
        turn.record.kept = Some(doubted);
        self.store.write(&turn.lock, &turn.record)
    }

    /// IBKR has ended this session.
    pub(crate) fn forget(&self, ended: &Kept) -> Result<(), Failure> {
        let mut turn = self.turn(AT_WORK, || {})?;
        turn.record.kept.take_if(|kept| self.is_same(kept, ended));
        self.store.write(&turn.lock, &turn.record)
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
        let Some(lock) = self.store.try_lock()? else { return Ok(None) };
        Ok(Some(Turn { lock, record: self.record()? }))
    }

    /// Notes that `sso/validate` is asked now, if IBKR takes it.
    pub(crate) fn claim_validation(&self) -> Result<bool, Failure> {
        let mut turn = self.turn(AT_WORK, || {})?;
        let is_free = self.validate_allowed_in()?.is_zero();
        if is_free {
            self.note_validation();
            self.keep(&mut turn, None)?;
        }
        Ok(is_free)
    }

    /// Keeps the record, and what a failure means for the next invocation.
    pub(crate) fn keep(&self, turn: &mut Turn, failure: Option<&Failure>) -> Result<(), Failure> {
        let now = millis(SystemTime::now());
        turn.record.asked = now;
        turn.record.validated = turn.record.validated.max(self.validated.load(Ordering::Relaxed));
        turn.record.paper = turn.record.kept.as_ref().and_then(|kept| kept.paper).or(turn.record.paper);
        if let Some(seconds) = failure.and_then(Failure::new_pause) {
            turn.record.pause = Some(Pause::new(seconds));
        }
        self.store.write(&turn.lock, &turn.record)
    }
}
