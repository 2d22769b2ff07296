//! What a person wants to know of a session that is kept.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use ibkr_auth_blocking::{Event, Phase, Snapshot};
use ibkr_auth_core::{
    Step,
    text::{masked_username, one_line},
};
use ibkr_auth_store::Wait;

use super::{
    second::SecondTry,
    words::{Line, maybe_closed},
};

/// So many lines stay on the screen.
const RECENT: usize = 60;

pub(super) struct Status {
    pub(super) profile: Option<String>,
    /// Masked.
    pub(super) username: String,
    pub(super) tickle_every: Duration,
    /// It ends other logins.
    pub(super) takes: bool,
    pub(super) snapshot: Snapshot,
    pub(super) paper: Option<bool>,
    pub(super) phase_since: Instant,
    began: Instant,
    pub(super) tickled: Option<Instant>,
    /// Within the last hour, and the last day.
    pub(super) logins: (usize, usize),
    /// The request that is on its way.
    pub(super) asking: Option<Step>,
    /// The last failure since the session was good.
    reason: Option<String>,
    /// When the session's thread was last heard.
    heard: Instant,
    pub(super) recent: VecDeque<Line>,
    pub(super) leaving: Option<&'static str>,
    pub(super) second: SecondTry,
}

impl Status {
    pub(super) fn new(
        profile: Option<String>,
        username: &str,
        tickle_every: Duration,
        snapshot: Snapshot,
    ) -> Self {
        let now = Instant::now();
        Self {
            profile,
            username: masked_username(username),
            tickle_every,
            takes: false,
            snapshot,
            paper: None,
            phase_since: now,
            began: now,
            tickled: None,
            logins: (0, 0),
            asking: None,
            reason: None,
            heard: now,
            recent: VecDeque::new(),
            leaving: None,
            second: SecondTry::default(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.snapshot.phase() {
            // The session is made ready for its second try.
            Phase::Stopped | Phase::Paused if self.second.is_under_way() => Phase::Connecting,
            phase => phase,
        }
    }

    pub(super) fn hear(&mut self, event: &Event) {
        self.heard = Instant::now();
        match event {
            Event::Sent { step } => self.asking = Some(*step),
            Event::Done { step: Step::Tickle, .. } => (self.tickled, self.asking) = (Some(self.heard), None),
            Event::Done { .. } | Event::Failed { .. } => self.asking = None,
            _ => {}
        }
        match event {
            Event::Failed { error, .. } | Event::Phase { because: Some(error), .. } => {
                self.reason = Some(one_line(&error.to_string()));
            }
            _ if self.phase() == Phase::Connected => self.reason = None,
            _ => {}
        }
    }

    pub(super) fn note(&mut self, line: Line) {
        self.recent.push_back(line);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    pub(super) fn look(&mut self, snapshot: Snapshot) {
        if std::mem::discriminant(&self.phase()) != std::mem::discriminant(&snapshot.phase()) {
            self.phase_since = Instant::now();
        }
        self.paper = snapshot.sso().and_then(|sso| sso.paper).or(self.paper);
        self.snapshot = snapshot;
    }

    pub(super) fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether the session's thread shows itself as often as it should: while connected, at each tickle.
    pub(super) fn is_alive(&self) -> bool {
        let longest = 2 * self.tickle_every + 3 * self.snapshot.config().timeout();
        self.phase() != Phase::Connected || self.heard.elapsed() < longest
    }

    /// Why the session is not good yet, where the phase does not say it.
    pub(super) fn reason(&self) -> Option<&str> {
        let is_trying = matches!(
            self.phase(),
            Phase::Connecting
                | Phase::Recovering
                | Phase::Maintenance { .. }
                | Phase::Waiting { .. }
                | Phase::LoginsSpent { .. }
        );
        self.reason.as_deref().filter(|_| is_trying)
    }

    /// The way out of the phase, where there is one.
    pub(super) fn way_out(&self) -> Option<&'static str> {
        match self.phase() {
            Phase::Yielded => {
                Some("comes back when that login has ended; `c` asks now, `r` takes the session from it")
            }
            Phase::LoginsSpent { .. } => Some(
                "`q`, then `ibkr-auth keep --force`, logs in sooner; find out first why the sessions do not last",
            ),
            Phase::Waiting { .. } => Some("wait: going on gets your address blocked"),
            Phase::Paused => Some("`r` logs in again"),
            _ => None,
        }
    }

    /// The phase in one line.
    pub(super) fn headline(&self) -> String {
        match (self.leaving, self.phase()) {
            (Some(leaving), _) => leaving.to_owned(),
            (None, Phase::Yielded) => "left to another login, such as TWS or the phone".to_owned(),
            (None, Phase::Waiting { .. }) => format!("waiting: {}", Wait::Asked),
            (None, Phase::LoginsSpent { .. }) => format!("waiting: {}", Wait::LoginsSpent),
            (None, Phase::Maintenance { until }) => maybe_closed(until),
            (None, phase) => phase.to_string(),
        }
    }
}
