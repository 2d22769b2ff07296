//! Folder and files of kept sessions: for their owner alone, whatever the umask; and what happens where they
//! cannot be.

use std::fs;

use crate::common::{Ran, World, run};

/// Root may read and write everything.
fn is_root(what: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        eprintln!("skipped for root: {what}");
    }
    is_root
}

fn all_private(world: &World) {
    assert_eq!(world.mode("state"), 0o700);
    for file in fs::read_dir(world.path("state")).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(world.mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn what_is_kept_is_for_its_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let world = World::new();
        run(world.shell(&format!("umask {umask}; exec \"$0\" login"))).done();
        all_private(&world);
    }
}

#[test]
fn a_folder_that_is_there_is_not_changed_and_not_used_where_others_may_write() {
    let world = World::new();
    fs::create_dir(world.path("state")).unwrap();
    world.set_mode("state", 0o755);
    world.succeed(["header"]);
    assert_eq!(world.mode("state"), 0o755);
    world.set_mode("state", 0o1777);
    let before = world.sent();
    world.run(["header", "--max-age", "0s"]).fails(1, &["other users may write into it", "chmod go-w"]);
    assert_eq!((world.sent(), world.mode("state")), (before, 0o777));
}

#[test]
fn folders_above_are_made() {
    let world = World::new();
    world.succeed(["login", "--state-dir", "a/b/c"]);
    assert_eq!(world.mode("a/b/c"), 0o700);
}

#[test]
fn no_token_is_in_a_name_and_none_but_three_files_are_left() {
    let world = World::new();
    world.succeed(["login"]);
    world.succeed(["tickle"]);
    let names: Vec<_> = fs::read_dir(world.path("state"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.len() <= 3 && names.iter().all(|name| name.len() <= 24), "{names:?}");
    world.succeed(["logout"]);
    let record = world.read(world.record());
    assert!(!record.contains("eyJ"), "a logout leaves no token behind");
}

#[test]
fn a_file_in_place_of_the_folder_is_said_before_anything_is_sent() {
    let world = World::new();
    world.write("state", "a file");
    for command in ["login", "header", "status", "logout"] {
        world.run([command]).fails(1, &["state", "--state-dir"]);
    }
    assert!(world.sent().is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_is_said_before_anything_is_sent() {
    if is_root("a folder that cannot be written") {
        return;
    }
    let world = World::new();
    world.set_mode("", 0o500);
    world.run(["login"]).fails(1, &["state", "Permission denied", "--state-dir"]);
    assert!(world.sent().is_empty());
    world.set_mode("", 0o700);
}

#[test]
fn a_folder_of_the_system_is_said_before_anything_is_sent() {
    let world = World::new();
    for folder in ["/proc/ibkr-auth", "/dev/null/ibkr-auth"] {
        world.run(["login", "--state-dir", folder]).fails(1, &[folder, "--state-dir"]);
    }
    assert!(world.sent().is_empty());
}

#[test]
fn an_unreadable_record_is_said() {
    if is_root("an unreadable record") {
        return;
    }
    let world = World::new();
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    world.set_mode(world.record(), 0o000);
    for command in ["header", "status", "login"] {
        world.run([command]).fails(1, &["cannot be read", "Permission denied", "its permissions"]);
    }
}

#[test]
fn a_full_disk_is_said_before_anything_is_sent() {
    let world = World::new();
    // The lock is empty and can be made; the record cannot be written.
    let ran = run(world.shell("trap '' XFSZ; ulimit -f 0; exec \"$0\" login"));
    ran.fails(1, &["sessions cannot be kept in", "File too large", "free some space"]);
    assert!(world.sent().is_empty(), "{:?}", world.sent());
    assert!(world.records().is_empty());
    world.succeed(["login"]);
}

/// As on a disk that is full by now.
fn full(world: &World, command: &str) -> Ran {
    run(world.shell(&format!("trap '' XFSZ; ulimit -f 0; exec \"$0\" {command}")))
}

#[test]
fn a_disk_that_is_full_by_now_costs_no_kept_session() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    for command in ["header --max-age 0s", "status", "tickle", "get /portfolio/accounts"] {
        let ran = full(&world, command).done();
        assert_eq!(ran.err.matches("sessions cannot be kept in").count(), 1, "{command}: {ran}");
    }
    assert_eq!(world.token(), token);
}

#[test]
fn a_disk_that_is_full_by_now_stops_a_login_and_no_logout() {
    let world = World::new();
    world.succeed(["login"]);
    let before = world.sent();
    full(&world, "login --fresh").fails(1, &["sessions cannot be kept in", "free some space"]);
    assert_eq!(world.sent_since(&before), [].into());
    let ran = full(&world, "logout").done();
    assert!(ran.out.contains("Logged out.") && ran.err.contains("sessions cannot be kept in"), "{ran}");
    assert_eq!(world.sent_since(&before), [("logout", 1)].into());
}

#[test]
fn a_folder_that_can_only_be_read_is_enough_for_a_kept_session() {
    let mount = |world: &World, lock: &str, command: &str| {
        let script = format!(
            "mount --bind state state && {lock} mount -o remount,ro,bind state && exec \"$0\" {command}"
        );
        let mut unshare = world.shell(&script);
        let arguments: Vec<_> = unshare.get_args().map(std::ffi::OsStr::to_owned).collect();
        let mut command = std::process::Command::new("unshare");
        command.args(["-m", "sh"]).args(arguments).current_dir(world.root()).env_clear();
        command.envs(unshare.get_envs().filter_map(|(name, value)| Some((name, value?))));
        unshare = command;
        run(unshare)
    };
    let world = World::new();
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    if mount(&world, "", "header").code != Some(0) {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    for lock in ["", "rm -f state/*.lock &&"] {
        for command in ["status", "tickle", "get /portfolio/accounts", "header --max-age 0s"] {
            let ran = mount(&world, lock, command).done();
            assert!(ran.err.contains("Read-only file system"), "{command}: {ran}");
        }
    }
    let before = world.sent();
    mount(&world, "", "login --fresh")
        .fails(1, &["Read-only file system", "can be written, with --state-dir"]);
    assert_eq!(world.sent_since(&before), [].into());
    mount(&world, "", "logout").done();
    assert_eq!(world.sent_since(&before), [("logout", 1)].into());
}

#[test]
fn what_others_can_change_is_not_used() {
    let world = World::new();
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    let record = world.record();
    world.set_mode(&record, 0o666);
    for command in [&["header"][..], &["token", "-q"], &["status"], &["logout"], &["login"]] {
        world.run(command).fails(1, &["cannot be read", "can be changed by other users"]);
    }
    world.set_mode(&record, 0o644);
    world.run(["header"]).fails(1, &["cannot be read", "open to other users"]);
    world.set_mode(&record, 0o600);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&record, Some(65_534), None).unwrap();
        world.run(["header"]).fails(1, &["belongs to another user"]);
        std::os::unix::fs::chown(&record, Some(0), None).unwrap();
    }
    world.succeed(["header"]);
    fs::rename(&record, world.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.path("elsewhere"), &record).unwrap();
    world.run(["header"]).fails(1, &["it is a symbolic link"]);
}

#[test]
fn a_folder_above_that_everybody_may_change_is_refused() {
    let world = World::new();
    fs::create_dir(world.path("shared")).unwrap();
    for (mode, code) in [(0o777, 1), (0o1777, 0), (0o755, 0)] {
        world.set_mode("shared", mode);
        let ran = world.run(["login", "--state-dir", "shared/deep/state"]);
        assert_eq!(ran.code, Some(code), "{mode:o}: {ran}");
        if code == 1 {
            ran.fails(1, &["every user of this machine could replace it", "shared", "chmod o-w"]);
            assert!(world.sent().is_empty());
        }
    }
}

#[test]
fn locks_follow_no_link_and_change_nothing() {
    let world = World::new();
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    world.write("precious.txt", "precious");
    for kind in ["lock", "keep"] {
        let file = world.record().with_extension(kind);
        for is_hard in [false, true] {
            fs::remove_file(&file).unwrap_or_default();
            match is_hard {
                false => std::os::unix::fs::symlink(world.path("precious.txt"), &file).unwrap(),
                true => fs::hard_link(world.path("precious.txt"), &file).unwrap(),
            }
            let command = if kind == "lock" { "tickle" } else { "keep" };
            world.run([command]).fails(1, &["sessions cannot be kept in", "link"]);
            assert_eq!(world.read("precious.txt"), "precious");
        }
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn what_was_half_written_by_others_is_not_in_the_way() {
    let world = World::new();
    world.succeed(["login"]);
    fs::write(world.path("state/.tmpAbCdEf"), "half").unwrap();
    world.succeed(["header", "--max-age", "0s"]);
}
