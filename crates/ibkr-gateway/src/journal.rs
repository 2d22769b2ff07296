//! What has happened, for the status page and the metrics.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use ibkr_auth_async::{Event, Phase};
use serde_json::{Value, json};

/// So many events are kept.
const EVENTS: usize = 100;
/// So many clients are told apart.
const CLIENTS: usize = 64;

/// What has become of a session and of the requests of its clients.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) counts: Counts,
    told: Mutex<Told>,
}

/// Requests of clients, by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// IBKR has answered, whatever.
    pub(crate) answered: AtomicU64,
    /// The gateway has answered from what it knew.
    pub(crate) local: AtomicU64,
    /// There was no answer, and the request was not sent.
    pub(crate) failed: AtomicU64,
    /// There was no answer, and it may have been executed.
    pub(crate) in_doubt: AtomicU64,
    /// Not allowed, or not in time.
    pub(crate) refused: AtomicU64,
    /// Sent once more after the session was healed, or because they had not left.
    pub(crate) again: AtomicU64,
    /// Waiting for the session now.
    pub(crate) held: AtomicUsize,
    pub(crate) websockets: AtomicUsize,
}

#[derive(Default)]
struct Told {
    events: VecDeque<Line>,
    clients: BTreeMap<(IpAddr, String), Seen>,
    phase_since: Option<SystemTime>,
}

/// An event as a person reads it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: SystemTime,
    pub(crate) level: Level,
    pub(crate) text: String,
    pub(crate) why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Good,
    Info,
    Warning,
    Bad,
}

/// A client, as far as it shows itself.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) last: SystemTime,
    pub(crate) websockets: usize,
}

/// A request that waits. Its client may leave.
pub(crate) struct Held<'a>(&'a Counts);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// For the status page.
    pub(crate) fn shown(&self) -> Value {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        json!({
            "answered": of(&self.answered) + of(&self.local),
            "failed": of(&self.failed),
            "held": self.waiting(),
            "refused": of(&self.refused),
            "in_doubt": of(&self.in_doubt),
        })
    }

    pub(crate) fn by_outcome(&self) -> [(&'static str, u64); 6] {
        [
            ("answered", &self.answered),
            ("answered_here", &self.local),
            ("failed", &self.failed),
            ("in_doubt", &self.in_doubt),
            ("refused", &self.refused),
            ("sent_again", &self.again),
        ]
        .map(|(outcome, count)| (outcome, count.load(Ordering::Relaxed)))
    }

    /// One more waits, until drop.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }

    pub(crate) fn waiting(&self) -> i64 {
        i64::try_from(self.held.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }

    pub(crate) fn streams(&self) -> i64 {
        i64::try_from(self.websockets.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }
}

impl Journal {
    /// What is of interest to people; each request of the session's own is not.
    pub(crate) fn hear(&self, event: &Event) {
        let mut told = self.told();
        let now = SystemTime::now();
        if matches!(event, Event::Phase { .. }) {
            told.phase_since = Some(now);
        }
        if let Some(line) = Line::of(event, now) {
            told.note(line);
        }
    }

    /// What a person or a client has asked of the session.
    pub(crate) fn say(&self, level: Level, text: impl Into<String>) {
        self.told().note(Line { at: SystemTime::now(), level, text: text.into(), why: None });
    }

    /// A request was answered without IBKR.
    pub(crate) fn count_local(&self) {
        self.counts.local.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was not allowed, or not now.
    pub(crate) fn count_refused(&self) {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn see(&self, address: IpAddr, agent: &str) {
        let seen = &mut self.told().clients;
        let key = (address.to_canonical(), shortened(agent));
        if seen.len() >= CLIENTS && !seen.contains_key(&key) {
            let oldest =
                seen.iter().min_by_key(|(_, seen)| (seen.websockets, seen.last)).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| seen.remove(&oldest));
        }
        let client = seen.entry(key).or_insert(Seen { requests: 0, last: SystemTime::now(), websockets: 0 });
        client.requests += 1;
        client.last = SystemTime::now();
    }

    /// A client's stream has begun or ended.
    pub(crate) fn count_stream(&self, address: IpAddr, agent: &str, change: isize) {
        let key = (address.to_canonical(), shortened(agent));
        if let Some(client) = self.told().clients.get_mut(&key) {
            client.websockets = client.websockets.saturating_add_signed(change);
        }
        if change > 0 {
            self.counts.websockets.fetch_add(1, Ordering::Relaxed);
        } else {
            self.counts.websockets.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The newest first.
    pub(crate) fn events(&self) -> Vec<Line> {
        self.told().events.iter().rev().cloned().collect()
    }

    pub(crate) fn clients(&self) -> Vec<((IpAddr, String), Seen)> {
        self.told().clients.iter().map(|(key, seen)| (key.clone(), seen.clone())).collect()
    }

    pub(crate) fn phase_since(&self) -> Option<SystemTime> {
        self.told().phase_since
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn note(&mut self, line: Line) {
        self.events.push_back(line);
        if self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }
}

impl Line {
    fn of(event: &Event, at: SystemTime) -> Option<Self> {
        let level = match event {
            Event::Sent { .. } | Event::Done { .. } | Event::Connected => return None,
            Event::Recovered { .. } => Level::Good,
            Event::Failed { .. } | Event::Retrying { .. } | Event::ClockSkew(_) => Level::Warning,
            Event::Phase { phase, .. } => match phase {
                Phase::Connected => Level::Good,
                Phase::Stopped => Level::Bad,
                Phase::Recovering | Phase::Yielded | Phase::LoginsSpent { .. } | Phase::Waiting { .. } => {
                    Level::Warning
                }
                _ => Level::Info,
            },
            _ => Level::Info,
        };
        let (text, why) = match event {
            Event::Phase { phase, because } => (phase.to_string(), because.as_ref().map(ToString::to_string)),
            event => (event.to_string(), None),
        };
        Some(Self { at, level, text, why })
    }
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

fn shortened(agent: &str) -> String {
    agent.chars().take(60).collect()
}
