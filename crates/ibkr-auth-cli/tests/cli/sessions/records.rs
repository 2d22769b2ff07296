//! A kept record that is not what was written: a warning and a new login, never a panic.

use std::fs;

use ibkr_sim::Endpoint;

use crate::common::World;

const IGNORED: &str = "is damaged, and ignored";

/// Logged in, with the bytes of the record.
fn with_record() -> (World, Vec<u8>) {
    let world = World::new();
    // Else the second login is told that the first has the brokerage session.
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    let record = fs::read(world.record()).unwrap();
    (world, record)
}

/// No login is made for each: that there is no session is enough.
fn is_ignored(world: &World, record: &[u8], what: &str) {
    fs::write(world.record(), record).unwrap();
    let ran = world.run(["header", "--no-login"]);
    assert_eq!(ran.code, Some(4), "{what}: {ran}");
    assert!(ran.err.contains(IGNORED) && !ran.err.contains("panicked"), "{what}: {ran}");
}

#[test]
fn a_record_cut_anywhere_is_ignored() {
    let (world, record) = with_record();
    let lengths = (0..120).chain((120..record.len()).step_by(97)).chain([record.len() - 1]);
    for length in lengths {
        is_ignored(&world, &record[..length], &format!("cut at {length}"));
    }
}

#[test]
fn a_record_with_any_bit_changed_is_ignored() {
    let (world, record) = with_record();
    for at in (0..120).chain((120..record.len()).step_by(97)) {
        let mut changed = record.clone();
        changed[at] ^= 1 << (at % 8);
        is_ignored(&world, &changed, &format!("changed at {at}"));
    }
}

#[test]
fn a_record_of_another_version_or_of_something_else_is_ignored() {
    let (world, record) = with_record();
    let text = String::from_utf8(record.clone()).unwrap();
    let later = text.replacen("ibkr-auth-session 1", "ibkr-auth-session 2", 1);
    for other in [later.as_bytes(), b"{}", b"\n", b"\0\xff\xfe", &vec![b'x'; 1 << 20], &record.repeat(2)] {
        is_ignored(&world, other, "another version or something else");
    }
}

#[test]
fn after_a_damage_the_next_login_repairs() {
    let (world, record) = with_record();
    fs::write(world.record(), &record[..record.len() / 2]).unwrap();
    let ran = world.succeed(["header"]);
    assert_eq!(ran.err.matches(IGNORED).count(), 1, "{ran}");
    assert_eq!(world.succeed(["header"]).err, "", "it is whole again");
    assert_eq!(world.count(Endpoint::Token), 2);
}

#[test]
fn every_command_says_that_the_record_is_damaged() {
    let (world, record) = with_record();
    fs::write(world.record(), &record[..record.len() / 2]).unwrap();
    for command in ["status", "tickle", "logout"] {
        let ran = world.run([command]);
        assert!(ran.err.contains(IGNORED), "{command}: {ran}");
    }
}

#[test]
fn a_folder_in_place_of_the_record_is_said_before_anything_is_sent() {
    let (world, _) = with_record();
    let record = world.record();
    fs::remove_file(&record).unwrap();
    fs::create_dir(&record).unwrap();
    let before = world.sent();
    world.run(["header"]).fails(1, &["cannot be read", "remove it"]);
    world.run(["status"]).fails(1, &["cannot be read", "remove it"]);
    assert_eq!(world.sent_since(&before), [].into());
}

#[test]
fn a_record_of_somebody_else_is_not_used() {
    let (world, record) = with_record();
    world.configure("");
    let other = world.succeed(["token"]).out;
    let files = world.records();
    for file in &files {
        fs::write(file, &record).unwrap();
    }
    // Whole, but of the same client: the tokens are those of the tier that was asked for.
    let ran = world.run(["token", "--no-login"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_ne!(ran.out, other);
    world.configure("client_id: Other\n");
    world.run(["token", "--no-login"]).fails(4, &[]);
    let mine = world.path("state").join("lock");
    assert!(!mine.exists());
}
