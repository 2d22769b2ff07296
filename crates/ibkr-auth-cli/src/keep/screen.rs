//! The status screen of a terminal, redrawn in place.

use std::{
    io::{self, Write},
    time::Duration,
};

use anstream::adapter::strip_str;
use console::Term;

use super::{
    input::Source,
    keys::{self, Keys},
    page::{farewell, page},
    status::Status,
    writer::Writer,
};

/// Another screen, without cursor and without wrapping.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// A terminal that knows these shows what is between them at once.
const BEGIN: &str = "\x1b[?2026h\x1b[H";
const END: &str = "\x1b[J\x1b[?2026l";
/// A terminal that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The terminal is restored on drop.
pub(super) struct Screen {
    /// `None` after the end.
    writer: Option<Writer>,
    keys: Option<Keys>,
    colors: bool,
    shown: String,
}

impl Screen {
    pub(super) fn open(source: Source, colors: bool) -> Self {
        let writer = Writer::start(2, io::stdout(), source.clone());
        writer.write(ENTER.to_owned());
        Self { writer: Some(writer), keys: keys::open(source), colors, shown: String::new() }
    }

    pub(super) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// The size has changed, and with it what is on the screen.
    pub(super) fn resized(&mut self) {
        self.shown.clear();
    }

    pub(super) fn draw(&mut self, status: &Status) {
        let (rows, columns) = Term::stdout().size();
        // In the last column, what erases the rest of a line would erase its end.
        let size = (rows.into(), usize::from(columns).saturating_sub(1));
        let lines = page(status, size, self.has_keys()).into_iter().map(|line| self.colored(line) + "\x1b[K");
        let shown = lines.collect::<Vec<_>>().join("\r\n");
        let is_written = |writer: &Writer| writer.write(format!("{BEGIN}{shown}{END}"));
        // What a terminal that hangs has missed is in the next one.
        if shown != self.shown && self.writer.as_ref().is_some_and(is_written) {
            self.shown = shown;
        }
    }

    pub(super) fn close(mut self, status: &Status) {
        let last: String = farewell(status).into_iter().map(|line| self.colored(line) + "\r\n").collect();
        self.leave(&last);
    }

    fn colored(&self, line: String) -> String {
        if self.colors { line } else { strip_str(&line).to_string() }
    }

    fn leave(&mut self, last: &str) {
        let Some(writer) = self.writer.take() else { return };
        writer.finish(PATIENCE);
        self.keys = None;
        // Whoever has hung up sees nothing of it.
        let _ = io::stdout().write_all(format!("{LEAVE}{last}").as_bytes());
        let _ = io::stdout().flush();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave("");
    }
}
