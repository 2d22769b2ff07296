//! The records of kept sessions: where they are, and what is in them.

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::World;

impl World {
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

    pub(crate) fn read_record(&self) -> Value {
        let sealed = self.read(self.record());
        serde_json::from_str(sealed.split_once('\n').unwrap().1).unwrap()
    }

    /// It is sealed again afterwards: to the program it is whole.
    pub(crate) fn change_record(&self, change: impl FnOnce(&mut Value)) {
        let mut record = self.read_record();
        change(&mut record);
        let content = record.to_string();
        let digest = ring::digest::digest(&ring::digest::SHA256, content.as_bytes());
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let sealed = format!("ibkr-auth-session 1 {} {digest}\n{content}", content.len());
        fs::write(self.record(), sealed).unwrap();
    }
}
