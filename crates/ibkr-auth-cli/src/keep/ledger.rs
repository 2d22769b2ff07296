//! What the store is told while a session is kept: other invocations live on it, and so does the next keeper.

use std::time::SystemTime;

use ibkr_auth_blocking::{ErrorKind, Event, Phase, SavedSession, Snapshot};
use ibkr_auth_core::Step;

use crate::{
    exit::Exit,
    failure::Failure,
    sessions::{Sessions, Turn, failed, kept},
    store::{Failed, KeeperNote, Kept, Logins, Rest, Wait, seconds},
};

/// The login that is counted, with the count before it.
enum Login {
    None,
    UnderWay(Logins),
    /// A step of it has failed, and may be tried again.
    Tripped(Logins),
    /// Its access token came: what fails now takes nothing back.
    Counted,
}

pub(super) struct Ledger<'a> {
    sessions: &'a Sessions,
    /// The digest of the settings.
    settings: String,
    /// Held until the first login has come to something: whoever wants a session waits for it.
    turn: Option<Turn>,
    kept: Option<Kept>,
    logins: Logins,
    /// Signed requests that left this machine.
    assertions: Logins,
    failed: Option<Failed>,
    /// IBKR has asked for a pause.
    pause: Option<Failure>,
    /// What the others are told.
    note: Option<KeeperNote>,
    /// The wait that it is in.
    rest: Option<Rest>,
    /// A person can tell this program by keys what to do.
    pub(super) has_keys: bool,
    login: Login,
    /// The store does not know the latest yet.
    is_behind: bool,
    is_broken: bool,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(sessions: &'a Sessions, settings: String, turn: Turn) -> Self {
        let record = turn.record.clone();
        Self {
            sessions,
            settings,
            turn: Some(turn),
            kept: record.kept,
            logins: record.logins,
            assertions: record.assertions,
            failed: record.failed,
            pause: None,
            note: None,
            rest: None,
            has_keys: false,
            login: Login::None,
            is_behind: false,
            is_broken: false,
        }
    }

    /// Within the last hour, and the last day.
    pub(super) fn logins(&self) -> (usize, usize) {
        let now = seconds(SystemTime::now());
        (self.logins.in_last_hour(now), self.logins.in_last_day(now))
    }

    /// Live or paper, if an earlier invocation has learnt it.
    pub(super) fn paper(&self) -> Option<bool> {
        self.kept.as_ref().and_then(|kept| kept.paper)
    }

    pub(super) fn hear(&mut self, event: &Event, snapshot: &Snapshot, saved: Option<&SavedSession>) {
        let now = seconds(SystemTime::now());
        self.count(event, now);
        let because = match event {
            Event::Phase { phase: Phase::Waiting { .. }, because } => because.as_ref(),
            _ => None,
        };
        if let Some(error) = because.filter(|error| error.kind() == ErrorKind::RateLimited) {
            self.pause = Some(Failure::from(error.clone()));
        }
        if let Event::Phase { phase, .. } = event {
            self.rest = rest(*phase, now);
        }
        if snapshot.phase() == Phase::Off {
            // What is left at the end is told apart.
            return;
        }
        self.note = Some(self.note(snapshot.phase()));
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
        let latest = saved.map(|saved| {
            let latest = kept(saved, snapshot, began, good_at);
            before.map_or(latest.clone(), |before| latest.or(before))
        });
        if is_good {
            self.failed = None;
        }
        self.kept = latest;
        self.is_behind |= !matches!(event, Event::Sent { .. });
    }

    /// The automatic mode has stopped for good.
    pub(super) fn stopped(&mut self, failure: &Failure) {
        self.failed = Some(failed(self.failed.as_ref(), &self.settings, failure));
        self.is_behind = true;
    }

    /// What is left at the end; `None` after a logout.
    pub(super) fn left(&mut self, saved: Option<&SavedSession>, snapshot: &Snapshot) {
        let now = seconds(SystemTime::now());
        let before = self.kept.take();
        let began = before.as_ref().map_or(now, |before| before.began);
        let good_at = before.as_ref().filter(|_| snapshot.is_connected()).map_or(0, |before| before.good_at);
        self.kept = saved.map(|saved| {
            let latest = kept(saved, snapshot, began, good_at);
            before.as_ref().map_or(latest.clone(), |before| latest.or(before))
        });
        self.is_behind = true;
    }

    /// Where the session stands, for those who would use it.
    fn note(&self, phase: Phase) -> KeeperNote {
        let waits = match phase {
            Phase::Paused => Some(Exit::NoSession as u8),
            Phase::Yielded => Some(Exit::Competing as u8),
            _ => None,
        };
        KeeperNote { phase: phase.into(), waits, rest: self.rest, has_keys: self.has_keys }
    }

    /// Lets other invocations go on.
    pub(super) fn release(&mut self) {
        self.turn = None;
    }

    pub(super) fn is_holding(&self) -> bool {
        self.turn.is_some()
    }

    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Writes what is new, unless another invocation is just at work on the store. Says once that this cannot be done, and
    /// once that it can again.
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
        let turn = match &mut self.turn {
            Some(turn) => turn,
            None => match self.sessions.try_turn()? {
                Some(turn) => borrowed.insert(turn),
                None => return Ok(false),
            },
        };
        turn.record.kept = self.kept.clone();
        turn.record.logins = self.logins.clone();
        turn.record.assertions = self.assertions.clone();
        turn.record.failed = self.failed.clone();
        turn.record.keeper = self.note.clone();
        self.sessions.keep(turn, self.pause.as_ref())?;
        self.pause = None;
        Ok(true)
    }

    /// A login is counted when it begins: whoever is killed half-way has logged in all the same. Its further tries are part
    /// of it.
    fn count(&mut self, event: &Event, now: u64) {
        match event {
            Event::Sent { step } if is_login(*step) => {
                self.assertions.add(now);
                self.is_behind = true;
            }
            Event::Failed { error, .. } if error.step().is_some_and(is_login) => {
                if !error.may_have_been_executed() {
                    self.assertions.take_back();
                }
            }
            _ => {}
        }
        self.login = match (event, std::mem::replace(&mut self.login, Login::None)) {
            (Event::Sent { step }, Login::None | Login::Tripped(_)) if is_login(*step) => {
                let before = self.logins.clone();
                self.logins.add(now);
                self.is_behind = true;
                Login::UnderWay(before)
            }
            (Event::Done { step: Step::GetBearerToken, .. }, _) => Login::None,
            (Event::Done { step: Step::GetAccessToken, .. }, Login::UnderWay(_)) => Login::Counted,
            (Event::Failed { error, .. }, Login::Counted) if error.step().is_some_and(is_login) => {
                Login::None
            }
            (Event::Failed { error, .. }, Login::UnderWay(before))
                if error.step().is_some_and(is_login) && !error.may_count_as_login() =>
            {
                self.logins = before;
                Login::None
            }
            (Event::Failed { error, .. }, Login::UnderWay(before)) if error.step().is_some_and(is_login) => {
                Login::Tripped(before)
            }
            (Event::Retrying { step, .. }, Login::Tripped(before)) if is_login(*step) => {
                Login::UnderWay(before)
            }
            (_, login) => login,
        };
    }
}

fn rest(phase: Phase, now: u64) -> Option<Rest> {
    let (about, why) = match phase {
        Phase::Waiting { about } => (about, Wait::Asked),
        Phase::LoginsSpent { about } => (about, Wait::LoginsSpent),
        _ => return None,
    };
    Some(Rest { until: now + about.as_secs(), why })
}

fn is_login(step: Step) -> bool {
    matches!(step, Step::GetAccessToken | Step::GetBearerToken)
}
