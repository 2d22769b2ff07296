//! A run of `ibkr-auth init`, and what it leaves behind.

use std::process::Command;

use crate::common::{Folder, Ran, key};
use ibkr_auth_config::{Reader, Unkeyed};

impl Folder {
    pub(crate) fn with_key() -> Self {
        let folder = Self::new();
        folder.write("private.pem", private_half());
        folder
    }

    /// In this folder, unless the arguments name another.
    pub(crate) fn init(&self, arguments: &[&str]) -> Ran {
        let is_placed = arguments.iter().any(|argument| ["--dir", "--config"].contains(argument));
        let here = if is_placed { &[][..] } else { &["--dir", "."] };
        self.run([&["init"], here, arguments].concat())
    }

    /// With an openssl that always makes the same key.
    pub(crate) fn init_with_openssl(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(["init", "--openssl", &openssl("knows-one-key")]);
        command.args(arguments).env("FAKE_KEY", key("rsa3072"));
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

/// What a file with the key `rsa3072` holds.
pub(crate) fn private_half() -> String {
    std::fs::read_to_string(key("rsa3072")).unwrap()
}

/// A fake openssl.
pub(crate) fn openssl(name: &str) -> String {
    format!("{}/tests/cli/init/openssl-{name}.sh", env!("CARGO_MANIFEST_DIR"))
}
