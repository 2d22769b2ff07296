//! The program, and what comes of an invocation.

use std::{
    ffi::OsStr,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::Folder;

/// No invocation of a test takes longer.
pub(super) const LONGEST: Duration = Duration::from_secs(120);

/// Nothing that is waited for takes longer, on a machine that is busy.
#[cfg(unix)]
pub(crate) const LONG: Duration = Duration::from_secs(60);

const PROGRAM: &str = env!("CARGO_BIN_EXE_ibkr-auth");

impl Folder {
    /// The program, for tests that start it in a way of their own.
    pub(crate) fn command<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Command {
        let mut command = self.isolated(PROGRAM);
        command.args(arguments.as_ref());
        command
    }

    /// A shell, in which `$0` is the program.
    #[cfg(unix)]
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut shell = self.isolated("sh");
        shell.args(["-c", script, PROGRAM]);
        shell
    }

    /// In this folder, in an environment with a home and little else.
    fn isolated(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).env_clear();
        for name in ["PATH", "SystemRoot", "LLVM_PROFILE_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("HOME", self.path("home")).env("TMPDIR", self.root());
        for kind in ["CONFIG", "STATE", "DATA", "CACHE"] {
            command.env(format!("XDG_{kind}_HOME"), self.path(kind.to_lowercase()));
        }
        let own = self.variables.iter().map(|(name, value)| (*name, value));
        command.env("IBKR_AUTH_STATE_DIR", self.path("state")).envs(own);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Ran {
        run(self.command(arguments))
    }

    /// The same with more variables.
    pub(crate) fn run_with<'a>(
        &self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
        arguments: impl AsRef<[&'a str]>,
    ) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables);
        run(command)
    }

    /// Runs it, and wants success.
    #[track_caller]
    pub(crate) fn succeed<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Ran {
        let arguments = arguments.as_ref();
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran}");
        ran
    }
}

/// Runs to the end what was prepared, with nothing on standard input.
pub(crate) fn run(command: Command) -> Ran {
    assert_cmd::Command::from_std(command).timeout(LONGEST).output().unwrap().into()
}

/// The same with standard input.
pub(crate) fn run_with_input(command: Command, input: impl Into<Vec<u8>>) -> Ran {
    assert_cmd::Command::from_std(command).timeout(LONGEST).write_stdin(input).output().unwrap().into()
}

/// Starts several at once, and waits for all.
pub(crate) fn run_together(commands: impl IntoIterator<Item = Command>) -> Vec<Ran> {
    let start = |mut command: Command| {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = commands.into_iter().map(start).collect();
    started.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
}

#[cfg(unix)]
pub(crate) fn signal(child: &std::process::Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

/// What came of an invocation.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What it printed as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Wants success.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// Wants this exit code, and these words in its error.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        for word in words {
            assert!(self.err.contains(word), "{word:?}: {self}");
        }
        assert!(!self.err.contains("panicked"), "{self}");
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => writeln!(f, "exit code {code}")?,
            None => writeln!(f, "killed")?,
        }
        for (name, text) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !text.is_empty() {
                writeln!(f, "--- {name}\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}
