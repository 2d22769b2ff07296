//! What the store is told while a session is kept: others live on it, and so does the next keeper.

use std::time::{Duration, Instant, SystemTime};

use ibkr_auth_core::{Event, History, Now, Phase, SavedSession, Snapshot, Step};

use crate::{FailedLogin, KeeperNote, KeptFailure, KeptSession, Locked, Program, Store, StoreError, seconds};

/// Follows a session that is kept connected, and has the store follow. For whoever has
/// [become its keeper](Store::become_keeper).
///
/// It hears in memory. [`follow`](Self::follow) alone works on files, and never waits for anybody: where
/// another program is just at work on the store, it is to be called again a second later.
#[derive(Debug)]
pub struct Recorder {
    store: Store,
    settings: String,
    program: Program,
    /// Held until the first login has come to something: whoever wants a session waits for it.
    locked: Option<Locked>,
    kept: Option<KeptSession>,
    history: History,
    failed: Option<FailedLogin>,
    /// What the others are told.
    note: Option<KeeperNote>,
    /// A person can tell this program by keys what to do: the others are told so from the next phase on.
    pub has_keys: bool,
    /// The store does not know the latest yet.
    is_behind: bool,
    is_broken: bool,
}

impl Recorder {
    /// Goes on from what is kept. Logins are tried with these
    /// [settings](crate::SessionIdentity::settings). Nobody else is let in before [`release`](Self::release).
    pub fn new(program: Program, settings: impl Into<String>, locked: Locked) -> Self {
        let record = locked.record.clone();
        Self {
            store: locked.store().clone(),
            settings: settings.into(),
            program,
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

    /// The logins within the last hour, and the last day.
    pub fn logins(&self) -> (usize, usize) {
        let within =
            |hours: u64| self.history.logins_within(Duration::from_secs(3_600 * hours), SystemTime::now());
        (within(1), within(24))
    }

    /// Live or paper, if anybody has learnt it before.
    pub fn paper(&self) -> Option<bool> {
        self.kept.as_ref().and_then(|kept| kept.paper)
    }

    /// Takes an event, and how the session stands after it.
    pub fn hear(&mut self, event: &Event, snapshot: &Snapshot) {
        let now = now();
        self.history = snapshot.history(now);
        if snapshot.phase() == Phase::Off {
            // What is left at the end is told apart.
            return;
        }
        if let Event::Phase { phase, .. } = event {
            let note = KeeperNote::of(*phase, now.wall);
            self.note = Some(KeeperNote { program: self.program, has_keys: self.has_keys, ..note });
        }
        let is_good = snapshot.is_connected() && snapshot.phase() == Phase::Connected;
        let is_seen = matches!(event, Event::Done { .. } | Event::Phase { .. });
        let is_new =
            matches!(event, Event::Done { step: Step::GetBearerToken | Step::GetLiveSessionToken, .. });
        let before = self.kept.as_ref();
        let good_at = match before {
            _ if !is_good => 0,
            Some(before) if !is_seen => before.good_at,
            _ => seconds(now.wall),
        };
        let began = before.filter(|_| !is_new).map_or(seconds(now.wall), |before| before.began);
        self.keep(snapshot.save(now).as_ref(), snapshot, began, good_at);
        if is_good {
            self.failed = None;
        }
        // A login counts as soon as it is sent: whoever is killed half-way has logged in all the same.
        self.is_behind |= !matches!(event, Event::Sent { step } if !step.is_signed());
    }

    /// The automatic mode has stopped for good.
    pub fn stopped(&mut self, failure: KeptFailure) {
        let failed = FailedLogin::after(self.failed.as_ref(), &self.settings, failure, SystemTime::now());
        self.failed = Some(failed);
        self.is_behind = true;
    }

    /// What is left at the end: what `detach` of the client's handle gave, and `None` after a logout.
    pub fn left(&mut self, saved: Option<&SavedSession>, snapshot: &Snapshot) {
        let now = now();
        self.history = snapshot.history(now);
        let before = self.kept.as_ref();
        let began = before.map_or(seconds(now.wall), |before| before.began);
        let good_at = before.filter(|_| snapshot.is_connected()).map_or(0, |before| before.good_at);
        self.keep(saved, snapshot, began, good_at);
        self.is_behind = true;
    }

    fn keep(&mut self, saved: Option<&SavedSession>, snapshot: &Snapshot, began: u64, good_at: u64) {
        let latest = saved.map(|saved| KeptSession::new(saved, snapshot, began, good_at));
        self.kept = match (latest, &self.kept) {
            (Some(latest), Some(before)) => Some(latest.or(before)),
            (latest, _) => latest,
        };
    }

    /// Lets others go on: the first login has come to something, if only to a wait.
    pub fn release(&mut self) {
        self.locked = None;
    }

    /// Whether others still wait for the first login.
    pub fn is_holding(&self) -> bool {
        self.locked.is_some()
    }

    /// Whether the store does not know the latest yet.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Writes what is new, unless another program is just at work on the store. Says once that this cannot be
    /// done, and once that it can again.
    pub fn follow(&mut self) -> Option<Result<(), StoreError>> {
        if !self.is_behind {
            return None;
        }
        let outcome = match self.write() {
            Ok(false) => return None,
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        };
        self.is_behind = outcome.is_err();
        let was_broken = std::mem::replace(&mut self.is_broken, outcome.is_err());
        (was_broken != self.is_broken).then_some(outcome)
    }

    fn write(&mut self) -> Result<bool, StoreError> {
        let mut borrowed = None;
        let locked = match &mut self.locked {
            Some(locked) => locked,
            None => match self.store.try_lock()? {
                Some(locked) => borrowed.insert(locked),
                None => return Ok(false),
            },
        };
        let record = &mut locked.record;
        record.kept = self.kept.clone();
        let others = std::mem::replace(&mut record.history, self.history.clone());
        // Others ask too.
        record.history.quiet_until = record.history.quiet_until.max(others.quiet_until);
        record.history.validated = record.history.validated.max(others.validated);
        record.failed = self.failed.clone();
        record.keeper = self.note.clone();
        record.note_asked(SystemTime::now(), None);
        locked.write()?;
        Ok(true)
    }
}

fn now() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
}
