//! The end of a keeper: the session is left open or logged out, and the store knows which.

use std::{
    sync::mpsc::RecvTimeoutError,
    thread,
    time::{Duration, Instant},
};

use super::{
    input::{Input, Left},
    watch::{Cause, Watch},
    words::Level,
};
use crate::{exit::Exit, failure::Failure, interrupt::Signal};

/// A request that is on its way is waited for so long.
const LONGEST: Duration = Duration::from_secs(12);
/// Who waits longer than this wants to know for what.
const PATIENCE: Duration = Duration::from_secs(1);
/// Another invocation may be at work on the store.
const STORE: Duration = Duration::from_secs(12);

impl Watch {
    pub(super) fn leave(mut self, cause: Cause, logout: bool) -> Result<(), Failure> {
        self.systemd.stopping();
        self.recorder.release();
        if matches!(cause, Cause::Asked) {
            self.status.leaving = Some(if logout { "logging out" } else { "leaving the session open" });
        }
        let left = match self.part(logout) {
            Ok(left) => left,
            Err(failure) => {
                self.view.close(&self.status);
                return Err(failure);
            }
        };
        let snapshot = self.handle.snapshot();
        let (saved, said, outcome) = match left {
            Left::Open(saved) => {
                let is_told = saved.is_some() && matches!(cause, Cause::Asked);
                let said = (Level::Info, "the session stays open: `ibkr-auth logout` ends it");
                (saved, is_told.then_some(said), Ok(()))
            }
            Left::Ended(Ok(())) => (None, Some((Level::Info, "the session is ended")), Ok(())),
            Left::Ended(Err(error)) => (self.handle.save(), None, Err(Failure::from(error))),
            Left::Hanging => {
                let said = "not waited for any longer: the session is left as it is";
                (self.handle.save(), Some((Level::Warning, said)), Ok(()))
            }
        };
        self.recorder.left(saved.as_ref(), &snapshot);
        if let Some((level, text)) = said {
            self.say(level, text);
        }
        let told = self.write_out();
        self.view.close(&self.status);
        match cause {
            Cause::Asked => outcome.and(told),
            Cause::Failed(failure) => Err(failure),
        }
    }

    /// Lets go of the session; a second Ctrl-C does not wait.
    fn part(&mut self, logout: bool) -> Result<Left, Failure> {
        // Its handle lives on in the thread, so that one that hangs is not logged out at the end.
        let (handle, source) = (self.handle.clone(), self.source.clone());
        let parting = thread::Builder::new().name("leaving".to_owned()).spawn(move || {
            source.send(Input::Left(match logout {
                true => Left::Ended(handle.stop()),
                false => Left::Open(handle.detach()),
            }));
        });
        if parting.is_err() {
            return Ok(Left::Hanging);
        }
        let begin = Instant::now();
        let mut said = false;
        loop {
            self.follow();
            let passed = begin.elapsed();
            if passed >= LONGEST {
                return Ok(Left::Hanging);
            }
            if passed >= PATIENCE && !said {
                said = true;
                self.say(Level::Info, self.awaited());
            }
            match self.inputs.recv_timeout(PATIENCE.min(LONGEST.saturating_sub(passed))) {
                Ok(Input::Left(left)) => return Ok(left),
                Ok(Input::Signal(Signal::Leave | Signal::Hangup)) => {
                    return Err(Failure::new(Exit::Interrupted, "interrupted a second time"));
                }
                Ok(Input::Event(event)) => self.hear(&event),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Left::Hanging),
            }
        }
    }

    fn awaited(&self) -> String {
        let most = LONGEST.as_secs();
        match self.status.asking {
            Some(step) => format!("waiting for IBKR's answer to {step}, {most} s at most"),
            None => format!("waiting for the session to end its work, {most} s at most"),
        }
    }

    /// The next invocation must not take what is ended for a session.
    fn write_out(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        while self.recorder.is_behind() && begin.elapsed() < STORE {
            self.follow();
            if self.recorder.is_behind() {
                thread::sleep(Duration::from_millis(50));
            }
        }
        match self.recorder.is_behind() {
            false => Ok(()),
            true => Err(Failure::new(Exit::Failed, "the store does not know how the session was left")
                .help("run `ibkr-auth status` before you use the session")),
        }
    }
}
