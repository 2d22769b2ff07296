//! The steps of a login as they are done: a line for each, or members of JSON.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ibkr_auth_blocking::{Error, Event};
use ibkr_auth_core::text::one_line;
use serde_json::{Value, json};

use crate::{
    commands::millis,
    failure::Failure,
    output::{BAD, DIM, GOOD, Output},
    sessions::Listener,
};

/// What was done, and what is shown of it. Clones are one.
#[derive(Clone)]
pub(crate) struct Steps {
    output: Output,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    done: Vec<Value>,
    /// The reason of a failure follows once it is known that the login goes on: what ends it is said at the
    /// end.
    failed: Option<Error>,
    /// Standard output could not be written.
    broken: Option<Failure>,
}

impl Steps {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, state: Arc::default() }
    }

    pub(crate) fn listener(&self) -> Listener {
        let steps = self.clone();
        Box::new(move |event| steps.hear(event))
    }

    /// The steps so far.
    pub(crate) fn json(&self) -> Value {
        Value::Array(self.lock().done.clone())
    }

    /// Whether everything could be shown.
    pub(crate) fn shown(&self) -> Result<(), Failure> {
        self.lock().broken.take().map_or(Ok(()), Err)
    }

    /// Something that is done.
    pub(crate) fn done(&self, what: impl Display, took: Duration, detail: &str) {
        let what = what.to_string();
        self.line(format_args!("  {GOOD}✓{GOOD:#} {what:<18}{:>7}  {DIM}{detail}{DIM:#}", millis(took)));
        self.lock().done.push(json!({ "step": what, "ok": true, "ms": took.as_millis() }));
    }

    fn hear(&self, event: &Event) {
        let before = self.lock().failed.take();
        if let Some(error) = before {
            self.line(format_args!("    {DIM}{}{DIM:#}", one_line(&error.to_string())));
        }
        match event {
            Event::Done { step, took } => self.done(step, *took, ""),
            Event::Failed { error, took } => {
                let step = error.step().map(|step| step.to_string()).unwrap_or_default();
                self.line(format_args!("  {BAD}✗{BAD:#} {step:<18}{:>7}", millis(*took)));
                let done =
                    json!({ "step": step, "ok": false, "ms": took.as_millis(), "why": error.to_string() });
                let mut state = self.lock();
                state.done.push(done);
                state.failed = Some(error.clone());
            }
            Event::Sent { .. } | Event::Connected | Event::LoggedOut => {}
            other => self.line(format_args!("    {DIM}{}{DIM:#}", one_line(&other.to_string()))),
        }
    }

    fn line(&self, text: impl Display) {
        if let Err(failure) = self.output.line(text) {
            self.lock().broken.get_or_insert(failure);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
