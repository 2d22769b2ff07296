//! What is said of an event: to people in a line, to programs in JSON.

use std::time::SystemTime;

use anstyle::Style;
use ibkr_auth_blocking::{Event, Phase};
use ibkr_auth_core::{Step, text::one_line};
use ibkr_auth_store::PhaseName;
use serde_json::{Map, Value, json};

use crate::{
    output::{BAD, WARN},
    utc::stamp,
};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warning,
    /// It does not heal by itself.
    Person,
}

impl Level {
    /// As the journal counts.
    pub(crate) const fn priority(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Warning => 4,
            Self::Person => 3,
        }
    }

    pub(crate) const fn style(self) -> Style {
        match self {
            Self::Info => Style::new(),
            Self::Warning => WARN,
            Self::Person => BAD,
        }
    }
}

/// Something to be told.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: SystemTime,
    pub(crate) level: Level,
    pub(crate) text: String,
}

impl Line {
    pub(crate) fn new(level: Level, text: impl Into<String>) -> Self {
        Self { at: SystemTime::now(), level, text: one_line(&text.into()) }
    }

    /// `None`: what happens each minute, and what another event says too.
    /// `takes`: it was told to end other logins, and does so as often as is safe.
    pub(crate) fn of(event: &Event, takes: bool) -> Option<Self> {
        let level = match event {
            Event::Sent { .. }
            | Event::Connected
            | Event::Done { step: Step::Tickle | Step::ValidateSso, .. } => return None,
            Event::Failed { .. } => Level::Warning,
            Event::ClockSkew(skew) if skew.millis() != 0 => Level::Warning,
            Event::Phase { phase, .. } => level_of(*phase),
            _ => Level::Info,
        };
        let text = match event {
            Event::Phase { phase: Phase::Yielded, .. } => format!(
                "left to another login, such as TWS or the phone: comes back when that one has ended; {}",
                if takes {
                    "it has taken the session from it as often as is safe"
                } else {
                    "--compete ends it"
                }
            ),
            Event::Phase { phase: Phase::Maintenance { until }, .. } => maybe_closed(*until),
            other => other.to_string(),
        };
        Some(Self::new(level, text))
    }
}

/// The hours alone make no maintenance: the network may be at fault as well.
pub(crate) fn maybe_closed(until: SystemTime) -> String {
    format!("no answer as it should be: it may be IBKR's maintenance, until {} at the latest", stamp(until))
}

fn level_of(phase: Phase) -> Level {
    match phase {
        Phase::Yielded | Phase::Stopped => Level::Person,
        Phase::Recovering | Phase::Waiting { .. } | Phase::LoginsSpent { .. } => Level::Warning,
        _ => Level::Info,
    }
}

/// An event as the members of an object. `phase` is where the session stands now.
pub(crate) fn json(event: &Event, phase: Phase) -> Map<String, Value> {
    let (name, members) = match event {
        Event::Sent { step } => ("sent", json!({ "step": step.name() })),
        Event::Done { step, took } => ("done", json!({ "step": step.name(), "ms": took.as_millis() })),
        Event::Failed { error, took } => {
            let members = json!({
                "step": error.step().map(Step::name),
                "ms": took.as_millis(),
                "why": error.to_string(),
                "status": error.status().map(|status| status.as_u16()),
            });
            ("failed", members)
        }
        Event::Retrying { step, after } => {
            ("retrying", json!({ "step": step.name(), "after_ms": after.as_millis() }))
        }
        Event::ClockSkew(skew) => ("clock_skew", json!({ "ms": skew.millis() })),
        Event::PublicIp(ip) => ("public_ip", json!({ "ip": ip.to_string() })),
        Event::HostChanged(host) => ("host_changed", json!({ "host": host.to_string() })),
        Event::Connected => ("logged_in", json!({})),
        Event::LoggedOut => ("logged_out", json!({})),
        Event::Phase { phase, because } => {
            let (until, about) = match phase {
                Phase::Maintenance { until } => (Some(stamp(*until)), None),
                Phase::Waiting { about } | Phase::LoginsSpent { about } => (None, Some(about.as_secs())),
                _ => (None, None),
            };
            let why = because.as_ref().map(ToString::to_string);
            return object("phase", *phase, json!({ "why": why, "until": until, "about_s": about }));
        }
        Event::Recovered { after } => ("recovered", json!({ "after_ms": after.as_millis() })),
        Event::ClockJumped => ("clock_jumped", json!({})),
        other => ("other", json!({ "text": other.to_string() })),
    };
    object(name, phase, members)
}

/// Time, event and phase, then the members that are there.
pub(crate) fn object(event: &str, phase: Phase, more: Value) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("time".to_owned(), json!(stamp(SystemTime::now())));
    told.insert("event".to_owned(), json!(event));
    told.insert("phase".to_owned(), json!(PhaseName::from(phase)));
    if let Value::Object(more) = more {
        told.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_use_what_is_in_use() {
        let left = Event::Phase { phase: Phase::Yielded, because: None };
        let said = [false, true].map(|takes| Line::of(&left, takes).unwrap().text.contains("--compete"));
        assert_eq!(said, [true, false]);
    }

    #[test]
    fn maintenance_is_a_guess() {
        let phase = Phase::Maintenance { until: SystemTime::UNIX_EPOCH };
        let text = Line::of(&Event::Phase { phase, because: None }, false).unwrap().text;
        assert!(
            text.contains("may be IBKR's maintenance, until 1970-01-01T00:00:00Z at the latest"),
            "{text}"
        );
    }
}
