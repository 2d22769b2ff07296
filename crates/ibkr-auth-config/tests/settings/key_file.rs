//! Key files and passphrases that are wrong, and the permissions of both.

use std::fs;

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key};

fn with_key(file: &[u8], more: &str, vars: &[(&str, &str)]) -> Result<usize, String> {
    let folder = Folder::new();
    folder.write("private.pem", file);
    folder.write("passphrase.txt", "secret\n");
    folder.write("windows.txt", "secret\r\n");
    folder.write("bare.txt", "secret");
    folder.write("marked.txt", "\u{feff}secret\r\n");
    folder.write("wide.txt", b"\xFF\xFEs\0e\0c\0r\0e\0t\0");
    folder.write("wrong.txt", "secret\n\n");
    folder.write("empty.txt", "\n");
    let settings = folder.read_with(format!("{MINIMAL}{more}"), vars);
    settings.map(|settings| settings.key.bits()).map_err(|error| folder.relative(&error))
}

#[test]
fn every_bad_key_is_told_with_its_path() {
    let place = "config.yaml:4: `private_key_file` names private.pem, which";
    for (key, what) in [
        (&b""[..], "the key file is empty: "),
        (b"hello", "no PEM section in the key: "),
        (&test_key("ec.pem"), "not an RSA key but EC: "),
        (&test_key("public.pem"), "this is a public key and no private key: "),
        (
            &test_key("rsa2560.pem"),
            "an RSA key of 2560 bits cannot be used, only one of 2048, 3072 or 4096: make one with ",
        ),
        (
            &test_key("openssh_rsa.pem"),
            "the key is in OpenSSH's own format: copy the file, and convert the copy with ",
        ),
        (
            &test_key("legacy_encrypted.pem"),
            "the key is encrypted in the old `Proc-Type: 4,ENCRYPTED` way: convert it",
        ),
    ] {
        let error = with_key(key, "", &[]).unwrap_err();
        assert!(error.starts_with(&format!("{place} cannot be used: {what}")), "{error}");
    }
    assert_eq!(
        with_key(&[b'x'; 70_000], "", &[]).unwrap_err(),
        format!("{place} is larger than 64 KiB: check the path: this cannot be the right file")
    );
    let folder = Folder::new();
    fs::create_dir(folder.path().join("keys")).unwrap();
    let error = |path: &str| folder.error(format!("{KEYLESS}private_key_file: {path}\n"));
    assert_eq!(
        error("keys"),
        "config.yaml:4: `private_key_file` names keys, which is a folder: give the path of a file"
    );
    assert_eq!(
        error("no.pem"),
        "config.yaml:4: `private_key_file` names no.pem, which does not exist: check the path"
    );
    #[cfg(unix)]
    assert!(error("/dev/zero").contains("names /dev/zero, which is not a regular file"));
}

#[test]
fn a_key_in_place_of_its_path_is_not_shown() {
    let bare =
        String::from_utf8(test_key("rsa2048.pem")).unwrap().lines().skip(1).take(25).collect::<String>();
    for wrong in
        ["\"-----BEGIN PRIVATE KEY-----\\nMIIE\"", "-----BEGIN PRIVATE KEY-----", "|\n  MIIE\n  MIIE", &bare]
    {
        let error = Folder::new().error(format!("{KEYLESS}private_key_file: {wrong}\n"));
        assert_eq!(
            error,
            "config.yaml:4: `private_key_file` is not a path: \
             write the path of a file here; the PEM block itself belongs under `private_key`"
        );
    }
}

#[test]
fn a_passphrase_in_place_of_the_path_is_not_shown() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("keys")).unwrap();
    let error = |given: &str| folder.error(format!("{KEYLESS}private_key_file: '{given}'\n"));
    let long = format!("{}.pem", "hunter2 ".repeat(40));
    for given in ["hunter2", "correct horse battery staple", "hunter/2+x", "hunter2. Or so", &long] {
        let help = "does not exist: check the path";
        let said = error(given);
        assert!(said.contains("`private_key_file` names the given path, which"), "{said}");
        assert!(!said.contains("hunter") && !said.contains("horse"), "{said}");
        assert!(given == long || said.ends_with(help), "{said}");
    }
    for given in ["keys/main", "nowhere/private.pem", "my key.pem", "/main"] {
        assert!(error(given).contains(&format!("names {given}, which does not exist")), "{}", error(given));
    }
}

#[test]
fn a_bad_key_block_is_blamed_on_its_key() {
    let error = Folder::new().error(format!("{KEYLESS}private_key: private.pem\n"));
    assert!(error.starts_with("config.yaml:4: `private_key` cannot be used: no PEM section"), "{error}");
}

#[test]
fn an_encrypted_key_needs_a_passphrase() {
    let key = test_key("encrypted.pem");
    assert_eq!(
        with_key(&key, "", &[]).unwrap_err(),
        "config.yaml:4: `private_key_file` names private.pem, which is encrypted: set private_key_passphrase_file or \
         private_key_passphrase_env, or decrypt it with `openssl pkey -in encrypted.pem -out private.pem`"
    );
    for file in ["passphrase.txt", "windows.txt", "bare.txt", "marked.txt"] {
        assert_eq!(
            with_key(&key, &format!("private_key_passphrase_file: {file}\n"), &[]),
            Ok(3072),
            "{file}"
        );
    }
    let vars = [("MY_PASSPHRASE", "secret")];
    assert_eq!(with_key(&key, "private_key_passphrase_env: MY_PASSPHRASE\n", &vars), Ok(3072));
    // One that is not needed does no harm.
    assert_eq!(with_key(&test_key("rsa2048.pem"), "private_key_passphrase_file: bare.txt\n", &[]), Ok(2048));
}

#[test]
fn wrong_and_missing_passphrases() {
    let key = test_key("encrypted.pem");
    let error = |more: &str| with_key(&key, more, &[("EMPTY", ""), ("WRONG", "hunter")]).unwrap_err();
    assert_eq!(
        error("private_key_passphrase_file: empty.txt\n"),
        "config.yaml:5: `private_key_passphrase_file` is an empty file: write the passphrase into it"
    );
    assert_eq!(
        error("private_key_passphrase_file: wide.txt\n"),
        "config.yaml:5: `private_key_passphrase_file` is UTF-16: save it as UTF-8"
    );
    assert_eq!(
        error("private_key_passphrase_env: ${WRONG}\n"),
        "config.yaml:5: `private_key_passphrase_env` is not the name of a variable: \
         write the name alone, such as `KEY_PASSPHRASE`, without `$`"
    );
    assert_eq!(
        error("private_key_passphrase_env: EMPTY\n"),
        "config.yaml:5: `private_key_passphrase_env` names a variable that is empty: set that variable, or name another one"
    );
    for wrong in ["private_key_passphrase_env: WRONG\n", "private_key_passphrase_file: wrong.txt\n"] {
        assert_eq!(
            error(wrong),
            "config.yaml:4: `private_key_file` names private.pem, which cannot be used: \
             this passphrase does not open the key: correct it; `openssl pkey -in encrypted.pem -noout` asks for it and \
             says whether it is the right one"
        );
    }
}
