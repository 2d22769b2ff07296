//! A folder to work in, and the program.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use assert_cmd::Command;
use ibkr_auth_config::{Reader, Unkeyed};
use ibkr_sim::demo;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Case(TempDir);

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Case {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// Only its owner can read it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.file(name), text).unwrap();
        self.set_mode(name, 0o600);
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.file(name), PermissionsExt::from_mode(mode)).unwrap();
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.file(name)).unwrap().permissions().mode() & 0o777
    }

    /// The names of all files, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// With the demo's key.
    pub(crate) fn with_key() -> Self {
        let case = Self::new();
        case.write("private.pem", demo::PRIVATE_KEY_PEM);
        case
    }

    pub(crate) fn init(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("ibkr-auth").unwrap();
        isolate(self.path(), |name, value| match value {
            Some(value) => _ = command.env(name, value),
            None => _ = command.env_remove(name),
        });
        command.arg("init").args(args).current_dir(self.path());
        command
    }

    /// As the other commands read it, without variables.
    pub(crate) fn settings(&self) -> Unkeyed {
        let none: [(&str, &str); 0] = [];
        Reader::new().file(self.file("config.yaml")).vars(none).read().unwrap()
    }
}

/// The user's own variables and folders do not count.
pub(crate) fn isolate(home: &Path, mut set: impl FnMut(&str, Option<&Path>)) {
    for name in ["IBKR_AUTH_CONFIG", "XDG_CONFIG_HOME", "IBKR_AUTH_PROFILE"] {
        set(name, None);
    }
    set("HOME", Some(home));
}

pub(crate) fn run(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    /// A plain error: what, and mostly what to do.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(self.err.contains("error: ") && self.err.contains("  do: "), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "{word}: {}", self.err);
        }
        for leak in ["PRIVATE KEY", "panicked", "Os {"] {
            let is_advice = leak == "PRIVATE KEY" && self.err.contains("should hold a block");
            assert!(is_advice || !self.err.contains(leak), "{}", self.err);
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

/// A fake openssl.
pub(crate) fn openssl(name: &str) -> String {
    format!("{}/tests/init/openssl-{name}.sh", env!("CARGO_MANIFEST_DIR"))
}

/// A key of the tests of ibkr-jws.
pub(crate) fn key(name: &str) -> String {
    format!("{}/../ibkr-jws/tests/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}
