//! What is measured, and what it is measured with: programs, a key, settings, and simulators.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::PathBuf,
    process::Command,
};

use super::IBAUTH;
use crate::{
    peers::{self, simulator::Simulator, venv},
    process,
};

const CLIENT_ID: &str = "BenchClient";
const KEY_ID: &str = "main";

/// What is measured of ibauth.
const THEIRS: &str = "measure_ibauth.py";

/// The brokerage session is there as soon as it is asked for: how long IBKR takes is nobody's merit.
pub(super) const AT_ONCE: [&str; 2] = ["--rule", "established_after=0s"];

/// Builds what is measured, and says where it is.
pub(super) fn build() -> Result<PathBuf, String> {
    println!("building releases");
    // Apart, so that what the tests switch on is not in the program.
    for what in [&["ibkr-auth-cli", "-p", "ibkr-sim"][..], &["ibkr-auth-tests", "--example", "bench"]] {
        process::status(process::cargo().args(["build", "--quiet", "--release", "-p"]).args(what))?;
    }
    Ok(process::target().join("release"))
}

/// Programs and files, and who is measured with them.
pub(super) struct Lab {
    pub(super) folder: PathBuf,
    release: PathBuf,
    pythons: [PathBuf; 2],
    config: PathBuf,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Async,
    Blocking,
    /// `ibkr-auth login`.
    Program,
    /// By its place in [`IBAUTH`].
    Ibauth(usize),
}

impl Who {
    pub(super) fn name(self) -> String {
        match self {
            Self::Async => "ibkr-auth-async".to_owned(),
            Self::Blocking => "ibkr-auth-blocking".to_owned(),
            Self::Program => "`ibkr-auth`".to_owned(),
            Self::Ibauth(version) => format!("ibauth {}", IBAUTH[version]),
        }
    }

    pub(super) fn is_ours(self) -> bool {
        !matches!(self, Self::Ibauth(_))
    }
}

impl Lab {
    /// Builds and installs what is missing.
    pub(super) fn prepare() -> Result<Self, String> {
        let target = process::target();
        let folder = target.join("bench");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let environments = target.join("peers");
        let [new, old] = IBAUTH.map(|version| venv::ibauth(&environments, version));
        let pythons = [new?, old?];
        let lab = Self { config: folder.join("config.yaml"), folder, release: build()?, pythons };
        lab.write_settings()?;
        Ok(lab)
    }

    /// A key of its own: that of the simulator is refused for any server but one on this machine.
    fn write_settings(&self) -> Result<(), String> {
        let failed = |error| format!("{}: {error}", self.folder.display());
        process::status(self.python(0, THEIRS).arg("key").arg(&self.folder))?;
        let key = self.folder.join("private.pem");
        let settings = [
            ("client_id", CLIENT_ID),
            ("client_key_id", KEY_ID),
            ("credential", "user0"),
            ("private_key_file", &key.to_string_lossy()),
        ];
        let yaml: String = settings.iter().map(|(name, value)| format!("{name}: '{value}'\n")).collect();
        fs::write(&self.config, yaml).map_err(failed)?;

        // As many authorities as a program trusts in the field, and the simulator's.
        drop(self.simulator(0, 1, &[])?);
        let certifi = "import certifi; print(certifi.contents())";
        let bundle = process::output(Command::new(&self.pythons[0]).args(["-c", certifi]))?;
        let ca = fs::read_to_string(self.folder.join("ca.pem")).map_err(failed)?;
        fs::write(self.bundle(), bundle + &ca).map_err(failed)
    }

    fn bundle(&self) -> PathBuf {
        self.folder.join("bundle.pem")
    }

    /// A fresh simulator at this distance in milliseconds, which knows so many users.
    pub(super) fn simulator(&self, one_way: u64, users: usize, rules: &[&str]) -> Result<Simulator, String> {
        let mut options: Vec<OsString> =
            vec!["--quiet".into(), "--ca-dir".into(), self.folder.clone().into()];
        let own = ["--client-id", CLIENT_ID, "--kid", KEY_ID, "--public-key"];
        options.extend(own.map(OsString::from));
        options.push(self.folder.join("public.pem").into());
        options.extend(["--one-way-delay-ms".into(), one_way.to_string().into()]);
        options.extend(AT_ONCE.iter().chain(rules).map(OsString::from));
        options.extend((0..users).flat_map(|user| ["--credential".into(), format!("user{user}").into()]));
        Simulator::start(&self.release.join("ibkr-sim"), &options)
    }

    /// One login in a process of its own.
    pub(super) fn login(&self, who: Who, simulator: &Simulator) -> Result<Command, String> {
        let mut command = if who == Who::Program {
            self.forget()?;
            let mut command = self.program();
            command.args(["login", "--quiet", "--config"]);
            command
        } else {
            self.measured(&self.library(who, "login"))
        };
        command.arg(&self.config);
        self.lead(&mut command, simulator);
        Ok(command)
    }

    /// Sessions kept by a process that says itself what they cost.
    pub(super) fn keep(&self, who: Who, numbers: &[usize], simulator: &Simulator) -> Command {
        let words = self.library(who, "keep");
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(&self.config).args(numbers.iter().map(ToString::to_string));
        self.lead(&mut command, simulator);
        command
    }

    /// `ibkr-auth header` with the session that the last login has kept.
    pub(super) fn header(&self, simulator: &Simulator) -> Command {
        let mut command = self.program();
        command.args(["header", "--max-age", "1h", "--config"]).arg(&self.config);
        self.lead(&mut command, simulator);
        command
    }

    /// `ibkr-auth`, measured as a process, with sessions kept in a folder of the bench's own.
    pub(super) fn program(&self) -> Command {
        let mut command = self.measured(&[self.release.join("ibkr-auth")]);
        command.env("IBKR_AUTH_STATE_DIR", self.folder.join("state"));
        command
    }

    /// `python -c 'import ibauth'`, measured as a process.
    pub(super) fn import(&self, version: usize) -> Command {
        let python = self.pythons[version].as_os_str();
        self.measured(&[python, "-c".as_ref(), "import ibauth".as_ref()])
    }

    /// The bare session of core.
    pub(super) fn core(&self, sessions: usize) -> Command {
        let mut command = Command::new(self.ours());
        command.args(["core", &sessions.to_string()]);
        command
    }

    /// Drops the sessions that the program has kept.
    fn forget(&self) -> Result<(), String> {
        let state = self.folder.join("state");
        if state.exists() {
            fs::remove_dir_all(&state).map_err(|error| format!("{}: {error}", state.display()))?;
        }
        Ok(())
    }

    /// Everybody goes the same way: real names, the simulator's proxy, one list of authorities.
    fn lead(&self, command: &mut Command, simulator: &Simulator) {
        peers::through(command, simulator.proxy(), &self.bundle());
    }

    /// The program that does this with a library, and its first arguments.
    fn library(&self, who: Who, mode: &str) -> Vec<OsString> {
        match who {
            Who::Async => vec![self.ours(), mode.into(), "async".into()],
            // The program's own client.
            Who::Blocking | Who::Program => vec![self.ours(), mode.into(), "blocking".into()],
            Who::Ibauth(version) => {
                vec![self.pythons[version].clone().into(), script(THEIRS).into(), mode.into()]
            }
        }
    }

    fn ours(&self) -> OsString {
        self.release.join("examples/bench").into()
    }

    fn measured<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut command = self.python(0, "run.py");
        command.args(words);
        command
    }

    fn python(&self, version: usize, name: &str) -> Command {
        let mut command = Command::new(&self.pythons[version]);
        command.arg(script(name));
        command
    }
}

fn script(name: &str) -> PathBuf {
    process::root().join("xtask/bench").join(name)
}
