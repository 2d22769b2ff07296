//! What a person, a log and the service manager see of a gateway while it runs.

use std::{
    fmt::Display,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_blocking::{Event, Phase};
use ibkr_gateway::Gateway;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Anew, sessions::Served};
use crate::{
    failure::Failure,
    interrupt::{self, Signal},
    keep::{
        systemd::{Standing, Systemd},
        words::{Level, Line, json},
    },
    output::{Output, escaped},
    utc::stamp,
};

/// Nothing else wakes whoever has nothing to do.
const IDLE: Duration = Duration::from_secs(30);

enum Input {
    Event(usize, Event),
    Signal(Signal),
}

pub(super) struct Watch<'a> {
    output: Output,
    names: &'a [String],
    takes: bool,
    inputs: Receiver<Input>,
    systemd: Systemd,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        output: Output,
        runtime: &Runtime,
        gateway: &Gateway,
        names: &'a [String],
        takes: bool,
    ) -> Self {
        let (tell, inputs) = channel();
        for (index, name) in names.iter().enumerate() {
            if let Some(handle) = gateway.session(name) {
                let (mut events, tell): (_, Sender<Input>) = (handle.events(), tell.clone());
                runtime.spawn(async move {
                    while let Some(event) = events.next().await {
                        // Nobody listens any more at the very end.
                        let _ = tell.send(Input::Event(index, event));
                    }
                });
            }
        }
        interrupt::tell(move |signal| drop(tell.send(Input::Signal(signal))));
        Self { output, names, takes, inputs, systemd: Systemd::default() }
    }

    /// Where programs and people find it.
    pub(super) fn greet(&self, gateway: &Gateway) {
        gateway.origins().iter().for_each(|origin| self.say(format_args!("Listening at {origin}")));
        gateway.pages().iter().for_each(|page| self.say(format_args!("Status page: {page}")));
        let certificates = gateway.certificates();
        certificates.iter().for_each(|file| self.say(format_args!("Certificate: {}", file.display())));
    }

    /// A line for a person. Whoever reads may have left: clients are served all the same.
    fn say(&self, text: impl Display) {
        let _ = self.output.line(text);
    }

    /// Until a signal asks to leave, or every session has stopped for good and nobody can press a button.
    pub(super) fn run(mut self, gateway: &Gateway, anew: &Anew<'_>) {
        loop {
            self.pulse(gateway);
            let wait = self.systemd.every().unwrap_or(IDLE).min(IDLE);
            let until = Instant::now() + wait;
            match self.inputs.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Input::Event(index, event)) => self.tell(gateway, index, &event),
                Ok(Input::Signal(Signal::Leave)) | Err(RecvTimeoutError::Disconnected) => {
                    self.systemd.stopping();
                    return;
                }
                Ok(Input::Signal(Signal::Hangup)) => self.reload(gateway, anew),
                Ok(Input::Signal(Signal::Resized)) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// No client is dropped, and what cannot be used leaves everything as it is.
    fn reload(&self, gateway: &Gateway, anew: &Anew<'_>) {
        let served = match anew() {
            Ok(served) => served,
            Err(failure) => {
                self.output.failure(&failure);
                let text = "the settings cannot be read anew, and stay as they are";
                return self.say(format_args!("{} {text}", stamp(SystemTime::now())));
            }
        };
        for Served { name, settings, is_another } in served {
            if is_another {
                self.output
                    .warning(format_args!("{name}: who logs in, and where, stays until the next start"));
            }
            match gateway.reload(&name, settings) {
                Ok(true) => self.output.warning(format_args!(
                    "{name}: where it listens and what it writes stay as they are until the next start"
                )),
                Ok(false) => {}
                Err(error) => self.output.failure(&Failure::from(error)),
            }
        }
        self.say(format_args!("{} the settings were read anew", stamp(SystemTime::now())));
    }

    fn tell(&self, gateway: &Gateway, index: usize, event: &Event) {
        let Some(name) = self.names.get(index) else { return };
        if self.output.json {
            let phase = gateway.session(name).map_or(Phase::Off, |handle| handle.phase());
            let mut object = json(event, phase);
            object.insert("session".to_owned(), Value::from(name.as_str()));
            let _ = self.output.result(escaped(&Value::Object(object).to_string()));
            return;
        }
        let Some(Line { at, level, text }) = Line::of(event, self.takes) else { return };
        let style = level.style();
        let level = match level {
            Level::Info => String::new(),
            Level::Warning => format!("{style}warning:{style:#} "),
            Level::Person => format!("{style}attention:{style:#} "),
        };
        let name = if self.names.len() > 1 { format!("{name}: ") } else { String::new() };
        self.say(format_args!("{} {level}{name}{text}", stamp(at)));
    }

    /// The service manager learns that clients are served: whether IBKR is there is not the manager's to
    /// mend.
    fn pulse(&mut self, gateway: &Gateway) {
        let phases = self.names.iter().filter_map(|name| Some((name, gateway.session(name)?.phase())));
        let text: Vec<String> = phases.map(|(name, phase)| format!("{name}: {phase}")).collect();
        let standing = Standing { text: &text.join("; "), is_ready: true, is_alive: true };
        if let Some(complaint) = self.systemd.pulse(&standing) {
            self.output.warning(complaint);
        }
    }
}
