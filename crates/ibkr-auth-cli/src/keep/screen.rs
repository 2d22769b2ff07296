//! The status screen of a terminal, redrawn in place.

use std::{
    io::{self, Write},
    panic, thread,
    time::Duration,
};

use console::Term;

use super::{
    input::Source,
    keys::Keys,
    page::{Look, farewell, page},
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

/// The terminal is restored on drop, and by a panic.
pub(super) struct Screen {
    terminal: Term,
    /// `None` after the end.
    writer: Option<Writer>,
    keys: Option<Keys>,
    colors: bool,
    help: bool,
    shown: String,
}

impl Screen {
    pub(super) fn open(source: Source, colors: bool) -> Self {
        let writer = Writer::start(2, io::stdout(), source.clone());
        let keys = Keys::open(source);
        restore_on_panic(keys.as_ref().map(Keys::restorer));
        writer.write(ENTER.to_owned());
        Self {
            terminal: Term::stdout(),
            writer: Some(writer),
            keys,
            colors,
            help: false,
            shown: String::new(),
        }
    }

    pub(super) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    pub(super) fn toggle_help(&mut self) {
        self.help = !self.help;
    }

    /// The size has changed, and with it what is on the screen.
    pub(super) fn resized(&mut self) {
        self.shown.clear();
    }

    pub(super) fn draw(&mut self, status: &Status) {
        let (rows, columns) = self.terminal.size();
        let look = Look {
            rows: rows.into(),
            // In the last column, what erases the rest of a line would erase its end.
            columns: usize::from(columns).saturating_sub(1),
            colors: self.colors,
            keys: self.keys.is_some(),
            help: self.help,
        };
        let shown = page(status, look).join("\x1b[K\r\n") + "\x1b[K";
        let is_written = |writer: &Writer| writer.write(format!("{BEGIN}{shown}{END}"));
        // What a terminal that hangs has missed is in the next one.
        if shown != self.shown && self.writer.as_ref().is_some_and(is_written) {
            self.shown = shown;
        }
    }

    pub(super) fn close(mut self, status: &Status) {
        let (_, columns) = self.terminal.size();
        let lines = farewell(status, self.colors);
        let cut = lines.iter().map(|line| console::truncate_str(line, columns.into(), "…") + "\r\n");
        self.leave(&cut.collect::<String>());
    }

    fn leave(&mut self, last: &str) {
        let Some(writer) = self.writer.take() else { return };
        writer.finish(PATIENCE);
        self.keys = None;
        // Whoever has hung up sees nothing of it.
        let _ = io::stdout().write_all(format!("{LEAVE}{last}").as_bytes());
        let _ = io::stdout().flush();
        if !thread::panicking() {
            let _ = panic::take_hook();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave("");
    }
}

/// What a panic says would vanish with the screen.
fn restore_on_panic(restore_keys: Option<impl Fn() + Send + Sync + 'static>) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let _ = io::stdout().write_all(LEAVE.as_bytes());
        let _ = io::stdout().flush();
        if let Some(restore_keys) = &restore_keys {
            restore_keys();
        }
        before(panic);
    }));
}
