//! What is said of an event: to people in a line, to programs in JSON.

use std::time::SystemTime;

use anstyle::Style;
use ibkr_auth_blocking::{Event, Phase};
use ibkr_auth_core::{Step, text::one_line};
use serde_json::{Map, Value, json};

use crate::{
    output::{BAD, WARN},
    store::PhaseName,
    utc::stamp,
};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warning,
    /// It does not heal by itself.
    Person,
}

impl Level {
    /// As the journal counts.
    pub(super) const fn priority(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Warning => 4,
            Self::Person => 3,
        }
    }

    pub(super) const fn style(self) -> Style {
        match self {
            Self::Info => Style::new(),
            Self::Warning => WARN,
            Self::Person => BAD,
        }
    }
}

/// Something to be told.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) at: SystemTime,
    pub(super) level: Level,
    pub(super) text: String,
}

impl Line {
    pub(super) fn new(level: Level, text: impl Into<String>) -> Self {
        Self { at: SystemTime::now(), level, text: one_line(&text.into()) }
    }

    /// `None`: what happens each minute, and what another event says too.
    /// `takes`: it was told to end other logins, and does so as often as is safe.
    pub(super) fn of(event: &Event, takes: bool) -> Option<Self> {
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
pub(super) fn maybe_closed(until: SystemTime) -> String {
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
pub(super) fn json(event: &Event, phase: Phase) -> Map<String, Value> {
    match event {
        Event::Sent { step } => object("sent", phase, json!({ "step": step.name() })),
        Event::Done { step, took } => {
            object("done", phase, json!({ "step": step.name(), "ms": took.as_millis() }))
        }
        Event::Failed { error, took } => object(
            "failed",
            phase,
            json!({
                "step": error.step().map(Step::name),
                "ms": took.as_millis(),
                "why": error.to_string(),
                "status": error.status().map(|status| status.as_u16()),
            }),
        ),
        Event::Retrying { step, after } => {
            object("retrying", phase, json!({ "step": step.name(), "after_ms": after.as_millis() }))
        }
        Event::ClockSkew(skew) => object("clock_skew", phase, json!({ "ms": skew.millis() })),
        Event::PublicIp(ip) => object("public_ip", phase, json!({ "ip": ip.to_string() })),
        Event::HostChanged(host) => object("host_changed", phase, json!({ "host": host.to_string() })),
        Event::Connected => object("logged_in", phase, json!({})),
        Event::LoggedOut => object("logged_out", phase, json!({})),
        Event::Phase { phase, because } => {
            let mut told =
                object("phase", *phase, json!({ "why": because.as_ref().map(ToString::to_string) }));
            match phase {
                Phase::Maintenance { until } => told.insert("until".to_owned(), json!(stamp(*until))),
                Phase::Waiting { about } | Phase::LoginsSpent { about } => {
                    told.insert("about_s".to_owned(), json!(about.as_secs()))
                }
                _ => None,
            };
            told
        }
        Event::Recovered { after } => object("recovered", phase, json!({ "after_ms": after.as_millis() })),
        Event::ClockJumped => object("clock_jumped", phase, json!({})),
        other => object("other", phase, json!({ "text": other.to_string() })),
    }
}

/// Time, event and phase, then the members that are there.
pub(super) fn object(event: &str, phase: Phase, more: Value) -> Map<String, Value> {
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
