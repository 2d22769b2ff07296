//! What must outlive a process, so that it does not log in blindly.

use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::{facts::VALIDATE_PAUSE, guard::Guard};
use crate::Now;

/// IBKR keeps nobody waiting longer.
const LONGEST_PAUSE: u64 = 3_600;
/// Two seeds that differ by this lead to assertions that differ, whichever second each is signed in.
const NEXT_SEED: u64 = 101;

/// How often was logged in lately, and until when IBKR wants to be left alone. No secrets, a few KiB at most.
/// Keep it where the next process finds it, and give it to [`Session::recall`](crate::Session::recall): else
/// a program that is started over and over logs in over and over, and IBKR locks accounts for that.
///
/// Keep it before a login, as if that had been made: whoever is killed half-way has logged in all the same.
/// Keep it again when the login has come to something.
///
/// ```
/// # use ibkr_auth_core::{testing::{self, Bench}, Error};
/// # fn now() -> Now { Now { mono: std::time::Instant::now(), wall: std::time::SystemTime::now() } }
/// use ibkr_auth_core::{History, Now, Session};
///
/// # let (config, key, seed) = (testing::config(), testing::FakeKey, 0);
/// # let file = std::env::temp_dir().join(format!("history-{}.json", std::process::id()));
/// # let run = |session: &mut Session, ticket| Bench::new().run(session, ticket, testing::healthy);
/// let kept: History = std::fs::read(&file)
///     .ok()
///     .and_then(|json| serde_json::from_slice(&json).ok())
///     .unwrap_or_default();
/// let keep = |history: &History| std::fs::write(&file, serde_json::to_vec(history)?);
///
/// let mut session = Session::new(config, key, seed);
/// session.recall(&kept, now());
/// session.may_log_in(now())?; // what follows would fail with the same error
/// keep(&session.history(now()).with_login(now().wall))?;
/// let ticket = session.connect();
/// let outcome = run(&mut session, &ticket); // as in the crate's documentation
/// keep(&session.history(now()))?;
/// # std::fs::remove_file(&file)?;
/// # outcome.map(drop)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// All times are seconds since 1970 of the wall clock. What lies in the future was written under another
/// clock, and counts as of now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct History {
    /// Logins that IBKR may have counted.
    pub logins: Vec<u64>,
    /// Logins of which anything left this machine, whatever answered: whoever receives an assertion may log
    /// in with it.
    pub assertions: Vec<u64>,
    /// When the session was taken back from another login.
    pub retakes: Vec<u64>,
    /// IBKR has asked to be left alone until then.
    pub quiet_until: Option<u64>,
    /// When `sso/validate` was last asked: IBKR takes one a minute.
    pub validated: Option<u64>,
    /// What the next login is signed with: never the same bytes as one before, which a server may refuse as a
    /// replay.
    pub seed: Option<u64>,
}

impl History {
    pub(super) fn of(guard: &Guard, validated: Option<Instant>, seed: u64, now: Now) -> Self {
        let validated = validated.map(|at| seconds(at, now));
        let mut history = Self { validated, seed: Some(seed.wrapping_add(NEXT_SEED)), ..Self::default() };
        guard.tell(&mut history, now);
        history
    }

    /// As if a login began now, with all that it sends.
    #[must_use]
    pub fn with_login(mut self, now: SystemTime) -> Self {
        let at = nearest(now);
        self.logins.push(at);
        self.assertions.push(at);
        if self.validated.is_none_or(|validated| at.saturating_sub(validated) >= VALIDATE_PAUSE.as_secs()) {
            self.validated = Some(at);
        }
        self
    }

    /// Which of the [`logins`](Self::logins) were made within this time.
    pub fn logins_within(&self, time: Duration, now: SystemTime) -> usize {
        self.logins.iter().filter(|at| ago(**at, now) < time).count()
    }

    /// How long IBKR wants to be left alone.
    pub fn pause(&self, now: SystemTime) -> Duration {
        self.quiet_until.map_or(Duration::ZERO, |until| wall(until).duration_since(now).unwrap_or_default())
    }

    /// The history as a clock can understand that was set back: what it says of the future happened now, and
    /// a pause is none of more than an hour.
    #[must_use]
    pub fn seen_at(mut self, now: SystemTime) -> Self {
        let now = nearest(now);
        let Self { logins, assertions, retakes, quiet_until, validated, .. } = &mut self;
        let passed = [logins, assertions, retakes].into_iter().flatten().chain(validated);
        for at in passed {
            *at = (*at).min(now);
        }
        *quiet_until = quiet_until.map(|until| until.min(now.saturating_add(LONGEST_PAUSE)));
        self
    }
}

/// The nearest whole second: what is given back and taken over and over must not drift.
fn nearest(at: SystemTime) -> u64 {
    crate::time::unix_seconds(at + Duration::from_millis(500))
}

fn wall(at: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at)).unwrap_or(SystemTime::UNIX_EPOCH)
}

pub(super) fn ago(at: u64, now: SystemTime) -> Duration {
    now.duration_since(wall(at)).unwrap_or_default()
}

/// A time of the wall clock as this process counts; `None` when this machine had not started yet.
pub(super) fn instant(at: u64, now: Now) -> Option<Instant> {
    match wall(at).duration_since(now.wall) {
        Ok(ahead) => now.mono.checked_add(ahead),
        Err(past) => now.mono.checked_sub(past.duration()),
    }
}

pub(super) fn seconds(at: Instant, now: Now) -> u64 {
    let at = match at.checked_duration_since(now.mono) {
        Some(ahead) => now.wall.checked_add(ahead),
        None => now.wall.checked_sub(now.mono.saturating_duration_since(at)),
    };
    at.map_or(0, nearest)
}
