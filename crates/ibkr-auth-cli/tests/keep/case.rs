//! A simulator, settings for it, a store of its own, and keepers.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use ibkr_sim::{Handle, Server, SimConfig, demo};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes, on a machine that is busy.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Case {
    simulator: Server,
    folder: TempDir,
}

impl Case {
    pub(crate) fn new() -> Self {
        Self::with_credential(demo::CREDENTIAL)
    }

    pub(crate) fn with_credential(credential: &str) -> Self {
        let mut config = SimConfig::default();
        config.rules.established_after = Duration::ZERO;
        let case = Self { simulator: Server::start(config).unwrap(), folder: tempfile::tempdir().unwrap() };
        case.write("ca.pem", case.simulator.ca_pem());
        case.write("private.pem", demo::PRIVATE_KEY_PEM);
        case.write(
            "config.yaml",
            &format!(
                "client_id: {}\nclient_key_id: {}\ncredential: {credential}\nprivate_key_file: private.pem\n",
                demo::CLIENT_ID,
                demo::KEY_ID,
            ),
        );
        case
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(crate) fn simulator(&self) -> &Handle {
        self.simulator.handle()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.simulator().counters().total()
    }

    /// The program with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ibkr-auth"));
        for variable in ["https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR"] {
            command.env_remove(variable);
        }
        for variable in ["JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .env("HTTPS_PROXY", self.simulator.proxy_url())
            .env("SSL_CERT_FILE", self.path().join("ca.pem"))
            .env("IBKR_AUTH_STATE_DIR", self.state())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end: exit code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    pub(crate) fn keep(&self, more: &[&str]) -> Keeper {
        Keeper::start(self.command(&[&["keep"], more].concat()))
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
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Some(read(child.stdout.take().unwrap()));
        Self { child, lines, seen: Vec::new() }
    }

    /// A keeper whose reader goes away once a line with `last` has come.
    pub(crate) fn start_unread_after(mut command: Command, last: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
        kill_process(Pid::from_child(&self.child), signal).unwrap();
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
