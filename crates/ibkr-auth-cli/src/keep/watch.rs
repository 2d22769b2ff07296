//! The keeper's loop: waits for what happens, and lets store, view and service manager follow.

use std::{sync::mpsc::RecvTimeoutError, time::Duration};

use ibkr_auth_blocking::{Event, Handle, KeepConnected, Phase};
use ibkr_auth_store::Recorder;

use super::{
    input::{Input, Inputs, Source},
    second::SecondTry,
    status::Status,
    systemd::{Standing, Systemd},
    view::View,
    words::{Level, Line},
};
use crate::{exit::Exit, failure::Failure, interrupt::Signal, sessions::LOGIN_WITHIN};

/// What the screen shows in seconds moves once a second; a store that is in use is tried again as soon.
const SECOND: Duration = Duration::from_secs(1);
/// Nothing else wakes a keeper that has nothing to do.
const IDLE: Duration = Duration::from_secs(60);

pub(super) struct Watch {
    pub(super) handle: Handle,
    pub(super) policy: KeepConnected,
    pub(super) inputs: Inputs,
    pub(super) source: Source,
    pub(super) recorder: Recorder,
    pub(super) status: Status,
    pub(super) view: View,
    pub(super) systemd: Systemd,
}

const CTRL_Z: char = '\u{1a}';
const NOT_STOPPED: &str =
    "not stopped: the session would end meanwhile; `q` leaves, and keeps it for some minutes";

const ONCE_MORE: &str =
    "the refusal may be chance: a program that has just ended may have sent the same; once more in 10 s";

/// Why a keeper leaves.
pub(super) enum Cause {
    /// It was asked to.
    Asked,
    /// The automatic mode has stopped, or nobody reads the output any more.
    Failed(Failure),
}

impl Watch {
    /// Until there is a reason to leave.
    pub(super) fn run(&mut self) -> Cause {
        loop {
            self.follow();
            let first = match self.inputs.recv_timeout(self.patience()) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Cause::Asked,
            };
            let mut inputs: Vec<Input> = first.into_iter().collect();
            inputs.extend(self.inputs.try_iter());
            for input in inputs {
                if let Some(cause) = self.take(input) {
                    return cause;
                }
            }
        }
    }

    fn take(&mut self, input: Input) -> Option<Cause> {
        match input {
            Input::Event(event) => {
                let (is_told, uptime) = (self.status.second.is_under_way(), self.status.uptime());
                if self.status.second.swallows(&event, uptime) {
                    if !is_told {
                        self.say(Level::Warning, ONCE_MORE);
                    }
                    return None;
                }
                self.hear(&event);
                if let Event::Phase { phase: Phase::Stopped, because } = event {
                    let failure = because.map_or_else(died, Failure::from);
                    self.recorder.stopped(failure.clone().into());
                    return Some(Cause::Failed(failure));
                }
            }
            Input::Ended => {
                let failure = self.handle.ready(Duration::ZERO).err().map_or_else(died, Failure::from);
                return Some(Cause::Failed(failure));
            }
            Input::Signal(Signal::Leave | Signal::Hangup) | Input::Key('q') => return Some(Cause::Asked),
            Input::Unwritable(error) => return Some(Cause::Failed(Failure::output(&error))),
            Input::Key(key) => self.press(key),
            Input::Signal(Signal::Resized) => self.view.resized(),
            Input::Left(_) => {}
        }
        None
    }

    pub(super) fn hear(&mut self, event: &Event) {
        let snapshot = self.handle.snapshot();
        self.recorder.hear(event, &snapshot);
        self.status.look(snapshot);
        self.status.hear(event);
        // Whoever reads of an event finds its consequences in the store.
        self.write_down();
        self.view.tell(Some(event), Line::of(event, self.status.takes), &mut self.status);
    }

    fn press(&mut self, key: char) {
        match key {
            'p' => {
                self.status.second = SecondTry::Used;
                self.handle.pause();
            }
            'r' => self.handle.resume(),
            'c' => {
                match self.status.phase() {
                    Phase::Yielded => self.handle.ask_again(),
                    _ => self.handle.check(),
                }
                self.say(Level::Info, looked(self.status.phase()));
            }
            CTRL_Z => self.say(Level::Info, NOT_STOPPED),
            _ => {}
        }
    }

    /// What is known goes everywhere.
    pub(super) fn follow(&mut self) {
        self.status.second.begin(&self.handle, &self.policy);
        self.status.look(self.handle.snapshot());
        self.status.logins = self.recorder.logins();
        self.write_down();
        if self.recorder.is_holding() && self.has_settled() {
            self.recorder.release();
        }
        self.view.draw(&self.status);
        let standing = Standing {
            text: &self.status.headline(),
            is_ready: self.status.phase() == Phase::Connected,
            is_alive: self.status.is_alive(),
        };
        if let Some(complaint) = self.systemd.pulse(&standing) {
            self.say(Level::Warning, complaint);
        }
    }

    fn write_down(&mut self) {
        match self.recorder.follow() {
            Some(Err(error)) => {
                let (what, why) = (error.message(), error.reason().unwrap_or_default());
                let text = format!("{what}: {why}; the session itself goes on");
                self.say(Level::Warning, text);
            }
            Some(Ok(())) => self.say(Level::Info, "the session is kept in the store again"),
            None => {}
        }
    }

    pub(super) fn say(&mut self, level: Level, text: impl Into<String>) {
        self.view.tell(None, Some(Line::new(level, text)), &mut self.status);
    }

    /// Whether the first login has come to something, if only to a wait.
    fn has_settled(&self) -> bool {
        !matches!(self.status.phase(), Phase::Connecting | Phase::Recovering)
            || self.status.uptime() > LOGIN_WITHIN
    }

    fn patience(&self) -> Duration {
        let screen = self.view.is_screen().then_some(SECOND);
        let store = (self.recorder.is_behind() || self.recorder.is_holding()).then_some(SECOND);
        [screen, store, self.systemd.every(), self.status.second.due_in()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(IDLE)
    }
}

/// What comes of a key that looks at once.
fn looked(phase: Phase) -> &'static str {
    match phase {
        Phase::Connected => "looking whether the session is good",
        Phase::Yielded => "asking whether the other login has ended",
        Phase::Paused => "paused: there is nothing to look at, `r` resumes",
        _ => "not now: it looks by itself when it can",
    }
}

fn died() -> Failure {
    Failure::new(Exit::Failed, "the automatic mode has ended").help("see the lines before; start it again")
}
