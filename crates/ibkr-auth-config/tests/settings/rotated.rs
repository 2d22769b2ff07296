//! A key that is exchanged in its file while a program signs with it.

use std::fs;

use ibkr_auth_config::{Settings, SigningKey};
use ibkr_jws::{RsaKey, Sign};

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key, test_key_block};

fn signs_like(key: &SigningKey, file: &str) -> bool {
    let other = RsaKey::from_pem(&test_key(file)).unwrap();
    key.sign(b"message").unwrap() == other.sign(b"message").unwrap()
}

#[test]
fn another_key_in_the_file_takes_over_once_it_is_asked_for() {
    let folder = Folder::new();
    let key = folder.read(MINIMAL).unwrap().key;
    assert!(!key.reload(), "the file is what it was");
    // The same key in another form is no other key.
    folder.write("private.pem", [&b"# a comment\n"[..], &test_key("rsa2048.pem")].concat());
    assert!(!key.reload());

    folder.write("private.pem", test_key("rsa3072.pem"));
    assert!(signs_like(&key, "rsa2048.pem"), "nothing changes unasked");
    assert!(key.reload());
    assert!(signs_like(&key, "rsa3072.pem"));
    assert!(!key.reload(), "nothing is new any more");
}

#[cfg(unix)]
#[test]
fn a_key_behind_a_link_that_was_turned_round_takes_over() {
    let folder = Folder::new();
    let link = folder.path().join("current");
    for (version, key) in [("v1", "rsa2048.pem"), ("v2", "rsa3072.pem")] {
        fs::create_dir(folder.path().join(version)).unwrap();
        folder.write(&format!("{version}/key.pem"), test_key(key));
    }
    std::os::unix::fs::symlink("v1", &link).unwrap();
    let key = folder.read(format!("{KEYLESS}private_key_file: current/key.pem\n")).unwrap().key;
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("v2", &link).unwrap();
    assert!(key.reload() && signs_like(&key, "rsa3072.pem"));
}

#[test]
fn what_cannot_be_read_leaves_the_key_as_it_is() {
    let folder = Folder::new();
    let key = folder.read(MINIMAL).unwrap().key;
    for wrong in [&test_key("rsa3072.pem")[..900], b"", &test_key("encrypted.pem"), &test_key("ec.pem")] {
        folder.write("private.pem", wrong);
        assert!(!key.reload() && signs_like(&key, "rsa2048.pem"));
    }
    fs::remove_file(folder.path().join("private.pem")).unwrap();
    assert!(!key.reload() && signs_like(&key, "rsa2048.pem"));
}

#[test]
fn an_encrypted_key_is_opened_with_its_passphrase_as_it_is_now() {
    let folder = Folder::new();
    folder.write("passphrase.txt", "not used yet");
    let settings = folder.read(format!("{MINIMAL}private_key_passphrase_file: passphrase.txt\n")).unwrap();
    folder.write("private.pem", test_key("encrypted.pem"));
    assert!(!settings.key.reload(), "the passphrase is not the right one");
    folder.write("passphrase.txt", "secret\n");
    assert!(settings.key.reload() && signs_like(&settings.key, "rsa3072.pem"));
}

#[test]
fn a_passphrase_that_a_person_gave_is_kept() {
    let folder = Folder::new();
    let source = folder.reader(MINIMAL).read().unwrap().key;
    let key = source.read_with(b"secret").unwrap().key;
    folder.write("private.pem", test_key("encrypted.pem"));
    assert!(key.reload() && signs_like(&key, "rsa3072.pem"));
    assert!(!format!("{key:?}").contains("secret"));
}

#[test]
fn a_key_in_the_settings_stays_what_it_is() {
    let folder = Folder::new();
    let key = folder.read(format!("{KEYLESS}{}", test_key_block())).unwrap().key;
    folder.write("config.yaml", MINIMAL);
    assert!(!key.reload() && signs_like(&key, "rsa2048.pem"));
}

#[test]
fn the_shared_key_of_a_client_passes_the_question_on() {
    let folder = Folder::new();
    let Settings { key, .. } = folder.read(MINIMAL).unwrap();
    folder.write("private.pem", test_key("rsa3072.pem"));
    let shared: Box<dyn Sign> = Box::new(std::sync::Arc::new(key));
    assert!(shared.reload() && !shared.reload());
    assert!(!RsaKey::from_pem(&test_key("rsa2048.pem")).unwrap().reload(), "one in memory has no file");
}
