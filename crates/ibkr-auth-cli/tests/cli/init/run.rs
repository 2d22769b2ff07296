//! A run of `ibkr-auth init`, and what it leaves behind.

use std::process::Command;

use ibkr_auth_config::{Reader, Unkeyed};
use ibkr_sim::demo;

use crate::common::{DEMO_KEY, Folder, Ran};

impl Folder {
    pub(crate) fn with_demo_key() -> Self {
        let folder = Self::new();
        folder.write("private.pem", demo::PRIVATE_KEY_PEM);
        folder
    }

    pub(crate) fn init(&self, arguments: &[&str]) -> Ran {
        self.run([&["init"], arguments].concat())
    }

    /// With an openssl that always makes the demo's key.
    pub(crate) fn init_with_openssl(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(["init", "--openssl", &openssl("knows-one-key")]);
        command.args(arguments).env("FAKE_KEY", DEMO_KEY);
        command
    }

    /// As the other commands read them, without variables.
    pub(crate) fn written_settings(&self) -> Unkeyed {
        let none: [(&str, &str); 0] = [];
        Reader::new().file(self.path("config.yaml")).vars(none).read().unwrap()
    }
}

impl Ran {
    /// A plain error: what, and mostly what to do.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) {
        self.fails(code, words);
        assert!(self.err.contains("error: ") && self.err.contains("  do: "), "{self}");
        assert!(!self.err.contains("Os {"), "{self}");
        let is_advice = self.err.contains("should hold a block");
        assert!(is_advice || !self.err.contains("PRIVATE KEY"), "{self}");
    }
}

/// A fake openssl.
pub(crate) fn openssl(name: &str) -> String {
    format!("{}/tests/cli/init/openssl-{name}.sh", env!("CARGO_MANIFEST_DIR"))
}
