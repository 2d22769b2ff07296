//! What goes to standard output and standard error: text for people, or JSON for programs.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use ibkr_auth_core::text::{is_treacherous, one_line};
use serde_json::Value;

use crate::{failure::Failure, progress::hidden};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Whether standard output holds a result already: programs find one JSON value there.
static HAS_RESULT: AtomicBool = AtomicBool::new(false);

/// How this invocation speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool, color: ColorChoice) -> Self {
        let choice = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        if color != ColorChoice::Auto {
            // Those of the progress and of questions.
            console::set_colors_enabled_stderr(color == ColorChoice::Always);
        }
        Self { json, quiet }
    }

    /// What was asked for, to standard output.
    pub(crate) fn result(self, text: impl Display) -> Result<(), Failure> {
        let mut out = anstream::stdout();
        hidden(|| writeln!(out, "{text}").and_then(|()| out.flush()))
            .map_err(|error| Failure::output(&error))?;
        Self::note_result();
        Ok(())
    }

    /// Standard output holds a result from now on, whoever has written it.
    pub(crate) fn note_result() {
        HAS_RESULT.store(true, Ordering::Relaxed);
    }

    /// The same as JSON, indented.
    pub(crate) fn value(self, value: &Value) -> Result<(), Failure> {
        self.json(&format!("{value:#}"))
    }

    /// The same, already written.
    pub(crate) fn json(self, json: &str) -> Result<(), Failure> {
        self.result(escaped(json))
    }

    /// A line of text about the work, to standard output; not for programs.
    pub(crate) fn line(self, text: impl Display) -> Result<(), Failure> {
        if self.json || self.quiet { Ok(()) } else { self.result(text) }
    }

    /// What a person should know, to standard error.
    pub(crate) fn note(self, text: impl Display) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// What works but should be changed.
    pub(crate) fn warning(self, text: impl Display) {
        self.note(format_args!("{WARN}warning:{WARN:#} {}", one_line(&text.to_string())));
    }

    /// What ended the program: to programs on standard output unless the result is there, to people on
    /// standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            if HAS_RESULT.load(Ordering::Relaxed) {
                return to_stderr(escaped(&format!("{:#}", failure.json())));
            }
            // Standard output may be what has failed.
            if self.value(&failure.json()).is_ok() {
                return;
            }
        }
        let Failure { what, why, help, .. } = failure;
        to_stderr(format_args!("{BAD}error:{BAD:#} {}", one_line(what)));
        if let Some(why) = why {
            to_stderr(format_args!("  why:  {}", one_line(why)));
        }
        if let Some(help) = help {
            to_stderr(format_args!("  do:   {}", one_line(help)));
        }
    }

    /// Whether a secret that is printed would be seen by a person.
    pub(crate) fn is_seen() -> bool {
        io::stdout().is_terminal()
    }
}

/// JSON that says the same and shows as it is: such characters stand in strings alone.
pub(crate) fn escaped(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        match is_treacherous(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|half| shown += &format!("\\u{half:04x}")),
            false => shown.push(c),
        }
    }
    shown
}

fn to_stderr(text: impl Display) {
    // Without standard error there is nowhere left to complain.
    let _ = hidden(|| writeln!(anstream::stderr(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_shows_as_it_is_and_says_the_same() {
        let value = serde_json::json!({ "name": "a\u{1b}[2J\u{9b}\u{202e}\u{feff}\u{e0041}ä🙂\n" });
        let shown = escaped(&format!("{value:#}"));
        assert!(!shown.contains(is_treacherous), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
