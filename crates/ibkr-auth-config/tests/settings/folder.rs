//! A folder of its own for each test, with a key in it.

use std::{
    fs,
    path::{MAIN_SEPARATOR, Path, PathBuf},
};

use ibkr_auth_config::{FileError, Reader, Settings};
use tempfile::TempDir;

pub(crate) const MINIMAL: &str = "client_id: your-client-id\nclient_key_id: main\ncredential: someone\n\
                                  private_key_file: private.pem\n";
/// Without a key, for tests that bring one.
pub(crate) const KEYLESS: &str = "client_id: your-client-id\nclient_key_id: main\ncredential: someone\n";

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.write("private.pem", test_key("rsa2048.pem"));
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Only its owner can read it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn read(&self, content: impl AsRef<[u8]>) -> Result<Settings, FileError> {
        self.read_with(content, &[])
    }

    pub(crate) fn read_with(
        &self,
        content: impl AsRef<[u8]>,
        vars: &[(&str, &str)],
    ) -> Result<Settings, FileError> {
        Settings::from_yaml_with(self.write("config.yaml", content), vars.iter().copied())
    }

    /// A reader of this content, without variables.
    pub(crate) fn reader(&self, content: impl AsRef<[u8]>) -> Reader {
        let none: [(&str, &str); 0] = [];
        Reader::new().file(self.write("config.yaml", content)).vars(none)
    }

    /// The error's text, without the path of this folder.
    pub(crate) fn error(&self, content: impl AsRef<[u8]>) -> String {
        self.error_with(content, &[])
    }

    pub(crate) fn error_with(&self, content: impl AsRef<[u8]>, vars: &[(&str, &str)]) -> String {
        self.relative(&self.read_with(content, vars).expect_err("these settings are wrong"))
    }

    pub(crate) fn relative(&self, error: &FileError) -> String {
        error.to_string().replace(&format!("{}{MAIN_SEPARATOR}", self.path().display()), "")
    }
}

pub(crate) fn test_key(name: &str) -> Vec<u8> {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../ibkr-jws/tests/keys");
    fs::read(Path::new(keys).join(name)).unwrap()
}

/// The same key as a value of YAML.
pub(crate) fn test_key_block() -> String {
    let pem = String::from_utf8(test_key("rsa2048.pem")).unwrap();
    format!("private_key: |\n  {}\n", pem.trim_end().replace('\n', "\n  "))
}
