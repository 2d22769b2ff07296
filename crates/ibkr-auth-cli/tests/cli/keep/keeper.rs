//! Keepers, and what they say.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use rustix::process::Signal;
use serde_json::Value;

use crate::common::{LONG, World};

impl World {
    pub(crate) fn keep(&self, more: &[&str]) -> Keeper {
        Keeper::start(self.command([&["keep", "--region", open_region()], more].concat()))
    }
}

/// A region that is neither in its night nor in its weekend: there a refusal counts at once, whatever hour
/// the test runs at.
fn open_region() -> &'static str {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    match (now.weekday(), now.hour()) {
        (_, 21.. | 0..2) | (Weekday::Saturday, 16..) => "hong-kong",
        _ => "zug",
    }
}

/// A keeper that runs. It is killed on drop.
pub(crate) struct Keeper {
    child: Child,
    /// `None` once nobody reads any more.
    lines: Option<Receiver<String>>,
    pub(crate) seen: Vec<String>,
}

impl Keeper {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Some(read(child.stdout.take().unwrap()));
        Self { child, lines, seen: Vec::new() }
    }

    /// A keeper whose reader goes away once a line with `last` has come.
    pub(crate) fn start_unread_after(mut command: Command, last: &str) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(last)));
        Self { child, lines: None, seen: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line with this text.
    pub(crate) fn line(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.as_ref().unwrap().recv_timeout(LONG);
            let line = line.unwrap_or_else(|error| panic!("no `{text}`: {error} after {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        crate::common::signal(&self.child, signal);
    }

    /// Exit code and standard error, once it has ended.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        if let Some(lines) = &self.lines {
            self.seen.extend(lines.iter());
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().code(), errors)
    }

    pub(crate) fn stop(&mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.end()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(out: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// What a line says, without its time and without how long something took.
pub(crate) fn said(line: &str) -> String {
    let (_, text) = line.split_once("Z ").unwrap_or(("", line));
    text.split_once(" in ").map_or(text, |(text, _)| text).to_owned()
}

pub(crate) fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}
