//! On a terminal: secrets are redacted, progress is shown, the passphrase is asked for.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use expectrl::{Eof, Expect, Regex, session::OsSession};
use ibkr_sim::Endpoint;

use crate::{common::World, passphrase::encrypted};

/// Standard input, output and error are a terminal.
fn on_terminal(mut command: Command) -> OsSession {
    command.env("TERM", "xterm-256color");
    let mut session = OsSession::spawn(command).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(60)));
    session
}

/// All that is on the terminal until the program ends.
fn rest(session: &mut OsSession) -> String {
    let found = session.expect(Eof).unwrap();
    String::from_utf8_lossy(found.as_bytes()).into_owned()
}

fn shown(command: Command) -> String {
    rest(&mut on_terminal(command))
}

#[test]
fn secrets_are_redacted_unless_they_are_asked_for() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    for arguments in [["header"], ["token"]] {
        let seen = shown(world.command(arguments));
        assert!(
            seen.contains("[redacted, ") && seen.contains(&format!("ends in {}]", &token[token.len() - 4..])),
            "{seen}"
        );
        assert!(seen.contains("--reveal"), "{seen}");
        assert!(!seen.contains("eyJ") && !seen.contains(&token[..20]), "{seen}");
    }
    for arguments in [["header", "--json"], ["token", "--json"]] {
        let seen = shown(world.command(arguments));
        assert!(seen.contains("[redacted, ") && !seen.contains("eyJ"), "{seen}");
    }
    for arguments in [["header", "--reveal"], ["token", "--reveal"]] {
        let seen = shown(world.command(arguments));
        assert!(seen.contains(&token) && !seen.contains("redacted"), "{seen}");
    }
}

#[test]
fn a_session_id_is_redacted_too() {
    let world = World::new();
    world.succeed(["login"]);
    let id = world.succeed(["token", "--json"]).json()["session_id"].as_str().unwrap().to_owned();
    assert!(!shown(world.command(["header"])).contains(&id));
    assert!(!shown(world.command(["token", "--json"])).contains(&id));
}

#[test]
fn a_terminal_gets_colour_unless_that_is_not_wanted() {
    let world = World::new();
    assert!(shown(world.command(["status"])).contains("\u{1b}[1m"), "`error:` is red and bold");
    let mut command = world.command(["status"]);
    command.env("NO_COLOR", "1");
    assert!(!shown(command).contains('\u{1b}'));
    assert!(!shown(world.command(["status", "--color", "never"])).contains('\u{1b}'));
}

#[test]
fn progress_is_shown_after_a_second_and_is_gone_afterwards() {
    let world = World::new();
    world.succeed(["login"]);
    world.fault(r#"{"on":"auth/status","do":{"delay_ms":1500}}"#);
    let mut session = on_terminal(world.command(["status", "--color", "never"]));
    session.expect("status").unwrap();
    let seen = rest(&mut session);
    let (progress, result) = seen.rsplit_once("\u{1b}[2K").unwrap();
    assert!(result.trim_start().starts_with("Session   good"), "{seen}");
    assert!(!progress.contains("\u{1b}[2m"), "no colour: {seen:?}");
}

/// What stays of a line that was drawn several times.
fn stays(line: &str) -> &str {
    line.rsplit_once("\u{1b}[2K").map_or(line, |(_, last)| last)
}

#[test]
fn nothing_stays_of_progress_between_the_lines() {
    let world = World::new();
    world.fault(r#"{"on":"get_access_token","do":{"delay_ms":1500}}"#);
    world.fault(r#"{"on":"get_bearer_token","do":{"delay_ms":700}}"#);
    let seen = shown(world.command(["login", "--color", "never"]));
    let is_drawn = |text: &str| text.contains(|c| ('\u{2800}'..'\u{2900}').contains(&c));
    assert!(is_drawn(&seen), "{seen:?}");
    assert!(!seen.lines().map(stays).any(is_drawn), "{seen:?}");
    for step in ["get_access_token", "get_bearer_token", "ssodh_init"] {
        assert!(seen.lines().any(|line| stays(line).contains(&format!("✓ {step}"))), "{step}: {seen:?}");
    }
}

#[test]
fn what_is_quick_shows_no_progress() {
    let world = World::new();
    let seen = shown(world.command(["login", "--color", "never"]));
    assert!(!seen.contains("\u{1b}[2K") && !seen.contains('⠁'), "{seen:?}");
}

#[test]
fn progress_is_not_shown_where_it_is_not_wanted() {
    let world = World::new();
    world.fault(r#"{"on":"token","do":{"delay_ms":1800}}"#);
    let seen = shown(world.command(["header", "--quiet"]));
    assert!(!seen.contains("\u{1b}[2K") && !seen.contains("get_access_token"), "{seen:?}");
}

#[test]
fn progress_of_a_pipe_goes_to_the_terminal_alone() {
    let world = World::new();
    world.fault(r#"{"on":"token","do":{"delay_ms":1800}}"#);
    let mut session = on_terminal(world.shell("\"$0\" header | cat >header.txt"));
    session.expect("get_access_token").unwrap();
    rest(&mut session);
    let header = std::fs::read_to_string(world.path("header.txt")).unwrap();
    assert!(header.starts_with("User-Agent: ") && !header.contains('\u{1b}'), "{header}");
}

/// A login whose question stands on the terminal, so that the passphrase may be typed without being shown.
fn asked(world: &World) -> OsSession {
    // A terminal of these tests begins without an echo.
    let mut session = on_terminal(world.shell("stty echo; exec \"$0\" login --color never"));
    session.expect("Passphrase of the private key").unwrap();
    let begin = Instant::now();
    while session.get_process().get_echo().unwrap() {
        assert!(begin.elapsed() < Duration::from_secs(60), "what is typed is shown");
        thread::sleep(Duration::from_millis(5));
    }
    session
}

#[test]
fn no_progress_is_drawn_over_the_question() {
    let world = encrypted();
    let mut session = asked(&world);
    session.set_expect_timeout(Some(Duration::from_millis(1_500)));
    let drawn = session.expect("logging in");
    assert!(drawn.is_err(), "{drawn:?}");
    session.send("\u{3}").unwrap();
    rest(&mut session);
}

#[test]
fn the_passphrase_is_asked_for_and_not_shown() {
    let world = encrypted();
    let mut session = asked(&world);
    assert!(world.sent().is_empty(), "first of all");
    session.send_line("secret").unwrap();
    let seen = rest(&mut session);
    assert!(seen.contains("Connected in"), "{seen}");
    assert!(!seen.contains("secret"), "{seen}");
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_wrong_passphrase_at_the_prompt_is_said() {
    let world = encrypted();
    let mut session = asked(&world);
    session.send_line("hunter2").unwrap();
    let seen = rest(&mut session);
    assert!(seen.contains("error: ") && seen.contains("passphrase") && !seen.contains("hunter2"), "{seen}");
    assert!(world.sent().is_empty());
}

#[test]
fn an_interrupt_at_the_prompt_ends_the_program() {
    let world = encrypted();
    let mut session = asked(&world);
    session.send("\u{3}").unwrap();
    let seen = rest(&mut session);
    assert!(!seen.contains("panicked"), "{seen}");
    assert!(world.sent().is_empty());
}

#[test]
fn a_username_is_half_of_a_login_and_a_terminal_shows_its_ends() {
    let world = World::new();
    world.succeed(["login"]);
    let mut session = on_terminal(world.command(["validate"]));
    session.expect(Regex("IBKR takes one `sso/validate` a minute: [0-9]+ s left[^0-9]*\r")).unwrap();
    session.send("\u{3}").unwrap();
    rest(&mut session);
    assert_eq!(world.count(Endpoint::Validate), 1, "that of the login");
}
