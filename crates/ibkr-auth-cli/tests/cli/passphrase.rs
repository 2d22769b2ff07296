//! An encrypted key, and where its passphrase comes from.

use std::process::Command;

use ibkr_jws::RsaKey;
use ibkr_sim::{Endpoint, demo};

use crate::common::{Ran, World, run};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ibkr-jws/tests/keys");

/// IBKR knows the key, which is encrypted with `secret`.
pub(crate) fn encrypted() -> World {
    let key = RsaKey::from_pem(&std::fs::read(format!("{KEYS}/rsa3072.pem")).unwrap()).unwrap();
    let public = key.public_key_pem().unwrap();
    let world = World::with(|config| {
        let client = config.clients.remove(0);
        config.clients.push(client.with_key(demo::KEY_ID, public.as_bytes()).unwrap());
    });
    world.write("private.pem", std::fs::read(format!("{KEYS}/encrypted.pem")).unwrap());
    world
}

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
        let world = encrypted();
        world.write("passphrase.txt", content);
        let ran = with_fd(&world, "3<passphrase.txt");
        assert_eq!(ran.code, Some(0), "{content:?}: {ran}");
    }
}

#[test]
fn a_passphrase_comes_through_a_pipe() {
    let world = encrypted();
    let ran =
        run(world.shell("printf secret | { exec 3<&0 </dev/null; exec \"$0\" login --passphrase-fd 3; }"));
    assert_eq!(ran.code, Some(0), "{ran}");
    let world = encrypted();
    let ran = run(world.shell("printf secret | \"$0\" login --passphrase-fd 0"));
    assert_eq!(ran.code, Some(0), "{ran}");
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_variable() {
    let world = encrypted();
    world.write("passphrase.txt", "secret\n");
    world.configure("private_key_passphrase_file: passphrase.txt\n");
    world.succeed(["login"]);
    let world = encrypted();
    world.configure("private_key_passphrase_env: MY_PASSPHRASE\n");
    let mut command = world.command(["login"]);
    command.env("MY_PASSPHRASE", "secret");
    assert_eq!(run(command).code, Some(0));
}

#[test]
fn a_wrong_passphrase_is_said() {
    let world = encrypted();
    world.write("passphrase.txt", "hunter2");
    fails(&with_fd(&world, "3<passphrase.txt"), &world, &["passphrase"]);
}

#[test]
fn an_empty_passphrase_is_said() {
    let world = encrypted();
    world.write("empty", "");
    world.write("break", "\n");
    for redirection in ["3<empty", "3<break", "3</dev/null"] {
        fails(&with_fd(&world, redirection), &world, &["file descriptor 3 brought no passphrase"]);
    }
}

#[test]
fn a_closed_file_descriptor_is_said() {
    let world = encrypted();
    fails(&with_fd(&world, "3<&-"), &world, &["cannot be read from file descriptor 3", "3<passphrase.txt"]);
    fails(&with_fd(&world, "3<."), &world, &["cannot be read from file descriptor 3"]);
}

#[test]
fn no_passphrase_and_no_terminal_is_said() {
    let world = encrypted();
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
    let world = encrypted();
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
    let mut help = Command::new(env!("CARGO_BIN_EXE_ibkr-auth"));
    help.arg("login").arg("--help").current_dir(world.folder());
    assert!(!run(help).out.contains("--passphrase "), "other users see arguments");
}
