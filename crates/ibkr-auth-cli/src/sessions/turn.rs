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

/// No pause is believed that is longer: the clock may have been set.
const LONGEST_PAUSE: u64 = 3_600;

const IMPOSSIBLE: u64 = LONGEST_PAUSE + 1;

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
        Ok(Turn { lock, record: self.record()? })
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

    /// Nothing of one's own is sent either while IBKR has asked for a pause.
    pub(crate) fn heed_pause(&self) -> Result<(), Failure> {
        no_pause(&self.store.read()?)
    }

    /// Keeps a pause that IBKR has asked for.
    pub(crate) fn note_pause(&self, failure: &Failure) -> Result<(), Failure> {
        self.keep(&mut self.turn(AT_WORK, || {})?, Some(failure))
    }

    /// The same without waiting; `None` while another invocation is at work.
    pub(crate) fn try_turn(&self) -> Result<Option<Turn>, Failure> {
        let Some(lock) = self.store.try_lock()? else { return Ok(None) };
        Ok(Some(Turn { lock, record: self.record()? }))
    }

    /// Waits until IBKR takes the next request for `/portfolio/accounts`.
    pub(crate) fn pace_accounts(&self) -> Result<(), Failure> {
        let mut turn = self.turn(AT_WORK, || {})?;
        turn.pace_accounts();
        self.store.write(&turn.lock, &turn.record)
    }

    /// Waits until IBKR takes the next tickle.
    pub(crate) fn pace_tickle(&self) -> Result<(), Failure> {
        let mut turn = self.turn(AT_WORK, || {})?;
        turn.pace()?;
        self.keep(&mut turn, None)
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
            turn.record.pause = Some(Pause { until: now + seconds.min(LONGEST_PAUSE) * 1_000 });
        }
        self.store.write(&turn.lock, &turn.record)
    }
}

impl Turn {
    /// Waits for a second if need be.
    ///
    /// # Errors
    /// While IBKR has asked for a longer pause.
    pub(crate) fn pace(&self) -> Result<(), Failure> {
        no_pause(&self.record)?;
        wait_since(self.record.asked, BETWEEN);
        Ok(())
    }

    /// Waits, and notes that the accounts are asked for now.
    pub(crate) fn pace_accounts(&mut self) {
        wait_since(self.record.accounts, BETWEEN_ACCOUNTS);
        self.record.accounts = millis(SystemTime::now());
    }
}

/// Waits until `pause` has passed since then. What lies in the future was written under another clock.
fn wait_since(then: u64, pause: Duration) {
    if let Some(passed) = millis(SystemTime::now()).checked_sub(then) {
        thread::sleep(pause.saturating_sub(Duration::from_millis(passed)));
    }
}

fn no_pause(record: &Record) -> Result<(), Failure> {
    let until = record.pause.as_ref().map_or(0, |pause| pause.until);
    match until.saturating_sub(millis(SystemTime::now())).div_ceil(1_000) {
        0 | IMPOSSIBLE.. => Ok(()),
        left => Err(Failure::new(Exit::Server, "IBKR asked for a pause: nothing was sent")
            .why("it answered 429, too many requests, a while ago")
            .todo(format!("wait {}: going on gets your address blocked", span(left)))
            .left(left)),
    }
}
