//! Warnings reach the log of a process that only makes a client.

use std::{
    io,
    sync::{Arc, Mutex},
};

use ibkr_auth_config::Settings;

use crate::folder::{Folder, MINIMAL};

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

#[cfg(unix)]
#[test]
fn an_open_key_is_told_to_the_log() {
    let folder = Folder::new();
    let config = folder.write("config.yaml", MINIMAL);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("private.pem"), mode).unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let settings = tracing::subscriber::with_default(subscriber, || Settings::from_yaml(config)).unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("WARN") && logged.contains("private.pem is open to other users"), "{logged}");
    assert_eq!(settings.warnings().len(), 1);
}
