//! Keys: made by openssl, or there already, and what can be wrong with them.

use std::{fs, process::Command};

use ibkr_jws::RsaKey;

use super::run::{openssl, private_half};
use crate::common::{Folder, Ran, key, public_half, run};

const IDS: [&str; 4] = ["--client-id", "MyFirm", "--credential", "me1234"];

fn make(folder: &Folder, args: &[&str]) -> Ran {
    let mut command = folder.init_with_openssl(&[&["--dir", "."], args].concat());
    command.env("FAKE_ARGS", folder.path("args"));
    run(command)
}

#[test]
fn a_new_key_is_private_and_its_public_half_is_written() {
    let folder = Folder::new();
    let ran = make(&folder, &[&IDS[..], &["--new-key"]].concat()).done();
    assert_eq!(ran.err, "", "none of openssl's dots");
    assert_eq!(folder.read("args"), "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072\n");
    assert_eq!((folder.mode("private.pem"), folder.mode("public.pem")), (0o600, 0o644));
    assert_eq!(folder.read("private.pem"), private_half());
    assert_eq!(folder.read("public.pem"), public_half());
    assert!(ran.out.contains(public_half().trim()), "{}", ran.out);
    assert!(ran.out.contains("nothing else of the key") && ran.out.contains("New Ticket"), "{}", ran.out);
    assert!(!ran.out.contains("PRIVATE KEY-----"));
    assert!(folder.written_settings().with_key().unwrap().warnings().is_empty());
}

#[test]
fn a_private_key_is_never_replaced() {
    let folder = Folder::new();
    folder.write("private.pem", "precious");
    let ran = make(&folder, &[&IDS[..], &["--new-key"]].concat());
    ran.refused(2, &["private.pem is there already", "--key private.pem", "--new-key FILE"]);
    assert_eq!(
        (folder.names(), folder.read("private.pem")),
        (vec!["private.pem".to_owned()], "precious".to_owned())
    );

    make(&folder, &[&IDS[..], &["--new-key", "second.pem"]].concat()).done();
    assert_eq!(folder.read("second.pem"), private_half());
    assert!(folder.read("config.yaml").contains("private_key_file: \"second.pem\""));
    std::os::unix::fs::symlink("nowhere", folder.path("dangling.pem")).unwrap();
    make(&folder, &["--new-key", "dangling.pem"]).refused(2, &["is there already"]);
}

#[test]
fn the_real_openssl_makes_a_key() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: there is no openssl here");
        return;
    }
    let folder = Folder::new();
    let json = folder.init(&["--new-key", "--json"]).done().json();
    assert_eq!((&json["bits"], &json["complete"]), (&3072.into(), &false.into()));
    assert_eq!(folder.mode("private.pem"), 0o600);
    let made = RsaKey::from_pem(folder.read("private.pem").as_bytes()).unwrap();
    assert_eq!(made.public_key_pem().unwrap(), folder.read("public.pem"));

    let public = folder.path("public.pem");
    let digest = Command::new("openssl")
        .args(["pkey", "-pubin", "-outform", "DER", "-out", "public.der", "-in"])
        .arg(public)
        .current_dir(folder.root())
        .status()
        .and_then(|_| {
            Command::new("openssl").args(["sha256", "public.der"]).current_dir(folder.root()).output()
        });
    let digest = String::from_utf8(digest.unwrap().stdout).unwrap();
    assert!(digest.contains(json["public_key_sha256"].as_str().unwrap()), "{digest}");
}

#[test]
fn an_openssl_that_cannot_do_it_is_told_with_what_to_do() {
    let by_hand = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out private.pem";
    let cases = [
        ("/nowhere/openssl".to_owned(), "cannot start"),
        (openssl("fails"), "exit status: 1: genpkey: Error setting rsa_keygen_bits"),
        (openssl("rubbish"), "is no key"),
        ("true".to_owned(), "is no key"),
        (env!("CARGO_MANIFEST_DIR").to_owned(), "cannot start"),
    ];
    for (program, words) in cases {
        let folder = Folder::new();
        let args = ["--new-key", "--dir", "deep", "--openssl", &program];
        folder.init(&args).refused(1, &[words, by_hand, "--key private.pem"]);
        assert!(folder.names().is_empty(), "{program}");
    }
}

#[test]
fn files_that_are_no_usable_key_are_told() {
    let folder = Folder::new();
    folder.write("empty.pem", "");
    folder.write("binary.pem", [0x30, 0x82, 0xff, 0x00, 0xfe]);
    folder.write("noise.pem", [0xff; 100]);
    folder.write("large.pem", [b'x'; 70_000]);
    folder.write("certificate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let cases = [
        ("missing.pem".to_owned(), "does not exist"),
        (".".to_owned(), "is a folder"),
        ("/dev/null".to_owned(), "not a regular file"),
        ("empty.pem".to_owned(), "is empty"),
        ("binary.pem".to_owned(), "binary DER"),
        ("noise.pem".to_owned(), "no PEM section"),
        ("large.pem".to_owned(), "larger than 64 KiB"),
        ("certificate.pem".to_owned(), "this is a certificate"),
        (key("public"), "this is a public key"),
        (key("ec"), "EC"),
        (key("ed25519"), "Ed25519"),
        (key("rsa1024"), "1024 bits"),
        (key("rsa8192"), "8192 bits"),
        (key("rsa2560"), "only one of 2048, 3072 or 4096"),
        (key("openssh_rsa"), "OpenSSH's own format"),
        (key("legacy_encrypted"), "old `Proc-Type"),
    ];
    for (file, words) in &cases {
        let ran = folder.init(&[&IDS[..], &["--key", file]].concat());
        assert_eq!(ran.code, Some(3), "{file}: {}", ran.err);
        assert!(ran.err.contains("cannot be the key") && ran.err.contains(words), "{file}: {}", ran.err);
        assert!(ran.err.contains("  do: "), "{}", ran.err);
    }
    assert!(!folder.path("config.yaml").exists() && !folder.path("public.pem").exists());
}

#[test]
fn a_short_key_and_an_open_file_are_warned_about() {
    let folder = Folder::new();
    fs::copy(key("rsa2048"), folder.path("private.pem")).unwrap();
    folder.set_mode("private.pem", 0o644);
    let ran = folder.init(&[&IDS[..], &["--key", "private.pem"]].concat()).done();
    assert!(ran.err.contains("warning: private.pem is open to other users"), "{}", ran.err);
    assert!(ran.err.contains("shorter than the 3072 bits"), "{}", ran.err);
    assert_eq!(folder.mode("private.pem"), 0o644, "by flags it is only told");
}

#[test]
fn an_encrypted_key_needs_a_source_of_its_passphrase() {
    let folder = Folder::new();
    folder.write("private.pem", fs::read(key("encrypted")).unwrap());
    let ran = folder.init(&[&IDS[..], &["--key", "private.pem"]].concat()).done();
    assert!(ran.out.contains("openssl pkey -in private.pem -pubout"), "{}", ran.out);
    assert!(folder.read("config.yaml").contains("private_key_passphrase_file"));
    assert_eq!(folder.names(), ["config.yaml", "private.pem"]);
    assert!(folder.written_settings().key.needs_passphrase().unwrap());
    let json = folder.init(&["--json"]).done().json();
    assert_eq!((&json["bits"], &json["public_key"]), (&().into(), &().into()));
}

#[test]
fn the_public_key_of_another_is_never_replaced() {
    for more in [&["--key", "private.pem"][..], &["--new-key", "second.pem"]] {
        let folder = Folder::with_key();
        folder.write("public.pem", "another");
        let ran = make(&folder, &[&IDS[..], more].concat());
        ran.refused(2, &["public.pem is there already, and holds another key", "move it away"]);
        assert_eq!(folder.names(), ["private.pem", "public.pem"]);
        assert_eq!(folder.read("public.pem"), "another");
    }
}
