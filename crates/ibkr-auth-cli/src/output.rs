//! What goes to standard output and standard error: text for people, or JSON for programs.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use serde_json::Value;

use crate::failure::Failure;

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
        Self { json, quiet }
    }

    /// What was asked for, to standard output.
    pub(crate) fn result(self, text: impl Display) -> Result<(), Failure> {
        let mut out = anstream::stdout();
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
        HAS_RESULT.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The same as JSON, indented.
    pub(crate) fn value(self, value: &Value) -> Result<(), Failure> {
        self.result(format_args!("{value:#}"))
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
        self.note(format_args!("{WARN}warning:{WARN:#} {text}"));
    }

    /// What ended the program: to programs on standard output unless the result is there, to people on standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            match HAS_RESULT.load(Ordering::Relaxed) {
                true => to_stderr(format_args!("{:#}", failure.json())),
                // Standard output may be what has failed.
                false => self.value(&failure.json()).unwrap_or_default(),
            }
            return;
        }
        let Failure { what, why, todo, .. } = failure;
        to_stderr(format_args!("{BAD}error:{BAD:#} {what}"));
        if let Some(why) = why {
            to_stderr(format_args!("  why:  {why}"));
        }
        if let Some(todo) = todo {
            to_stderr(format_args!("  do:   {todo}"));
        }
    }

    /// Whether a secret that is printed would be seen by a person.
    pub(crate) fn is_seen() -> bool {
        io::stdout().is_terminal()
    }
}

fn to_stderr(text: impl Display) {
    // Without standard error there is nowhere left to complain.
    let _ = writeln!(anstream::stderr(), "{text}");
}
