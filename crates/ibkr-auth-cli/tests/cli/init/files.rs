//! Files: where they go, who can read them, and that they are whole or not there.

use std::{fs, process::Stdio};

use super::run::openssl;
use crate::common::{Folder, run};

const ALL: [&str; 6] = ["--client-id", "MyFirm", "--credential", "me1234", "--key", "private.pem"];

#[test]
fn settings_are_private_whatever_the_umask_says() {
    for umask in ["000", "077", "777"] {
        let folder = Folder::with_key();
        let mut shell = folder.shell(&format!("umask {umask}; exec \"$0\" init \"$@\""));
        shell.args(ALL).arg("--dir").arg(folder.root());
        run(shell).done();
        assert_eq!((folder.mode("config.yaml"), folder.mode("public.pem")), (0o600, 0o644), "{umask}");
        assert_eq!(folder.names(), ["config.yaml", "private.pem", "public.pem"]);
    }
}

#[test]
fn a_folder_that_is_not_there_is_made_for_its_owner() {
    let folder = Folder::with_key();
    folder.init(&[&ALL[..], &["--dir", "a/b"]].concat()).done();
    assert_eq!((folder.mode("a"), folder.mode("a/b")), (0o700, 0o700));
    let written = folder.read("a/b/config.yaml");
    let key = folder.path("private.pem").canonicalize().unwrap();
    assert!(written.contains(&format!("private_key_file: \"{}\"", key.display())), "{written}");
}

#[test]
fn the_folder_of_config_is_used_and_its_name() {
    let folder = Folder::with_key();
    let ran = folder.init(&[&ALL[..], &["--config", "sub/paper.yaml"]].concat()).done();
    assert!(folder.path("sub/paper.yaml").is_file() && folder.path("sub/public.pem").is_file());
    assert!(ran.out.contains("ibkr-auth login --config sub/paper.yaml"), "{}", ran.out);

    let ran = folder.init(&[&ALL[..], &["--config", "sub/paper.yaml", "--dir", "."]].concat()).done();
    assert!(ran.err.contains("warning: config.yaml is written"), "{}", ran.err);
    folder.init(&[&ALL[..], &["--config", "sub"]].concat()).refused(2, &["is a folder", "--dir"]);
}

#[test]
fn folders_that_cannot_be_used_are_told() {
    let folder = Folder::with_key();
    folder.init(&[&ALL[..], &["--dir", "private.pem"]].concat()).refused(2, &["private.pem is a file"]);
    folder.init(&[&ALL[..], &["--dir", "private.pem/x"]].concat()).refused(2, &["cannot be a folder"]);
    assert_eq!(folder.names(), ["private.pem"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_takes_no_files_is_told() {
    let folder = Folder::with_key();
    let ran = folder.init(&[&ALL[..], &["--dir", "/proc"]].concat());
    assert!(!ran.err.contains(".tmp"), "{}", ran.err);
    ran.refused(1, &["/proc/public.pem cannot be written"]);
    folder.init(&[&ALL[..], &["--dir", "/proc/ibkr-auth"]].concat()).refused(1, &["cannot be made"]);
}

#[test]
fn a_folder_need_not_be_utf8_but_the_key_must_be_named() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let folder = Folder::with_key();
    let odd = OsStr::from_bytes(b"caf\xe9");
    let mut command = folder.command([&["init"], &ALL[..], &["--json", "--dir"]].concat());
    command.arg(odd);
    assert_eq!(run(command).done().json()["complete"], true);

    fs::rename(folder.path("private.pem"), folder.root().join(odd).join("private.pem")).unwrap();
    let mut command = folder.command([&["init", "--dir", "."], &ALL[..4], &["--key"]].concat());
    command.arg(folder.root().join(odd).join("private.pem"));
    run(command).refused(2, &["cannot stand in config.yaml", "not UTF-8"]);
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let folder = Folder::with_key();
    let mut shell = folder.shell("trap '' XFSZ; ulimit -f 0; exec \"$0\" init --dir . \"$@\" 2>&1 | cat");
    shell.args(ALL);
    let ran = run(shell);
    assert!(ran.out.contains("error: public.pem cannot be written"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("free some space"), "{}", ran.out);
    assert_eq!(folder.names(), ["private.pem"]);
}

#[test]
fn a_link_stays_one() {
    let folder = Folder::with_key();
    fs::create_dir(folder.path("real")).unwrap();
    folder.write("real/config.yaml", "proxy: none\n");
    std::os::unix::fs::symlink("real/config.yaml", folder.path("config.yaml")).unwrap();
    folder.init(&ALL).done();
    assert!(
        folder.path("config.yaml").is_symlink() && folder.read("real/config.yaml").contains("proxy: none")
    );
    assert_eq!(folder.written_settings().config.login().user(), "me1234");
}

#[test]
fn a_key_that_is_not_there_yet_when_the_program_is_killed_leaves_nothing() {
    let folder = Folder::new();
    // A FIFO: reading it waits until the fake openssl has started.
    let mut fifo = std::process::Command::new("mkfifo");
    assert!(fifo.arg(folder.path("started")).status().unwrap().success());
    let mut child = folder
        .command(["init", "--new-key", "--openssl", &openssl("says-when")])
        .env("FAKE_SIGN", folder.path("started"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    fs::read(folder.path("started")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(folder.names(), ["started"]);
}
