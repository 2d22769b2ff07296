//! The right to ask IBKR about a session: one invocation at a time, and no sooner than IBKR allows.

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, SystemTime},
};

use super::Sessions;
use crate::{
    commands::span,
    exit::Exit,
    failure::Failure,
    store::{Kept, Lock, Pause, Record, millis},
};

/// IBKR takes one tickle a second, and puts who sends more into its penalty box.
const BETWEEN: Duration = Duration::from_millis(1_100);

/// The same for `/portfolio/accounts`, with a margin for the way there.
const BETWEEN_ACCOUNTS: Duration = Duration::from_millis(5_200);

/// Another invocation may be in the middle of a login.
const AT_WORK: Duration = Duration::from_secs(90);

/// Held while IBKR is asked.
pub(crate) struct Turn {
    lock: Lock,
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
            // Else it would be ahead for as long as the clock was set back. Where nothing can be written it stays so.
            let _ = self.store.write(&turn.lock, &turn.record);
        }
        Ok(turn)
    }

    /// What is kept. A session that this program cannot go on with is none.
    pub(crate) fn record(&self) -> Result<Record, Failure> {
        let mut record = self.store.read()?;
        self.validated.fetch_max(record.validated, Ordering::Relaxed);
        if record.kept.as_ref().is_some_and(|kept| self.restored(kept).is_err()) {
            (record.kept, record.is_damaged) = (None, true);
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

    /// Nothing of one's own is sent either while IBKR has asked for a pause.
    pub(crate) fn heed_pause(&self) -> Result<(), Failure> {
        no_pause(&self.store.read()?)
    }

    /// Keeps a pause that IBKR has asked for.
    pub(crate) fn note_pause(&self, failure: &Failure) -> Result<(), Failure> {
        self.note(&mut self.turn(AT_WORK, || {})?, Some(failure));
        Ok(())
    }

    /// The same without waiting; `None` while another invocation is at work.
    pub(crate) fn try_turn(&self) -> Result<Option<Turn>, Failure> {
        self.store.try_lock()?.map(|lock| self.begin(lock)).transpose()
    }

    /// Waits until IBKR takes the next request for `/portfolio/accounts`.
    pub(crate) fn pace_accounts(&self) -> Result<(), Failure> {
        let mut turn = self.turn(AT_WORK, || {})?;
        turn.pace_accounts();
        self.remember(&turn, BETWEEN_ACCOUNTS);
        Ok(())
    }

    /// Waits until IBKR takes the next tickle.
    pub(crate) fn pace_tickle(&self) -> Result<(), Failure> {
        let mut turn = self.turn(AT_WORK, || {})?;
        turn.pace()?;
        self.note(&mut turn, None);
        Ok(())
    }

    /// Notes that `sso/validate` is asked now, if IBKR takes it.
    pub(crate) fn claim_validation(&self) -> Result<bool, Failure> {
        let mut turn = self.turn(AT_WORK, || {})?;
        let is_free = self.validate_allowed_in()?.is_zero();
        if is_free {
            self.note_validation();
            self.note(&mut turn, None);
        }
        Ok(is_free)
    }

    /// Keeps the record, and what a failure means for the next invocation.
    pub(crate) fn keep(&self, turn: &mut Turn, failure: Option<&Failure>) -> Result<(), Failure> {
        self.update(turn, failure);
        self.store.write(&turn.lock, &turn.record)
    }

    /// The same where nothing is lost if it cannot be written, as on a full disk, or in a folder that is there to be read.
    pub(crate) fn note(&self, turn: &mut Turn, failure: Option<&Failure>) {
        self.update(turn, failure);
        self.remember(turn, BETWEEN);
    }

    /// Later invocations cannot see that IBKR was asked where that cannot be written: none is let in for so long.
    fn remember(&self, turn: &Turn, pause: Duration) {
        let Err(failure) = self.store.write(&turn.lock, &turn.record) else { return };
        if !self.has_forgotten.swap(true, Ordering::Relaxed) {
            let Failure { what, why, .. } = failure;
            let why = why.unwrap_or_default();
            self.output.warning(format_args!("{what} ({why}): later invocations do not know of this one"));
        }
        thread::sleep(pause);
    }

    fn update(&self, turn: &mut Turn, failure: Option<&Failure>) {
        let now = millis(SystemTime::now());
        turn.record.asked = now;
        turn.record.validated = turn.record.validated.max(self.validated.load(Ordering::Relaxed));
        turn.record.paper = turn.record.kept.as_ref().and_then(|kept| kept.paper).or(turn.record.paper);
        if let Some(seconds) = failure.and_then(Failure::new_pause) {
            turn.record.pause = Some(Pause { until: now + seconds.min(Pause::LONGEST) * 1_000 });
        }
    }
}

impl Turn {
    /// Waits for a second if need be.
    ///
    /// # Errors
    /// While IBKR has asked for a longer pause.
    pub(crate) fn pace(&self) -> Result<(), Failure> {
        no_pause(&self.record)?;
        self.rest();
        Ok(())
    }

    /// The same; whoever forces a login does not heed a pause.
    pub(super) fn pace_unless(&self, is_forced: bool) -> Result<(), Failure> {
        if is_forced {
            self.rest();
            return Ok(());
        }
        self.pace()
    }

    fn rest(&self) {
        wait_since(self.record.asked, BETWEEN);
    }

    /// Waits, and notes that the accounts are asked for now.
    pub(crate) fn pace_accounts(&mut self) {
        wait_since(self.record.accounts, BETWEEN_ACCOUNTS);
        self.record.accounts = millis(SystemTime::now());
    }
}

/// Waits until `pause` has passed since then.
fn wait_since(then: u64, pause: Duration) {
    if let Some(passed) = millis(SystemTime::now()).checked_sub(then) {
        thread::sleep(pause.saturating_sub(Duration::from_millis(passed)));
    }
}

fn no_pause(record: &Record) -> Result<(), Failure> {
    let until = record.pause.as_ref().map_or(0, |pause| pause.until);
    match until.saturating_sub(millis(SystemTime::now())).div_ceil(1_000) {
        0 => Ok(()),
        left => Err(Failure::new(Exit::Server, "IBKR asked for a pause: nothing was sent")
            .why("it answered 429, too many requests, a while ago")
            .todo(format!(
                "wait {}: going on gets your address blocked; `login --force` goes on all the same",
                span(left)
            ))
            .left(left)),
    }
}
