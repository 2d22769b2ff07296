//! Where a keeper shows itself: a screen, or lines.

use std::io::{self, IsTerminal};

use anstream::AutoStream;
use ibkr_auth_blocking::Event;
use tracing::level_filters::LevelFilter;

use super::{input::Source, keys, lines::Lines, screen::Screen, status::Status, words::Line};
use crate::output::Output;

pub(super) enum View {
    Screen(Screen),
    Lines(Lines),
}

impl View {
    pub(super) fn open(output: Output, plain: bool, source: Source) -> Self {
        if plain || output.json || output.quiet || !can_draw() {
            return Self::Lines(Lines::open(output, source));
        }
        let colors = AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        Self::Screen(Screen::open(source, colors))
    }

    /// Whether time that passes changes what is shown.
    pub(super) fn is_screen(&self) -> bool {
        matches!(self, Self::Screen(_))
    }

    /// Whether a person can press keys.
    pub(super) fn has_keys(&self) -> bool {
        matches!(self, Self::Screen(screen) if screen.has_keys())
    }

    /// `event`: what it is about, if it is one of the session. Not each is told to people.
    pub(super) fn tell(&mut self, event: Option<&Event>, line: Option<Line>, status: &mut Status) {
        if let Self::Lines(lines) = self {
            lines.tell(event, line.as_ref(), status.phase());
        }
        line.into_iter().for_each(|line| status.note(line));
    }

    pub(super) fn resized(&mut self) {
        if let Self::Screen(screen) = self {
            screen.resized();
        }
    }

    pub(super) fn draw(&mut self, status: &Status) {
        if let Self::Screen(screen) = self {
            screen.draw(status);
        }
    }

    pub(super) fn close(self, status: &Status) {
        match self {
            Self::Screen(screen) => screen.close(status),
            Self::Lines(lines) => lines.close(),
        }
    }
}

/// On a terminal that is ours, knows how to move a cursor, and shows no log.
fn can_draw() -> bool {
    let logs = LevelFilter::current() != LevelFilter::OFF && io::stderr().is_terminal();
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stdout().is_terminal() && keys::in_foreground() && !logs && (!is_dumb || cfg!(windows))
}
