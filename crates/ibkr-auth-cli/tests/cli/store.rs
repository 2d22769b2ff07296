//! What the folder of sessions may be, and what the files in it.

use std::{fs, os::unix::fs::chown};

use crate::common::{World, run};

const NOBODY: u32 = 65_534;

#[test]
fn a_folder_of_another_user_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: root alone can give a folder away");
        return;
    }
    let world = World::new();
    fs::create_dir(world.path("state")).unwrap();
    world.set_mode("state", 0o755);
    chown(world.path("state"), Some(NOBODY), None).unwrap();
    world.run(["login"]).fails(1, &["state", "belongs to another user", "chown", "--state-dir"]);
    world.doctor(&["--offline"]).expect("state folder", "fail", &["belongs to another user"]);
    assert!(world.sent().is_empty());

    chown(world.path("state"), Some(0), None).unwrap();
    world.succeed(["login"]);
    chown(world.path("state"), Some(NOBODY), None).unwrap();
    // What its owner may have replaced is not used for a request.
    world.run(["header"]).fails(1, &["belongs to another user"]);
}

#[test]
fn a_file_in_place_of_the_folder_or_above_it_is_called_so() {
    let world = World::new();
    for (folder, why) in [("ca.pem", "it is a file"), ("ca.pem/state", "a file above it")] {
        let ran = world.run(["login", "--state-dir", folder]);
        ran.fails(1, &[folder, why, "another folder with --state-dir"]);
        assert!(!ran.err.contains("permissions"), "{ran}");
    }
}

/// Sessions would lie wherever the program is started.
#[test]
fn a_home_that_is_relative_holds_no_sessions() {
    let world = World::new();
    let mut command = world.command(["login"]);
    command.env("HOME", "relative").env_remove("XDG_STATE_HOME").env_remove("IBKR_AUTH_STATE_DIR");
    run(command).fails(1, &["not an absolute path", "HOME", "--state-dir"]);
    assert!(!world.path("relative").exists() && world.sent().is_empty());
}

#[test]
fn a_fifo_in_place_of_a_file_is_not_waited_for() {
    let world = World::new();
    world.succeed(["login"]);
    let record = world.record();
    for file in [&record, &record.with_extension("keep")] {
        fs::remove_file(file).unwrap_or_default();
        run(world.shell(&format!("mkfifo -m 600 '{}'", file.display()))).done();
    }
    for command in ["status", "header"] {
        world.run([command]).fails(1, &["cannot be read", "no regular file", "remove it"]);
    }
    fs::remove_file(record).unwrap();
    world.run(["status"]).fails(4, &["there is no session"]);
}
