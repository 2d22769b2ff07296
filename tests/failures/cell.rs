//! One cell: one fault at one step of one client, over TLS.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ibkr_auth_core::{Advice, Error, Event, Step};
use ibkr_auth_tests::{
    driver::{Async, Blocking, Driver},
    lab::{Lab, key_of},
};
use ibkr_sim::{Endpoint, demo};
use serde_json::Value;

use crate::faults::{LOGIN, rule};

/// Far beyond what three tries of each step may take.
const NO_HANG: Duration = Duration::from_secs(60);

/// What to do, and what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) asynchronous: bool,
    pub(crate) fault: (&'static str, &'static str),
    pub(crate) step: Step,
    pub(crate) mode: Mode,
    pub(crate) oauth1: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `connect`; the first call of the step is struck.
    Once,
    /// `connect`; every call of the step is struck.
    Always,
    /// The step alone, after a login.
    Single,
}

impl Cell {
    /// What came of it: the same on every machine.
    pub(crate) fn run(self) -> String {
        if self.asynchronous { self.drive::<Async>() } else { self.drive::<Blocking>() }
    }

    fn drive<D: Driver>(self) -> String {
        let lab = Lab::with(|config| {
            // These two are asked for only when the session is not established at once.
            if matches!(self.step, Step::Status | Step::ValidateSso) && self.mode != Mode::Single {
                config.sim.rules.established_after = Duration::from_millis(500);
            }
        });
        let config = if self.oauth1 { lab.oauth1_config() } else { lab.config() };
        let config = config.with_timeout(Duration::from_secs(2)).expect("valid");
        let key = key_of(&config);
        let mut client = D::new(config, key, &lab.transport()).expect("a client");
        let told: Arc<Mutex<Vec<Event>>> = Arc::default();
        let listener = Arc::clone(&told);
        client.on_event(move |event| listener.lock().unwrap().push(event.clone()));
        if self.mode == Mode::Single {
            client.connect().expect("nothing is wrong yet");
            told.lock().unwrap().clear();
        }
        let calls = if self.mode == Mode::Always { "1.." } else { "1" };
        lab.server.handle().fault(&rule(self.step, calls, self.fault.1)).expect("a valid script");

        let begin = Instant::now();
        let outcome = match (self.mode, self.step) {
            (Mode::Once | Mode::Always, _) => client.connect().map(drop),
            (Mode::Single, Step::Tickle) => client.tickle().map(drop),
            (Mode::Single, Step::Status) => client.status().map(drop),
            (Mode::Single, _) => client.logout(),
        };
        let took = begin.elapsed();
        let told = told.lock().unwrap();
        self.check(&lab, &client, &outcome, &told, took);
        describe(&outcome, &told)
    }

    fn check<D: Driver>(
        self,
        lab: &Lab,
        client: &D,
        outcome: &Result<(), Error>,
        told: &[Event],
        took: Duration,
    ) {
        assert!(took < NO_HANG, "{self:?} took {took:?}");
        let counters = lab.server.handle().counters();
        assert_eq!(counters.refused_for("replay"), 0, "{self:?}: an assertion was sent twice");
        assert_eq!(counters.refused_for("oauth_nonce"), 0, "{self:?}: a request was sent twice");
        // Three tries of each step, and one with the clock corrected.
        for endpoint in [Endpoint::Token, Endpoint::SsoSessions, Endpoint::LiveSessionToken] {
            assert!(counters.of(endpoint) <= 4, "{self:?}: {counters:?}");
        }
        let text = format!("{outcome:?} {told:?} {:?}", client.session());
        let text = told.iter().fold(text, |text, event| format!("{text} {event}"));
        let bearer = client.session().bearer().map(|bearer| bearer.expose().to_owned());
        let session = client.session().session_id().map(|id| id.expose().to_owned());
        let saved = client.save().and_then(|saved| serde_json::from_str::<Value>(saved.expose()).ok());
        let live = saved.and_then(|saved| saved["bearer"].as_str().map(str::to_owned));
        let token = self.oauth1.then(|| demo::oauth1::ACCESS_TOKEN.to_owned());
        let known = [Some(demo::CREDENTIAL.to_owned()), bearer, session, live, token];
        for secret in known.into_iter().flatten() {
            assert!(!text.contains(&secret), "{self:?}: a secret in {text}");
        }
    }
}

/// Success or failure, and which steps were sent again on the way.
fn describe(outcome: &Result<(), Error>, told: &[Event]) -> String {
    let sent = |step: Step| {
        told.iter().filter(|event| matches!(event, Event::Sent { step: sent } if *sent == step)).count()
    };
    let again: Vec<String> = LOGIN
        .into_iter()
        .chain([Step::GetLiveSessionToken])
        .filter(|step| sent(*step) > 1 && *step != Step::Status)
        .map(|step| match sent(step) {
            2 => format!("{step} again"),
            times => format!("{step} {times} times"),
        })
        .collect();
    let again = if again.is_empty() { String::new() } else { format!(", {}", again.join(", ")) };
    match outcome {
        Ok(()) => format!("ok{again}"),
        Err(error) => format!("**{:?}**, {}{again}", error.kind(), advice(error)),
    }
}

pub(crate) fn advice(error: &Error) -> String {
    match error.advice() {
        Advice::RetryAfter(wait) => format!("RetryAfter {} s", wait.as_secs()),
        other => format!("{other:?}"),
    }
}
