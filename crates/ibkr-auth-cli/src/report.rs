//! What a person sees: a line for each step as it is done, and errors.

use std::{
    fmt::Display,
    io::{self, IsTerminal},
    time::Duration,
};

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use ibkr_auth_blocking::{Error, Event};
use tracing_subscriber::EnvFilter;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// `-v` our own log, `-vv` that of the HTTP stack too, which arrives through the crate `log`.
pub(crate) fn log_to_stderr(verbose: u8) {
    let filter = match verbose {
        0 => "off",
        1 => "warn,ibkr_auth_core=debug",
        _ => "debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// Shows each step in a line. The reason of a failure follows once it is known that the login goes on: what ends it is
/// said at the end.
pub(crate) fn steps() -> impl FnMut(&Event) + Send + 'static {
    let mut failed: Option<Error> = None;
    move |event| {
        if let Some(error) = failed.take() {
            println!("    {DIM}{error}{DIM:#}");
        }
        match event {
            Event::Done { step, took } => done(step, *took, ""),
            Event::Failed { error, took } => {
                println!("  {BAD}✗{BAD:#} {:<18}{:>7}", name(error), millis(*took));
                failed = Some(error.clone());
            }
            Event::Sent { .. } | Event::Connected | Event::LoggedOut => {}
            other => println!("    {DIM}{other}{DIM:#}"),
        }
    }
}

/// A line for something that is done.
pub(crate) fn done(what: impl Display, took: Duration, detail: &str) {
    println!(
        "  {GOOD}✓{GOOD:#} {what:<18}{:>7}  {DIM}{detail}{DIM:#}",
        millis(took),
        what = what.to_string()
    );
}

/// A line of text.
pub(crate) fn line(text: impl Display) {
    println!("{text}");
}

/// What works but should be changed.
pub(crate) fn warning(text: impl Display) {
    eprintln!("{WARN}warning:{WARN:#} {text}");
}

/// The error that ends the program.
pub(crate) fn failure(error: &Error) {
    eprintln!("{BAD}error:{BAD:#} {error}");
}

fn name(error: &Error) -> String {
    error.step().map(|step| step.to_string()).unwrap_or_default()
}

fn millis(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}
