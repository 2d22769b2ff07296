//! A program on a pseudo-terminal.

use std::{fmt::Debug, process::Command};

use expectrl::{Eof, Expect, Needle, process::unix::WaitStatus, session::OsSession};

use super::LONG;

pub(crate) struct Terminal(pub(crate) OsSession);

impl Terminal {
    /// Standard input, output and error are the terminal.
    pub(crate) fn start(mut command: Command) -> Self {
        command.env("TERM", "xterm-256color");
        let mut session = OsSession::spawn(command).unwrap();
        session.set_expect_timeout(Some(LONG));
        Self(session)
    }

    /// What is shown up to and with this.
    #[track_caller]
    pub(crate) fn until(&mut self, what: impl Needle + Debug) -> String {
        let name = format!("{what:?}");
        let found = self.0.expect(what).unwrap_or_else(|error| panic!("no {name}: {error}"));
        String::from_utf8_lossy(found.as_bytes()).into_owned()
    }

    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> &mut Self {
        self.until(text);
        self
    }

    /// Waits for the question, then answers.
    #[track_caller]
    pub(crate) fn answers(&mut self, question: &str, answer: &str) -> &mut Self {
        self.sees(question).send_line(answer);
        self
    }

    #[track_caller]
    pub(crate) fn types(&mut self, question: &str, keys: &str) -> &mut Self {
        self.sees(question).send(keys);
        self
    }

    pub(crate) fn send(&mut self, keys: &str) {
        self.0.send(keys).unwrap();
    }

    pub(crate) fn send_line(&mut self, line: &str) {
        self.0.send_line(line).unwrap();
    }

    /// All that is shown from now on until the program ends.
    pub(crate) fn rest(&mut self) -> String {
        let found = self.0.expect(Eof).unwrap();
        String::from_utf8_lossy(found.as_bytes()).into_owned()
    }

    /// The same, and wants this exit code.
    #[track_caller]
    pub(crate) fn ends(&mut self, code: i32) -> String {
        let shown = self.rest();
        let status = self.0.get_process().wait().unwrap();
        assert!(matches!(status, WaitStatus::Exited(_, ended) if ended == code), "{status:?}: {shown}");
        shown
    }
}
