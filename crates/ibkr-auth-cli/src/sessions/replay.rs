//! A login that was refused by chance. An assertion says nothing that is unique: two logins within seconds of each other
//! may send the same bytes, about one in two hundred does, and a server refuses the second as a replay.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use ibkr_auth_core::Step;

use super::{Came, LOGIN_WITHIN, Listener, Sessions, Wish, turn::Turn};
use crate::{
    exit::Exit,
    failure::Failure,
    store::{Kept, Record, seconds},
};

/// Assertions made further apart differ: core spreads their ends over so many seconds.
pub(crate) const SPREAD: u64 = 10;

impl Sessions {
    /// Checks, heals or makes a session; once more if it was refused by chance.
    pub(super) fn make_sure(
        &self,
        turn: Turn,
        wish: &Wish,
        listener: Listener,
    ) -> Result<(Kept, Came), Failure> {
        let listener = Arc::new(Mutex::new(listener));
        let before = last_login(&turn.record, seconds(SystemTime::now()));
        let failure = match (self.make(turn, wish, shared(&listener)), before) {
            (Err(failure), Some(before)) if may_be_replay(&failure) => {
                let passed = seconds(SystemTime::now()).saturating_sub(before);
                thread::sleep(Duration::from_secs(SPREAD.saturating_sub(passed)));
                failure
            }
            (outcome, _) => return outcome,
        };
        let mut turn = self.turn(LOGIN_WITHIN, || {})?;
        if turn.record.failed.as_ref().is_none_or(|failed| failed.failure.what != failure.what) {
            // Another invocation has tried meanwhile.
            return Err(failure);
        }
        turn.record.failed = None;
        self.make(turn, wish, shared(&listener))
    }
}

/// When was logged in before, if that is so recent that the next login may send the same, and was not refused.
fn last_login(record: &Record, now: u64) -> Option<u64> {
    let last = record.logins.last().filter(|last| now.saturating_sub(*last) <= SPREAD);
    last.filter(|_| record.failed.as_ref().is_none_or(|failed| !failed.failure.is(Exit::Refused)))
}

fn may_be_replay(failure: &Failure) -> bool {
    failure.is(Exit::Refused) && failure.step == Some(Step::GetAccessToken.to_string())
}

fn shared(listener: &Arc<Mutex<Listener>>) -> Listener {
    let listener = Arc::clone(listener);
    Box::new(move |event| listener.lock().unwrap_or_else(PoisonError::into_inner)(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Failed, Logins};

    fn record(logins: &[u64], failed: Option<Failure>) -> Record {
        let mut record = Record { logins: Logins::default(), ..Record::default() };
        logins.iter().for_each(|at| record.logins.add(*at));
        record.failed = failed.map(|failure| Failed { at: 0, times: 1, settings: String::new(), failure });
        record
    }

    #[test]
    fn only_a_login_within_seconds_of_a_good_one_may_be_a_replay() {
        assert_eq!(last_login(&record(&[100], None), 105), Some(100));
        assert_eq!(last_login(&record(&[100], None), 111), None);
        assert_eq!(last_login(&record(&[], None), 111), None);
        assert_eq!(last_login(&record(&[100], Some(Failure::new(Exit::Refused, "no"))), 105), None);
        assert_eq!(last_login(&record(&[100], Some(Failure::new(Exit::Competing, "no"))), 105), Some(100));
    }

    #[test]
    fn only_a_refused_assertion_may_be_a_replay() {
        let mut failure = Failure::new(Exit::Refused, "no");
        assert!(!may_be_replay(&failure), "the logins are spent");
        failure.step = Some("get_access_token".to_owned());
        assert!(may_be_replay(&failure));
    }
}
