//! Keys, read as they are pressed. Ctrl-C stays a signal.

use super::input::Source;

/// Whether this process may draw on its terminal: a job in the background may not.
#[cfg(unix)]
pub(super) fn in_foreground() -> bool {
    rustix::termios::tcgetpgrp(std::io::stdout()).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
pub(super) fn in_foreground() -> bool {
    true
}

/// The terminal in a mode in which keys arrive at once and unseen, until drop.
#[cfg(unix)]
pub(super) struct Keys(crate::tty::KeyMode);

#[cfg(unix)]
impl Keys {
    /// `None` when standard input is no terminal.
    pub(super) fn open(source: Source) -> Option<Self> {
        use rustix::termios::SpecialCodeIndex;

        use crate::tty::{InputModes, KeyMode};

        let mode = KeyMode::enter(|mode| {
            // Neither Ctrl-S nor Ctrl-Z may hold the keeper up: the session would end meanwhile. Nor may
            // Ctrl-\ kill it.
            mode.input_modes.remove(InputModes::IXON);
            for key in [SpecialCodeIndex::VSUSP, SpecialCodeIndex::VQUIT] {
                mode.special_codes[key] = 0;
            }
        });
        let keys = Self(mode.ok()?);
        // The thread is never waited for: it may read for ever.
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || read(&source)).ok()?;
        Some(keys)
    }

    /// What puts the terminal back to how it was.
    pub(super) fn restorer(&self) -> impl Fn() + Send + Sync + 'static {
        self.0.restorer()
    }
}

#[cfg(unix)]
fn read(source: &Source) {
    use std::io::Read;

    let mut keys = [0; 64];
    while let Ok(count @ 1..) = std::io::stdin().read(&mut keys) {
        // More at once is a key of several bytes, or something pasted.
        if count == 1 {
            source.send(super::input::Input::Key(char::from(keys[0])));
        }
    }
}

#[cfg(not(unix))]
#[allow(dead_code, reason = "keys are read on Unix alone")]
pub(super) struct Keys;

#[cfg(not(unix))]
impl Keys {
    pub(super) fn open(_source: Source) -> Option<Self> {
        None
    }

    pub(super) fn restorer(&self) -> impl Fn() + Send + Sync + 'static {
        || {}
    }
}
