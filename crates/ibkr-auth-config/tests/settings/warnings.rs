//! A secret that root gave, and everybody can read: used with a warning, which reaches the log of a process
//! that only makes a client.

use std::{
    env, fs, io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use ibkr_auth_config::{Reader, Settings};

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key_block};

const FOLDER: &str = "FOLDER_OF_ANOTHER_USER";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_secret_of_roots_that_everybody_can_read_is_warned_about() {
    if let Some(folder) = env::var_os(FOLDER) {
        return as_another_user(Path::new(&folder));
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped without root: files of root's");
        return;
    }
    let folder = Folder::new();
    folder.write("passphrase.txt", "secret");
    folder.write("config.yaml", format!("{MINIMAL}private_key_passphrase_file: passphrase.txt\n"));
    folder.write("block.yaml", format!("{KEYLESS}{}", test_key_block()));
    for entry in fs::read_dir(folder.path()).unwrap() {
        fs::set_permissions(entry.unwrap().path(), PermissionsExt::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    // The test itself once more, as somebody else.
    let name = "warnings::a_secret_of_roots_that_everybody_can_read_is_warned_about";
    let program = folder.path().join("tests");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut again = Command::new(&program);
    again.args(["--exact", name]).env(FOLDER, folder.path()).uid(65_534).gid(65_534);
    assert!(again.status().unwrap().success());
}

fn as_another_user(folder: &Path) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let config = folder.join("config.yaml");
    let settings = tracing::subscriber::with_default(subscriber, || Settings::from_yaml(&config)).unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("WARN") && logged.contains("private.pem is open to other users"), "{logged}");
    let warnings = settings.warnings();
    assert!(warnings.len() == 2 && warnings[1].contains("private_key_passphrase_file"), "{warnings:?}");

    // They come when they are known, and the other passphrase's file is not looked at.
    let none: [(&str, &str); 0] = [];
    let unkeyed = Reader::new().file(&config).vars(none).read().unwrap();
    assert!(unkeyed.warnings().is_empty());
    assert_eq!(unkeyed.key.read_with(b"x").unwrap().warnings, warnings[..1]);
    let block = Reader::new().file(folder.join("block.yaml")).vars(none).read().unwrap();
    assert_eq!(block.warnings().len(), 1);
    assert!(block.key.read().unwrap().warnings.is_empty());
}
