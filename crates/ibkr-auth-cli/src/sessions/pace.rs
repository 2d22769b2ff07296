//! What IBKR takes only so often, and the pauses that it asks for.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use ibkr_auth_store::{Pause, Record, millis, span};

use super::{LOGIN_WITHIN, Sessions};
use crate::{exit::Exit, failure::Failure};

/// IBKR takes one tickle a second, and puts who sends more into its penalty box.
pub(super) const BETWEEN: Duration = Duration::from_millis(1_100);
/// Once in 5 s, with a margin for the way there.
const RARELY: Duration = Duration::from_millis(5_200);
/// Who waits longer wants to know for what.
const NOTABLE: Duration = Duration::from_millis(500);

const ACCOUNTS: &str = "portfolio/accounts";

/// What IBKR takes once in 5 s of a username (its documentation, "pacing limitations"): a path, and under
/// which name that is counted.
const RARE: [(&str, &str); 7] = [
    (ACCOUNTS, ACCOUNTS),
    ("portfolio/subaccounts", ACCOUNTS),
    ("iserver/orders", "iserver/account/orders"),
    ("iserver/account/orders", "iserver/account/orders"),
    ("iserver/trades", "iserver/account/trades"),
    ("iserver/account/trades", "iserver/account/trades"),
    ("iserver/account/pnl/partitioned", "iserver/account/pnl/partitioned"),
];

impl Sessions {
    /// Waits until IBKR takes the next request for this path, if it takes it rarely, and says so.
    pub(crate) fn pace_rare(&self, path: &str) -> Result<(), Failure> {
        let Some((_, name)) = RARE.iter().find(|(rare, _)| *rare == path) else { return Ok(()) };
        let mut locked = self.lock(LOGIN_WITHIN, || {})?;
        let wait = left(locked.record.paced.get(*name).copied().unwrap_or_default(), RARELY);
        if wait >= NOTABLE {
            let seconds = wait.as_secs_f64();
            self.output
                .note(format_args!("IBKR takes one request for /{name} in 5 s: waiting {seconds:.1} s"));
        }
        pace_rare(&mut locked.record, name);
        self.remember(&locked, RARELY);
        Ok(())
    }

    /// The same for `/portfolio/accounts`, without a word.
    pub(crate) fn pace_accounts(&self) -> Result<(), Failure> {
        let mut locked = self.lock(LOGIN_WITHIN, || {})?;
        pace_accounts(&mut locked.record);
        self.remember(&locked, RARELY);
        Ok(())
    }

    /// Waits until IBKR takes the next tickle.
    pub(crate) fn pace_tickle(&self) -> Result<(), Failure> {
        let mut locked = self.lock(LOGIN_WITHIN, || {})?;
        pace(&locked.record)?;
        self.note(&mut locked, None);
        Ok(())
    }

    /// Nothing of one's own is sent either while IBKR has asked for a pause.
    pub(crate) fn heed_pause(&self) -> Result<(), Failure> {
        no_pause(&self.store.read()?)
    }

    /// The same, and no request to an endpoint that has asked for a pause of its own.
    pub(crate) fn heed_pause_of(&self, endpoint: &str) -> Result<(), Failure> {
        let record = self.store.read()?;
        no_pause(&record)?;
        match record.pauses.get(endpoint).map_or(0, |pause| pause.left(SystemTime::now())) {
            0 => Ok(()),
            left => {
                Err(Failure::new(Exit::Server, format!("IBKR asked for a pause of {endpoint}: not sent"))
                    .why("it answered 429, too many requests, a while ago")
                    .help(format!(
                        "wait {}: going on gets your address blocked; other requests may go on, and `login --force` ends the pause",
                        span(left)
                    ))
                    .left(left))
            }
        }
    }

    /// Keeps a pause that IBKR has asked for at one endpoint. Who is in IBKR's penalty box gets the same
    /// answer everywhere: the second endpoint that asks for one means all.
    pub(crate) fn note_pause(&self, endpoint: &str, failure: &Failure) -> Result<(), Failure> {
        let Some(seconds) = failure.new_pause() else { return Ok(()) };
        let mut locked = self.lock(LOGIN_WITHIN, || {})?;
        let (pauses, now) = (&mut locked.record.pauses, SystemTime::now());
        pauses.retain(|_, pause| pause.left(now) > 0);
        // Whoever asks about a session tickles.
        if endpoint.ends_with(" /tickle") || pauses.keys().any(|other| other != endpoint) {
            self.note(&mut locked, Some(failure));
        } else {
            pauses.insert(endpoint.to_owned(), Pause::new(seconds, now));
            self.note(&mut locked, None);
        }
        Ok(())
    }
}

/// Waits for a second if need be.
///
/// # Errors
/// While IBKR has asked for a longer pause.
pub(super) fn pace(record: &Record) -> Result<(), Failure> {
    no_pause(record)?;
    thread::sleep(left(record.asked, BETWEEN));
    Ok(())
}

/// The same, and whoever forces it ends the pause.
pub(crate) fn pace_or_force(record: &mut Record, is_forced: bool) -> Result<(), Failure> {
    if is_forced {
        record.history.quiet_until = None;
        record.pauses.clear();
    }
    pace(record)
}

/// Waits, and notes that the accounts are asked for now.
pub(super) fn pace_accounts(record: &mut Record) {
    pace_rare(record, ACCOUNTS);
}

fn pace_rare(record: &mut Record, name: &str) {
    let asked = record.paced.entry(name.to_owned()).or_default();
    thread::sleep(left(*asked, RARELY));
    *asked = millis(SystemTime::now());
}

/// How much of `pause` is left since then. What lies in the future was written under another clock.
fn left(then: u64, pause: Duration) -> Duration {
    let passed = millis(SystemTime::now()).checked_sub(then);
    passed.map_or(Duration::ZERO, |passed| pause.saturating_sub(Duration::from_millis(passed)))
}

fn no_pause(record: &Record) -> Result<(), Failure> {
    let pause = record.history.pause(SystemTime::now());
    match pause.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX) {
        0 => Ok(()),
        left => Err(Failure::new(Exit::Server, "IBKR asked for a pause: nothing was sent")
            .why("it answered 429, too many requests, a while ago")
            .help(format!(
                "wait {}: going on gets your address blocked; `login --force` goes on all the same",
                span(left)
            ))
            .left(left)),
    }
}
