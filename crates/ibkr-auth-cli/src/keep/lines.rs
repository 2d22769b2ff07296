//! A line for each event: for people in a log, for the journal, for programs.

use std::time::Duration;

use ibkr_auth_blocking::{Event, Phase};
use serde_json::{Map, Value, json};

use crate::utc::stamp;

use super::{
    input::Source,
    words::{Level, Line, json, object},
    writer::Writer,
};
use crate::output::{BAD, Output, WARN, escaped};

/// So many lines wait for a reader that is slow.
const WAITING: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// The journal has times of its own, and takes the level from a number.
    Journal,
    Json,
}

pub(super) struct Lines {
    writer: Writer,
    form: Form,
    quiet: bool,
    /// A person was told of something that is not over yet.
    told_person: bool,
    lost: u64,
}

impl Lines {
    pub(super) fn open(output: Output, source: Source) -> Self {
        let form = match () {
            () if output.json => Form::Json,
            () if is_journal() => Form::Journal,
            () => Form::Text,
        };
        let writer = Writer::start(WAITING, anstream::stdout(), source);
        Self { writer, form, quiet: output.quiet, told_person: false, lost: 0 }
    }

    pub(super) fn event(&mut self, event: &Event, line: Option<&Line>, phase: Phase) {
        if self.quiet && !self.matters(event) {
            return;
        }
        match (self.form, line) {
            (Form::Json, _) => self.object(json(event, phase)),
            (_, Some(line)) => self.line(line),
            (_, None) => {}
        }
    }

    /// Something that is not an event of the session.
    pub(super) fn note(&mut self, line: &Line, phase: Phase) {
        if self.quiet && line.level == Level::Info {
            return;
        }
        match self.form {
            Form::Json => {
                let event = if line.level == Level::Info { "note" } else { "warning" };
                self.object(object(event, phase, json!({ "text": line.text })));
            }
            Form::Text | Form::Journal => self.line(line),
        }
    }

    pub(super) fn close(self) {
        self.writer.finish(PATIENCE);
    }

    /// Phases that need a person, and that this is over.
    fn matters(&mut self, event: &Event) -> bool {
        match event {
            Event::Phase { phase: Phase::Yielded | Phase::Stopped, .. } => {
                self.told_person = true;
                true
            }
            Event::Phase { phase: Phase::Connected, .. } => std::mem::take(&mut self.told_person),
            _ => false,
        }
    }

    fn line(&mut self, Line { at, level, text }: &Line) {
        let line = match (self.form, level) {
            (Form::Journal, Level::Info) => format!("<6>{text}\n"),
            (Form::Journal, Level::Warning) => format!("<4>{text}\n"),
            (Form::Journal, Level::Person) => format!("<3>{text}\n"),
            (_, Level::Info) => format!("{} {text}\n", stamp(*at)),
            (_, Level::Warning) => format!("{} {WARN}warning:{WARN:#} {text}\n", stamp(*at)),
            (_, Level::Person) => format!("{} {BAD}attention:{BAD:#} {text}\n", stamp(*at)),
        };
        self.write(line);
    }

    fn object(&mut self, object: Map<String, Value>) {
        self.write(escaped(&Value::Object(object).to_string()) + "\n");
    }

    fn write(&mut self, line: String) {
        if self.lost > 0 {
            let lost = format!("{} lines before this one are lost: the reader is slow", self.lost);
            let told = match self.form {
                Form::Json => json!({ "event": "lost", "lines": self.lost }).to_string(),
                Form::Journal => format!("<4>{lost}"),
                Form::Text => lost,
            };
            if !self.writer.write(told + "\n") {
                self.lost += 1;
                return;
            }
            self.lost = 0;
        }
        match self.writer.write(line) {
            true => Output::note_result(),
            false => self.lost += 1,
        }
    }
}

/// systemd names the file that leads to its journal. Programs that inherit the variable may write elsewhere.
#[cfg(unix)]
fn is_journal() -> bool {
    use std::os::unix::fs::MetadataExt;

    let journal = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let out = std::fs::metadata("/dev/stdout");
    out.is_ok_and(|out| format!("{}:{}", out.dev(), out.ino()) == journal)
}

#[cfg(not(unix))]
fn is_journal() -> bool {
    false
}
