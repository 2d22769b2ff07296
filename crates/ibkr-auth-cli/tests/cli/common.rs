//! A simulator, a folder with settings, and the program between them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use ibkr_sim::{Endpoint, Server, SimConfig, User, demo};
use serde_json::Value;
use tempfile::TempDir;

/// No invocation of a test takes longer.
const LONGEST: Duration = Duration::from_secs(120);

/// A second username, for profiles.
pub(crate) const OTHER: &str = "otheruser";

/// One user of one machine, and IBKR.
pub(crate) struct World {
    pub(crate) simulator: Server,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a simulator that is changed first.
    pub(crate) fn with(change: impl FnOnce(&mut SimConfig)) -> Self {
        let mut config = SimConfig::default();
        config.rules.established_after = Duration::ZERO;
        config.clients[0].credentials.push(OTHER.to_owned());
        config.users.push(User::live(OTHER));
        change(&mut config);
        let world = Self { simulator: Server::start(config).unwrap(), folder: tempfile::tempdir().unwrap() };
        world.write("ca.pem", world.simulator.ca_pem());
        world.write("private.pem", demo::PRIVATE_KEY_PEM);
        world.configure("");
        world
    }

    /// The usual settings, and some more lines.
    pub(crate) fn configure(&self, more: &str) {
        self.write("config.yaml", &(self.settings() + more));
    }

    pub(crate) fn settings(&self) -> String {
        format!(
            "client_id: {}\nclient_key_id: {}\ncredential: {}\nprivate_key_file: private.pem\n\
             base_url: {}\nip_services: {}\nca_file: ca.pem\nca_only: true\nproxy: none\n",
            demo::CLIENT_ID,
            demo::KEY_ID,
            demo::CREDENTIAL,
            self.simulator.base_url(),
            self.simulator.lookup_url()
        )
    }

    /// A file that only its owner can read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
        #[cfg(unix)]
        self.set_mode(name, 0o600);
    }

    #[cfg(unix)]
    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(self.path(name), mode).unwrap();
    }

    /// A path in the folder of this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of the one session that is kept.
    pub(crate) fn record(&self) -> PathBuf {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    pub(crate) fn records(&self) -> Vec<PathBuf> {
        let Ok(files) = fs::read_dir(self.path("state")) else { return Vec::new() };
        let mut records: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        records.retain(|file| file.extension().is_some_and(|kind| kind == "session"));
        records.sort();
        records
    }

    pub(crate) fn fault(&self, script: &str) {
        self.simulator.handle().fault(script).unwrap();
    }

    /// So many requests have come to this endpoint.
    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        self.simulator.handle().count(endpoint)
    }

    /// Waits until so many requests have come to this endpoint.
    pub(crate) fn await_request(&self, endpoint: Endpoint, count: u64) {
        let begin = Instant::now();
        while self.count(endpoint) < count {
            assert!(begin.elapsed() < LONGEST, "{endpoint} was asked {} times", self.count(endpoint));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What came since the last time, by the endpoints' names.
    pub(crate) fn sent_since(&self, before: &BTreeMap<Endpoint, u64>) -> BTreeMap<&'static str, u64> {
        let mut now = self.sent();
        for (endpoint, count) in &mut now {
            *count -= before.get(endpoint).copied().unwrap_or_default();
        }
        now.into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(endpoint, count)| (endpoint.name(), count))
            .collect()
    }

    /// Every request so far.
    pub(crate) fn sent(&self) -> BTreeMap<Endpoint, u64> {
        self.simulator.handle().counters().requests
    }

    /// The program, for tests that start it in a way of their own.
    pub(crate) fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = program(self.folder());
        command.args(arguments).env("IBKR_AUTH_STATE_DIR", self.path("state"));
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        run(self.command(arguments))
    }

    /// Runs it, and wants success.
    pub(crate) fn succeed<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran}");
        ran
    }

    /// The bearer token, as a script gets it from the kept session.
    pub(crate) fn token(&self) -> String {
        self.succeed(["token"]).out.trim_end().to_owned()
    }

    /// Runs it through a shell, in which `$0` is the program.
    #[cfg(unix)]
    pub(crate) fn shell(&self, script: &str) -> Command {
        let program = self.command([]);
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(program.get_program()).current_dir(self.folder()).env_clear();
        shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
    }
}

/// The program in a folder, in an environment without anything but a home.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ibkr-auth"));
    command.current_dir(folder).env_clear();
    for name in ["PATH", "SystemRoot", "LLVM_PROFILE_FILE"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("HOME", folder.join("home")).env("TMPDIR", folder);
    for kind in ["CONFIG", "STATE", "DATA", "CACHE"] {
        command.env(format!("XDG_{kind}_HOME"), folder.join(kind.to_lowercase()));
    }
    command
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

    /// Wants this exit code, and these words in its error.
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

/// One test of several that wait most of their time: the harness runs no more at once than there are cores.
macro_rules! at_once {
    ($name:ident: $($test:ident),+ $(,)?) => {
        #[test]
        fn $name() {
            std::thread::scope(|scope| {
                $(
                    let thread = std::thread::Builder::new().name(stringify!($test).to_owned());
                    thread.spawn_scoped(scope, $test).unwrap();
                )+
            });
        }
    };
}
pub(crate) use at_once;

/// Compares with a file in `snapshots/`; what differs from run to run is replaced first.
macro_rules! assert_shows {
    ($world:expr, $name:expr, $shown:expr) => {
        $crate::common::filters($world.folder()).bind(|| insta::assert_snapshot!($name, $shown.to_string()));
    };
}
pub(crate) use assert_shows;

pub(crate) fn filters(folder: &Path) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in [
        (folder.to_string_lossy().replace('.', r"\."), "FOLDER"),
        (r"(localhost|127\.0\.0\.1):\d+".to_owned(), "$1:PORT"),
        (r" +\d+ ms".to_owned(), " N ms"),
        (r"\d+\.\d s\b".to_owned(), "N s"),
        (r"\b(\d+ (d|h|min) )?\d+ (h|min|s)\b".to_owned(), "TIME"),
        (r#""(since|expires_at|ms|requests)": \d+"#.to_owned(), "\"$1\": N"),
        (r"Bearer [\w.-]+".to_owned(), "Bearer TOKEN"),
        (r"api=\w+".to_owned(), "api=SESSION"),
        (r#""(token|session_id)": "[\w.-]+""#.to_owned(), "\"$1\": \"SECRET\""),
        (r"\(os error \d+\)".to_owned(), "(os error N)"),
        (r"ibkr-auth/\d+\.\d+\.\d+".to_owned(), "ibkr-auth/VERSION"),
    ] {
        settings.add_filter(&pattern, replacement);
    }
    settings
}
