//! What the store is told while a session is kept: other invocations live on it, and so does the next keeper.

use std::time::{Duration, SystemTime};

use ibkr_auth_blocking::{Event, History, Phase, SavedSession, Snapshot};
use ibkr_auth_core::Step;

use crate::{
    exit::Exit,
    failure::Failure,
    sessions::{LockedRecord, Sessions, failed, kept, moment},
    store::{Failed, KeeperNote, KeptSession, Rest, Wait, seconds},
};

pub(super) struct Recorder<'a> {
    sessions: &'a Sessions,
    /// The digest of the settings.
    settings: String,
    /// Held until the first login has come to something: whoever wants a session waits for it.
    locked: Option<LockedRecord>,
    kept: Option<KeptSession>,
    history: History,
    failed: Option<Failed>,
    /// What the others are told.
    note: Option<KeeperNote>,
    /// A person can tell this program by keys what to do.
    pub(super) has_keys: bool,
    /// The store does not know the latest yet.
    is_behind: bool,
    is_broken: bool,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(sessions: &'a Sessions, settings: String, locked: LockedRecord) -> Self {
        let record = locked.record.clone();
        Self {
            sessions,
            settings,
            locked: Some(locked),
            kept: record.kept,
            history: record.history,
            failed: record.failed,
            note: None,
            has_keys: false,
            is_behind: false,
            is_broken: false,
        }
    }

    /// Within the last hour, and the last day.
    pub(super) fn logins(&self) -> (usize, usize) {
        let within =
            |hours: u64| self.history.logins_within(Duration::from_secs(3_600 * hours), SystemTime::now());
        (within(1), within(24))
    }

    /// Live or paper, if an earlier invocation has learnt it.
    pub(super) fn paper(&self) -> Option<bool> {
        self.kept.as_ref().and_then(|kept| kept.paper)
    }

    pub(super) fn hear(&mut self, event: &Event, snapshot: &Snapshot, saved: Option<&SavedSession>) {
        let now = seconds(SystemTime::now());
        self.history = snapshot.history(moment());
        if snapshot.phase() == Phase::Off {
            // What is left at the end is told apart.
            return;
        }
        if let Event::Phase { phase, .. } = event {
            self.note = Some(self.note(*phase, now));
        }
        let is_good = snapshot.is_connected() && snapshot.phase() == Phase::Connected;
        let is_seen = matches!(event, Event::Done { .. } | Event::Phase { .. });
        let is_new = matches!(event, Event::Done { step: Step::GetBearerToken, .. });
        let before = self.kept.as_ref();
        let good_at = match before {
            _ if !is_good => 0,
            Some(before) if !is_seen => before.good_at,
            _ => now,
        };
        let began = before.filter(|_| !is_new).map_or(now, |before| before.began);
        self.keep(saved, snapshot, began, good_at);
        if is_good {
            self.failed = None;
        }
        // A login counts as soon as it is sent: whoever is killed half-way has logged in all the same.
        self.is_behind |= !matches!(event, Event::Sent { step } if !step.is_signed());
    }

    /// The automatic mode has stopped for good.
    pub(super) fn stopped(&mut self, failure: &Failure) {
        self.failed = Some(failed(self.failed.as_ref(), &self.settings, failure));
        self.is_behind = true;
    }

    /// What is left at the end; `None` after a logout.
    pub(super) fn left(&mut self, saved: Option<&SavedSession>, snapshot: &Snapshot) {
        let now = seconds(SystemTime::now());
        self.history = snapshot.history(moment());
        let before = self.kept.as_ref();
        let began = before.map_or(now, |before| before.began);
        let good_at = before.filter(|_| snapshot.is_connected()).map_or(0, |before| before.good_at);
        self.keep(saved, snapshot, began, good_at);
        self.is_behind = true;
    }

    fn keep(&mut self, saved: Option<&SavedSession>, snapshot: &Snapshot, began: u64, good_at: u64) {
        let latest = saved.map(|saved| kept(saved, snapshot, began, good_at));
        self.kept = match (latest, &self.kept) {
            (Some(latest), Some(before)) => Some(latest.or(before)),
            (latest, _) => latest,
        };
    }

    /// Where the session stands, for those who would use it.
    fn note(&self, phase: Phase, now: u64) -> KeeperNote {
        let waits = match phase {
            Phase::Paused => Some(Exit::NoSession as u8),
            Phase::Yielded => Some(Exit::Competing as u8),
            _ => None,
        };
        let rest = match phase {
            Phase::Waiting { about } => Some((about, Wait::Asked)),
            Phase::LoginsSpent { about } => Some((about, Wait::LoginsSpent)),
            _ => None,
        };
        let rest = rest.map(|(about, why)| Rest { until: now + about.as_secs(), why });
        KeeperNote { phase: phase.into(), waits, rest, has_keys: self.has_keys }
    }

    /// Lets other invocations go on.
    pub(super) fn release(&mut self) {
        self.locked = None;
    }

    pub(super) fn is_holding(&self) -> bool {
        self.locked.is_some()
    }

    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Writes what is new, unless another invocation is just at work on the store. Says once that this cannot
    /// be done, and once that it can again.
    pub(super) fn follow(&mut self) -> Option<Result<(), Failure>> {
        if !self.is_behind {
            return None;
        }
        let outcome = match self.write() {
            Ok(false) => return None,
            Ok(true) => Ok(()),
            Err(failure) => Err(failure),
        };
        self.is_behind = outcome.is_err();
        let was_broken = std::mem::replace(&mut self.is_broken, outcome.is_err());
        (was_broken != self.is_broken).then_some(outcome)
    }

    fn write(&mut self) -> Result<bool, Failure> {
        let mut borrowed = None;
        let locked = match &mut self.locked {
            Some(locked) => locked,
            None => match self.sessions.try_lock()? {
                Some(locked) => borrowed.insert(locked),
                None => return Ok(false),
            },
        };
        locked.record.kept = self.kept.clone();
        let others = std::mem::replace(&mut locked.record.history, self.history.clone());
        let history = &mut locked.record.history;
        // Other invocations ask too.
        history.quiet_until = history.quiet_until.max(others.quiet_until);
        history.validated = history.validated.max(others.validated);
        locked.record.failed = self.failed.clone();
        locked.record.keeper = self.note.clone();
        self.sessions.keep(locked, None)?;
        Ok(true)
    }
}
