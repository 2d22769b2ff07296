//! An encrypted key, and where its passphrase comes from.

use ibkr_sim::Endpoint;

use crate::common::{Ran, World, run};

fn with_fd(world: &World, redirection: &str) -> Ran {
    run(world.shell(&format!("exec \"$0\" login --passphrase-fd 3 {redirection}")))
}

fn fails(ran: &Ran, world: &World, words: &[&str]) {
    ran.fails(3, words);
    assert!(!ran.err.contains("secret") && !ran.err.contains("hunter2"), "{ran}");
    assert!(world.sent().is_empty(), "nothing was sent: {:?}", world.sent());
    assert!(!world.run(["login"]).err.contains("not tried again"), "and it is no refusal");
}

#[test]
fn a_passphrase_comes_from_a_file_descriptor() {
    for content in ["secret", "secret\n", "secret\r\n"] {
        let world = World::with_encrypted_key();
        world.write("passphrase.txt", content);
        let ran = with_fd(&world, "3<passphrase.txt");
        assert_eq!(ran.code, Some(0), "{content:?}: {ran}");
    }
}

#[test]
fn a_passphrase_comes_through_a_pipe() {
    let world = World::with_encrypted_key();
    run(world.shell("printf secret | { exec 3<&0 </dev/null; exec \"$0\" login --passphrase-fd 3; }")).done();
    let world = World::with_encrypted_key();
    run(world.shell("printf secret | \"$0\" login --passphrase-fd 0")).done();
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_variable() {
    let world = World::with_encrypted_key();
    world.write("passphrase.txt", "secret\n");
    world.configure("private_key_passphrase_file: passphrase.txt\n");
    world.succeed(["login"]);
    let world = World::with_encrypted_key();
    world.configure("private_key_passphrase_env: MY_PASSPHRASE\n");
    world.run_with([("MY_PASSPHRASE", "secret")], ["login"]).done();
}

#[test]
fn a_wrong_passphrase_is_said() {
    let world = World::with_encrypted_key();
    world.write("passphrase.txt", "hunter2");
    fails(&with_fd(&world, "3<passphrase.txt"), &world, &["passphrase"]);
}

#[test]
fn an_empty_passphrase_is_said() {
    let world = World::with_encrypted_key();
    world.write("empty", "");
    world.write("break", "\n");
    for redirection in ["3<empty", "3<break", "3</dev/null"] {
        fails(&with_fd(&world, redirection), &world, &["file descriptor 3 brought no passphrase"]);
    }
}

#[test]
fn a_closed_file_descriptor_is_said() {
    let world = World::with_encrypted_key();
    fails(&with_fd(&world, "3<&-"), &world, &["cannot be read from file descriptor 3", "3<passphrase.txt"]);
    fails(&with_fd(&world, "3<."), &world, &["cannot be read from file descriptor 3"]);
}

#[test]
fn no_passphrase_and_no_terminal_is_said() {
    let world = World::with_encrypted_key();
    fails(&world.run(["login"]), &world, &["encrypted", "private_key_passphrase_file"]);
}

#[test]
fn a_key_that_is_not_encrypted_needs_no_passphrase() {
    let world = World::new();
    world.write("passphrase.txt", "whatever");
    assert_eq!(with_fd(&world, "3<passphrase.txt").code, Some(0));
}

#[test]
fn the_key_is_not_even_read_while_the_session_is_good() {
    let world = World::with_encrypted_key();
    world.write("passphrase.txt", "secret");
    assert_eq!(with_fd(&world, "3<passphrase.txt").code, Some(0));
    std::fs::remove_file(world.path("private.pem")).unwrap();
    for command in ["header", "tickle", "logout"] {
        world.succeed([command]);
    }
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_passphrase_is_in_no_argument_of_any_command() {
    let world = World::new();
    let help = world.succeed(["login", "--help"]);
    assert!(!help.out.contains("--passphrase "), "other users see arguments");
}
