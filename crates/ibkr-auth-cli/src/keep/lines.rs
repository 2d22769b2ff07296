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
use crate::output::{Output, escaped};

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

    /// `event`: what it is about, if it is one of the session. Not each is told to people.
    pub(super) fn tell(&mut self, event: Option<&Event>, line: Option<&Line>, phase: Phase) {
        let is_info = line.is_none_or(|line| line.level == Level::Info);
        let matters = event.map_or(!is_info, |event| self.matters(event));
        if self.quiet && !matters {
            return;
        }
        match (self.form, event, line) {
            (Form::Json, Some(event), _) => self.object(json(event, phase)),
            (Form::Json, None, Some(line)) => {
                let name = if is_info { "note" } else { "warning" };
                self.object(object(name, phase, json!({ "text": line.text })));
            }
            (_, _, Some(line)) => self.write(&self.as_text(line)),
            (_, _, None) => {}
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

    fn object(&mut self, object: Map<String, Value>) {
        self.write(&escaped(&Value::Object(object).to_string()));
    }

    fn as_text(&self, Line { at, level, text }: &Line) -> String {
        let style = level.style();
        match (self.form, level) {
            (Form::Journal, _) => format!("<{}>{text}", level.priority()),
            (_, Level::Info) => format!("{} {text}", stamp(*at)),
            (_, Level::Warning) => format!("{} {style}warning:{style:#} {text}", stamp(*at)),
            (_, Level::Person) => format!("{} {style}attention:{style:#} {text}", stamp(*at)),
        }
    }

    fn write(&mut self, line: &str) {
        let told = match (self.lost, self.form) {
            (0, _) => String::new(),
            (lost, Form::Json) => json!({ "event": "lost", "lines": lost }).to_string() + "\n",
            (lost, _) => {
                let text = format!("{lost} lines before this one are lost: the reader is slow");
                self.as_text(&Line::new(Level::Warning, text)) + "\n"
            }
        };
        if self.writer.write(format!("{told}{line}\n")) {
            self.lost = 0;
            Output::note_result();
        } else {
            self.lost += 1;
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
