//! The mode of the terminal on standard input.

use std::io;

use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

pub(crate) use rustix::termios::{InputModes, LocalModes};

/// A mode in which keys arrive at once and unseen, until drop.
pub(crate) struct KeyMode {
    before: Termios,
}

impl KeyMode {
    /// # Errors
    /// When standard input is no terminal.
    pub(crate) fn enter(change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut mode = before.clone();
        mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        (mode.special_codes[SpecialCodeIndex::VMIN], mode.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
        change(&mut mode);
        tcsetattr(io::stdin(), OptionalActions::Now, &mode)?;
        Ok(Self { before })
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
