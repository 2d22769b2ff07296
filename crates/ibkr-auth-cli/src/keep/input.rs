//! What the keeper's loop waits for.

use std::{
    io,
    sync::mpsc::{Receiver, Sender, channel},
};

use ibkr_auth_blocking::{Error, Event, SavedSession};

use crate::interrupt::Signal;

#[cfg_attr(not(unix), allow(dead_code, reason = "keys are those of Unix"))]
/// Everything that can happen to a keeper, in one queue.
pub(super) enum Input {
    Event(Event),
    /// The thread that keeps the session connected has ended.
    Ended,
    Signal(Signal),
    Key(char),
    /// Standard output could not be written.
    Unwritable(io::Error),
    Left(Left),
}

/// How a session was left.
pub(super) enum Left {
    /// With what another process needs to go on with it.
    Open(Option<SavedSession>),
    Ended(Result<(), Error>),
    /// It did not come to an end in time.
    Hanging,
}

pub(super) type Inputs = Receiver<Input>;

/// Where inputs come from. Nobody listens any more at the very end, so sending never fails.
#[derive(Clone)]
pub(super) struct Source(Sender<Input>);

impl Source {
    pub(super) fn new() -> (Self, Inputs) {
        let (source, inputs) = channel();
        (Self(source), inputs)
    }

    pub(super) fn send(&self, input: Input) {
        let _ = self.0.send(input);
    }

    /// Passes on what a session tells, and says when its thread is gone.
    pub(super) fn listener(&self) -> impl FnMut(&Event) + Send + 'static {
        let listener = Listener(self.clone());
        move |event| listener.hear(event)
    }
}

struct Listener(Source);

impl Listener {
    fn hear(&self, event: &Event) {
        self.0.send(Input::Event(event.clone()));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.send(Input::Ended);
    }
}
