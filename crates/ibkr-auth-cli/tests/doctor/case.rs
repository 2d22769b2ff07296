//! A simulator, a folder with settings, and the program on them.

use std::{fs, path::PathBuf, process::Output, time::Duration};

use assert_cmd::Command;
use ibkr_sim::{Endpoint, Server, ServerConfig, SimConfig, demo};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Case {
    pub(crate) simulator: Server,
    folder: TempDir,
}

/// What the program said, with `--json` read.
pub(crate) struct Report(pub(crate) Value);

impl Case {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut sim = SimConfig::default();
        sim.rules.established_after = Duration::ZERO;
        let mut config = ServerConfig::from(sim);
        change(&mut config);
        let simulator = Server::start(config).unwrap();
        let case = Self { simulator, folder: tempfile::tempdir().unwrap() };
        case.write("ca.pem", case.simulator.ca_pem());
        case.write("private.pem", demo::PRIVATE_KEY_PEM);
        case.configure(&[]);
        case
    }

    /// The usual settings, some of them replaced; an empty one is left out.
    pub(crate) fn configure(&self, changes: &[(&str, &str)]) {
        let (base, lookup) = (self.simulator.base_url(), self.simulator.lookup_url());
        let usual = [
            ("client_id", demo::CLIENT_ID),
            ("client_key_id", demo::KEY_ID),
            ("credential", demo::CREDENTIAL),
            ("private_key_file", "private.pem"),
            ("base_url", &base),
            ("ip_services", &lookup),
            ("ca_file", "ca.pem"),
            ("ca_only", "true"),
            ("proxy", "none"),
        ];
        let kept = usual.iter().filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key));
        let all = kept.chain(changes).filter(|(_, value)| !value.is_empty());
        self.write("config.yaml", all.map(|(key, value)| format!("{key}: {value}\n")).collect::<String>());
    }

    /// Settings without hosts, and an environment that leads IBKR's real ones to the simulator.
    pub(crate) fn by_proxy(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("HTTPS_PROXY", self.simulator.proxy_url()).env("SSL_CERT_FILE", self.path("ca.pem"));
        command
    }

    /// Only its owner can read it.
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file of the kept session.
    pub(crate) fn record(&self) -> PathBuf {
        let files = fs::read_dir(self.path("state")).unwrap().map(|file| file.unwrap().path());
        files.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "session")).unwrap()
    }

    /// Another invocation was a minute ago: by the servers' clock, and by the record, which is sealed with its digest.
    pub(crate) fn a_minute_later(&self) {
        self.simulator.handle().advance(Duration::from_secs(60));
        self.change_record(|record| record["asked"] = 0.into());
    }

    pub(crate) fn change_record(&self, change: impl FnOnce(&mut Value)) {
        let mut record = self.read_record();
        change(&mut record);
        let content = record.to_string();
        let digest = ring::digest::digest(&ring::digest::SHA256, content.as_bytes());
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(self.record(), format!("ibkr-auth-session 1 {} {digest}\n{content}", content.len()))
            .unwrap();
    }

    pub(crate) fn read_record(&self) -> Value {
        let sealed = text(&fs::read(self.record()).unwrap());
        serde_json::from_str(sealed.split_once('\n').unwrap().1).unwrap()
    }

    pub(crate) fn fault(&self, script: &str) {
        self.simulator.handle().fault(script).unwrap();
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        self.simulator.handle().count(endpoint)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("ibkr-auth").unwrap();
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        for name in ["SSL_CERT_DIR", "SSL_CERT_FILE", "IBKR_AUTH_CONFIG", "IBKR_AUTH_PROFILE"] {
            command.env_remove(name);
        }
        command.env("IBKR_AUTH_STATE_DIR", self.path("state")).env("HOME", self.path("home"));
        command.env_remove("XDG_CONFIG_HOME").current_dir(self.folder.path()).args(arguments);
        command
    }

    /// Logs in, and keeps the session.
    pub(crate) fn log_in(&self) {
        let output = self.command(&["login"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Runs `doctor --json`; at most one login may come of it.
    pub(crate) fn doctor(&self, more: &[&str]) -> Report {
        let before = [Endpoint::Token, Endpoint::SsoSessions].map(|endpoint| self.count(endpoint));
        let report = read(&mut self.command(&[&["doctor", "--json"], more].concat()));
        let after = [Endpoint::Token, Endpoint::SsoSessions].map(|endpoint| self.count(endpoint));
        assert!(after[0] - before[0] <= 1 && after[1] - before[1] <= 1, "{before:?} {after:?}");
        report
    }
}

/// One JSON object on standard output, nothing on standard error, and the exit code that goes with it.
pub(crate) fn read(command: &mut Command) -> Report {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(text(&stderr), "");
    let report: Value = serde_json::from_slice(&stdout).unwrap();
    let failed = report["counts"]["fail"] != 0;
    assert_eq!(status.code(), Some(i32::from(failed)), "{report:#}");
    Report(report)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl Report {
    pub(crate) fn check(&self, name: &str) -> &Value {
        let checks = self.0["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {:#}", self.0))
    }

    /// How a check ended, with these words in what is said about it.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str, result: &str, words: &[&str]) {
        let check = self.check(name);
        assert_eq!(check["result"], result, "{check:#}");
        let said = check.to_string();
        words.iter().for_each(|word| assert!(said.contains(word), "{word}: {check:#}"));
        let explained = check["meaning"].is_string() && check["todo"].is_string();
        assert_eq!(explained, matches!(result, "warn" | "fail"), "{check:#}");
    }

    /// The names of the checks that ended so.
    pub(crate) fn all(&self, result: &str) -> Vec<&str> {
        let checks = self.0["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["result"] == result)
            .map(|check| check["name"].as_str().unwrap())
            .collect()
    }
}
