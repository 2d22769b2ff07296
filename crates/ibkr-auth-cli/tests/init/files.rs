//! Files: where they go, who can read them, and that they are whole or not there.

use std::{fs, process::Stdio};

use assert_cmd::cargo::cargo_bin;

use crate::support::{Case, openssl, run};

const ALL: [&str; 6] = ["--client-id", "MyFirm", "--credential", "me1234", "--key", "private.pem"];

#[test]
fn settings_are_private_whatever_the_umask_says() {
    for umask in ["000", "077", "777"] {
        let case = Case::with_key();
        let script = format!("umask {umask}; exec \"$0\" init \"$@\"");
        let mut command = assert_cmd::Command::new("sh");
        let folder = case.path().to_str().unwrap();
        command.args(["-c", &script]).arg(cargo_bin("ibkr-auth")).args(ALL).args(["--dir", folder]);
        run({
            command.current_dir(case.path());
            command
        })
        .done();
        assert_eq!((case.mode("config.yaml"), case.mode("public.pem")), (0o600, 0o644), "{umask}");
        assert_eq!(case.names(), ["config.yaml", "private.pem", "public.pem"]);
    }
}

#[test]
fn a_folder_that_is_not_there_is_made_for_its_owner() {
    let case = Case::with_key();
    case.init(&[&ALL[..], &["--dir", "a/b"]].concat()).done();
    assert_eq!((case.mode("a"), case.mode("a/b")), (0o700, 0o700));
    let written = case.read("a/b/config.yaml");
    let key = case.file("private.pem").canonicalize().unwrap();
    assert!(written.contains(&format!("private_key_file: \"{}\"", key.display())), "{written}");
}

#[test]
fn the_folder_of_config_is_used_and_its_name() {
    let case = Case::with_key();
    let ran = case.init(&[&ALL[..], &["--config", "sub/paper.yaml"]].concat()).done();
    assert!(case.file("sub/paper.yaml").is_file() && case.file("sub/public.pem").is_file());
    assert!(ran.out.contains("ibkr-auth login --config sub/paper.yaml"), "{}", ran.out);

    let ran = case.init(&[&ALL[..], &["--config", "sub/paper.yaml", "--dir", "."]].concat()).done();
    assert!(ran.err.contains("warning: config.yaml is written"), "{}", ran.err);
    case.init(&[&ALL[..], &["--config", "sub"]].concat()).refused(2, &["is a folder", "--dir"]);
}

#[test]
fn folders_that_cannot_be_used_are_told() {
    let case = Case::with_key();
    case.init(&[&ALL[..], &["--dir", "private.pem"]].concat()).refused(2, &["private.pem is a file"]);
    case.init(&[&ALL[..], &["--dir", "private.pem/x"]].concat()).refused(2, &["cannot be a folder"]);
    assert_eq!(case.names(), ["private.pem"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_takes_no_files_is_told() {
    let case = Case::with_key();
    let ran = case.init(&[&ALL[..], &["--dir", "/proc"]].concat());
    assert!(!ran.err.contains(".tmp"), "{}", ran.err);
    ran.refused(1, &["/proc/public.pem cannot be written"]);
    case.init(&[&ALL[..], &["--dir", "/proc/ibkr-auth"]].concat()).refused(1, &["cannot be made"]);
}

#[test]
fn a_folder_need_not_be_utf8_but_the_key_must_be_named() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let case = Case::with_key();
    let odd = OsStr::from_bytes(b"caf\xe9");
    let mut command = case.command(&[&ALL[..], &["--json", "--dir"]].concat());
    command.arg(odd);
    assert_eq!(run(command).done().json()["complete"], true);

    fs::rename(case.file("private.pem"), case.path().join(odd).join("private.pem")).unwrap();
    let mut command = case.command(&[&ALL[..4], &["--key"]].concat());
    command.arg(case.path().join(odd).join("private.pem"));
    run(command).refused(2, &["cannot stand in config.yaml", "not UTF-8"]);
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let case = Case::with_key();
    let mut command = assert_cmd::Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" init \"$@\" 2>&1 | cat"])
        .arg(cargo_bin("ibkr-auth"))
        .args(ALL)
        .current_dir(case.path());
    let ran = run(command);
    assert!(ran.out.contains("error: public.pem cannot be written"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("free some space"), "{}", ran.out);
    assert_eq!(case.names(), ["private.pem"]);
}

#[test]
fn a_link_stays_one() {
    let case = Case::with_key();
    fs::create_dir(case.file("real")).unwrap();
    case.init(&[&ALL[..], &["--dir", "real"]].concat()).done();
    std::os::unix::fs::symlink("real/config.yaml", case.file("config.yaml")).unwrap();
    case.init(&["--credential", "other", "--force"]).done();
    assert!(case.file("config.yaml").is_symlink());
    assert_eq!(case.settings().config.credential().expose(), "other");
}

#[test]
fn a_key_that_is_not_there_yet_when_the_program_is_killed_leaves_nothing() {
    let case = Case::new();
    // A FIFO: reading it waits until the fake openssl has started.
    let mut fifo = std::process::Command::new("mkfifo");
    assert!(fifo.arg(case.file("started")).status().unwrap().success());
    let mut child = std::process::Command::new(cargo_bin("ibkr-auth"))
        .args(["init", "--new-key", "--openssl", &openssl("says-when")])
        .current_dir(case.path())
        .env("FAKE_SIGN", case.file("started"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    fs::read(case.file("started")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(case.names(), ["started"]);
}
