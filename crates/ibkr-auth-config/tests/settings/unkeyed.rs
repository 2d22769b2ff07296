//! Settings without their key, and the key without its settings.

use std::fs;

use ibkr_auth_config::{KeySource, Unkeyed};

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key, test_key_block};

fn source(folder: &Folder, more: &str, vars: &[(&str, &str)]) -> KeySource {
    let reader = folder.reader(format!("{MINIMAL}{more}")).vars(vars.iter().copied());
    reader.read().unwrap_or_else(|error| panic!("{error}")).key
}

#[test]
fn whatever_is_wrong_with_the_key_does_not_disturb() {
    let folder = Folder::new();
    let read = |more: &str| folder.reader(format!("{MINIMAL}{more}")).read();
    for key in [&b"hello"[..], b"", &test_key("encrypted.pem"), &test_key("ec.pem"), &[b'x'; 70_000]] {
        folder.write("private.pem", key);
        assert!(read("").is_ok());
        assert!(read("").unwrap().with_key().is_err());
    }
    for passphrase in ["private_key_passphrase_env: NO_SUCH\n", "private_key_passphrase_file: no_such\n"] {
        let settings = read(passphrase).unwrap();
        let key = settings.key.clone();
        assert!(settings.with_key().is_err());
        assert_eq!(key.needs_passphrase(), Ok(false), "a source of it is named");
        assert_eq!(
            folder.relative(&key.read_with(b"x").unwrap_err()).split(", which").next(),
            Some("config.yaml:4: `private_key_file` names private.pem")
        );
    }
    fs::remove_file(folder.path().join("private.pem")).unwrap();
    let settings = read("").unwrap();
    assert_eq!(settings.key.file(), Some(folder.path().join("private.pem").as_path()));
    let missing = "config.yaml:4: `private_key_file` names private.pem, which does not exist: check the path";
    assert_eq!(folder.relative(&settings.key.read().unwrap_err()), missing);
    assert_eq!(folder.relative(&settings.key.read_with(b"x").unwrap_err()), missing);
    assert_eq!(folder.relative(&settings.key.needs_passphrase().unwrap_err()), missing);
    assert_eq!(folder.relative(&settings.with_key().unwrap_err()), missing);
}

#[test]
fn what_is_no_path_is_told_at_once() {
    let folder = Folder::new();
    let said = folder.reader(format!("{KEYLESS}private_key_file: \"a\\nb\"\n")).read().unwrap_err();
    assert!(said.to_string().contains("config.yaml:4: `private_key_file` is not a path: "), "{said}");
    let said = folder.reader(format!("{MINIMAL}private_key_passphrase_env:\n")).read().unwrap_err();
    assert!(said.to_string().contains("config.yaml:5: `private_key_passphrase_env` is empty: "), "{said}");
}

#[test]
fn a_passphrase_may_come_from_elsewhere() {
    let folder = Folder::new();
    folder.write("private.pem", test_key("encrypted.pem"));
    let key = source(&folder, "", &[]);
    assert_eq!(key.needs_passphrase(), Ok(true));
    assert_eq!(
        folder.relative(&key.read().unwrap_err()),
        "config.yaml:4: `private_key_file` names private.pem, which is encrypted: set private_key_passphrase_file or \
         private_key_passphrase_env, or decrypt it with `openssl pkey -in encrypted.pem -out private.pem`"
    );
    assert_eq!(key.read_with(b"secret").unwrap().key.bits(), 3072);
    for wrong in [&b"hunter"[..], b""] {
        assert_eq!(
            folder.relative(&key.read_with(wrong).unwrap_err()),
            "config.yaml:4: `private_key_file` names private.pem, which cannot be used: \
             this passphrase does not open the key: correct it; `openssl pkey -in encrypted.pem -noout` asks for it and \
             says whether it is the right one"
        );
    }
    // It counts instead of the one that the settings name.
    let key = source(&folder, "private_key_passphrase_env: WRONG\n", &[("WRONG", "hunter")]);
    assert!(key.read().is_err());
    assert!(key.read_with(b"secret").is_ok());
    let key = source(&folder, "private_key_passphrase_env: RIGHT\n", &[("RIGHT", "secret")]);
    assert_eq!(key.needs_passphrase(), Ok(false));
    assert!(key.read_with(b"hunter").is_err());
    assert!(key.read().is_ok());
    // One that is not needed does no harm.
    folder.write("private.pem", test_key("rsa2048.pem"));
    let key = source(&folder, "", &[]);
    assert_eq!(key.needs_passphrase(), Ok(false));
    assert_eq!(key.read_with(b"secret").unwrap().key.bits(), 2048);
    folder.write("private.pem", test_key("ec.pem"));
    assert!(key.needs_passphrase().unwrap_err().to_string().contains("not an RSA key but EC"));
}

#[test]
fn the_key_is_blamed_where_its_profile_names_it() {
    let folder = Folder::new();
    let content = format!("{MINIMAL}profiles:\n  live:\n    private_key_file: no.pem\n");
    let settings = folder.reader(&content).profile("live").read().unwrap();
    assert_eq!(
        folder.relative(&settings.with_key().unwrap_err()),
        "config.yaml:7: `private_key_file` names no.pem, which does not exist: check the path"
    );
    let vars = [("IBKR_AUTH_PRIVATE_KEY_FILE", "/nowhere/no.pem")];
    let settings = folder.reader(&content).profile("live").vars(vars).read().unwrap();
    assert_eq!(
        settings.with_key().unwrap_err().to_string(),
        "IBKR_AUTH_PRIVATE_KEY_FILE names /nowhere/no.pem, which does not exist: check the path"
    );
    let content = format!(
        "{MINIMAL}private_key_passphrase_env: A\nprofiles:\n  live:\n    private_key_passphrase_env: NO_SUCH\n"
    );
    let settings = folder.reader(content).profile("live").read().unwrap();
    assert!(folder.relative(&settings.with_key().unwrap_err()).starts_with("config.yaml:8: "));
}

#[test]
fn the_key_in_the_settings_has_no_file() {
    let folder = Folder::new();
    let settings = folder.reader(format!("{KEYLESS}{}", test_key_block())).read().unwrap();
    assert_eq!(settings.key.file(), None);
    assert_eq!(settings.key.read().unwrap().key.bits(), 2048);
    assert_eq!(settings.with_key().unwrap().key.bits(), 2048);
}

#[test]
fn what_is_set_is_told_from_what_is_default() {
    let folder = Folder::new();
    let content = format!(
        "{MINIMAL}tier: brokerage\ndomain: api.ibkr.com\nprofiles:\n  one: {{timeout: 15}}\n  two: {{scope: x}}\n"
    );
    let vars = [("IBKR_AUTH_BASE_URL", "http://localhost:1"), ("IBKR_AUTH_PROFILE", "one")];
    let settings = folder.reader(content).vars(vars).read().unwrap();
    for key in ["tier", "timeout", "base_url", "client_id", "private_key_file"] {
        assert!(settings.sets(key), "{key}");
    }
    for key in ["domain", "compete", "scope", "private_key", "profiles", "profile", "colour", ""] {
        assert!(!settings.sets(key), "{key}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let folder = Folder::new();
    let block = test_key_block();
    let content = format!(
        "{}{block}private_key_passphrase_env: WORD\nproxy: http://m4rk3d:m4rk3d@proxy.example\n",
        KEYLESS.replace("someone", "m4rk3d")
    );
    let reader = folder.reader(content).vars([("WORD", "m4rk3d"), ("OTHER", "m4rk3d")]);
    let settings: Unkeyed = reader.read().unwrap();
    let shown = format!("{reader:?} {settings:?} {:?} {:?}", settings.key, settings.key.read().unwrap());
    let piece = &block.lines().nth(5).unwrap().trim()[..16];
    assert!(!shown.contains("m4rk3d") && !shown.contains(piece), "{shown}");
    let wrong = folder.reader(format!("{KEYLESS}private_key_file: hunter2\n")).read().unwrap();
    assert!(!format!("{wrong:?}").contains("hunter"), "{wrong:?}");
}
