//! Keys, read as they are pressed. Ctrl-C stays a signal.

pub(super) use platform::{Keys, in_foreground, open};

#[cfg(unix)]
mod platform {
    use std::{
        io::{self, Read},
        thread,
    };

    use rustix::termios::SpecialCodeIndex;

    pub(crate) use crate::tty::KeyMode as Keys;
    use crate::{
        keep::input::{Input, Source},
        tty::InputModes,
    };

    /// Whether this process may draw on its terminal: a job in the background may not.
    pub(crate) fn in_foreground() -> bool {
        rustix::termios::tcgetpgrp(io::stdout()).is_ok_and(|group| group == rustix::process::getpgrp())
    }

    /// Keys arrive at once and unseen, until drop. `None` when standard input is no terminal.
    pub(crate) fn open(source: Source) -> Option<Keys> {
        let keys = Keys::enter(|mode| {
            // Neither Ctrl-S nor Ctrl-Z may hold the keeper up: the session would end meanwhile. Nor may
            // Ctrl-\ kill it.
            mode.input_modes.remove(InputModes::IXON);
            for key in [SpecialCodeIndex::VSUSP, SpecialCodeIndex::VQUIT] {
                mode.special_codes[key] = 0;
            }
        });
        let keys = keys.ok()?;
        // The thread is never waited for: it may read for ever.
        thread::Builder::new().name("keys".to_owned()).spawn(move || read(&source)).ok()?;
        Some(keys)
    }

    fn read(source: &Source) {
        let mut keys = [0; 64];
        while let Ok(count @ 1..) = io::stdin().read(&mut keys) {
            // More at once is a key of several bytes, or something pasted.
            if count == 1 {
                source.send(Input::Key(char::from(keys[0])));
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use crate::keep::input::Source;

    /// They are read on Unix alone.
    pub(crate) enum Keys {}

    pub(crate) fn in_foreground() -> bool {
        true
    }

    pub(crate) fn open(_source: Source) -> Option<Keys> {
        None
    }
}
