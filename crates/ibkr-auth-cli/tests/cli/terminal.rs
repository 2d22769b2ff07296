//! On a terminal: secrets are redacted, progress is shown, the passphrase is asked for.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use expectrl::{Expect, Regex};
use ibkr_sim::Endpoint;

use crate::common::{LONG, Terminal, World};

fn shown(command: Command) -> String {
    Terminal::start(command).rest()
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
    let mut terminal = Terminal::start(world.command(["status", "--color", "never"]));
    terminal.until("status");
    let seen = terminal.rest();
    let (progress, result) = seen.rsplit_once("\u{1b}[2K").unwrap();
    assert!(result.trim_start().starts_with("Session   good"), "{seen}");
    assert!(!progress.contains("\u{1b}[2m"), "no colour: {seen:?}");
}

#[test]
fn a_login_that_waits_for_the_accounts_says_so() {
    let world = World::with(|config| config.rules.established_after = Duration::from_millis(2_500));
    let mut terminal = Terminal::start(world.command(["login", "--color", "never"]));
    terminal.until("waiting for IBKR");
    assert!(terminal.rest().contains("Connected in"));
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
    let mut terminal = Terminal::start(world.shell("\"$0\" header | cat >header.txt"));
    terminal.until("get_access_token");
    terminal.rest();
    let header = std::fs::read_to_string(world.path("header.txt")).unwrap();
    assert!(header.starts_with("User-Agent: ") && !header.contains('\u{1b}'), "{header}");
}

/// A login whose question stands on the terminal, so that the passphrase may be typed without being shown.
fn asked(world: &World) -> Terminal {
    // A terminal of these tests begins without an echo.
    let mut terminal = Terminal::start(world.shell("stty echo; exec \"$0\" login --color never"));
    terminal.until("Passphrase of the private key");
    let begin = Instant::now();
    while terminal.0.get_process().get_echo().unwrap() {
        assert!(begin.elapsed() < LONG, "what is typed is shown");
        thread::sleep(Duration::from_millis(5));
    }
    terminal
}

#[test]
fn no_progress_is_drawn_over_the_question() {
    let world = World::with_encrypted_key();
    let mut terminal = asked(&world);
    terminal.0.set_expect_timeout(Some(Duration::from_millis(1_500)));
    let drawn = terminal.0.expect("logging in");
    assert!(drawn.is_err(), "{drawn:?}");
    terminal.send("\u{3}");
    terminal.rest();
}

#[test]
fn the_passphrase_is_asked_for_and_not_shown() {
    let world = World::with_encrypted_key();
    let mut terminal = asked(&world);
    assert!(world.sent().is_empty(), "first of all");
    terminal.send_line("secret");
    let seen = terminal.rest();
    assert!(seen.contains("Connected in"), "{seen}");
    assert!(!seen.contains("secret"), "{seen}");
    assert_eq!(world.count(Endpoint::Token), 1);
}

#[test]
fn a_wrong_passphrase_at_the_prompt_is_said() {
    let world = World::with_encrypted_key();
    let mut terminal = asked(&world);
    terminal.send_line("hunter2");
    let seen = terminal.rest();
    assert!(seen.contains("error: ") && seen.contains("passphrase") && !seen.contains("hunter2"), "{seen}");
    assert!(world.sent().is_empty());
}

#[test]
fn an_interrupt_at_the_prompt_ends_the_program_and_the_terminal_is_as_it_was() {
    let world = World::with_encrypted_key();
    // As a script takes it; dash does not mend what a program leaves behind.
    let script = "stty echo; trap : INT; before=$(stty -g); H=$(\"$0\" header); echo code $?; \
                  test \"$before\" = \"$(stty -g)\" && echo as it was";
    let mut terminal = Terminal::start(world.shell(script));
    terminal.until("Passphrase of the private key");
    terminal.send("sec\u{3}");
    terminal.sees("code 130").sees("as it was");
    assert!(!terminal.rest().contains("panicked"));
    assert!(world.sent().is_empty());
}

#[test]
fn a_stop_at_the_prompt_restores_the_terminal_and_asks_again() {
    let world = World::with_encrypted_key();
    let script = "stty echo; set -m; before=$(stty -g); \"$0\" login; \
                  test \"$before\" = \"$(stty -g)\" && echo as it was; fg";
    let mut terminal = Terminal::start(world.shell(script));
    terminal.until("Passphrase of the private key");
    terminal.send("wro\u{1a}");
    terminal.sees("as it was");
    terminal.until("Passphrase of the private key");
    terminal.send_line("secret");
    terminal.until("Connected in");
}

#[test]
fn a_username_is_half_of_a_login_and_a_terminal_shows_its_ends() {
    let world = World::new();
    world.succeed(["login"]);
    let mut terminal = Terminal::start(world.command(["validate"]));
    terminal.until(Regex("IBKR takes one `sso/validate` a minute: [0-9]+ s left[^0-9]*\r"));
    terminal.send("\u{3}");
    terminal.rest();
    assert_eq!(world.count(Endpoint::Validate), 1, "that of the login");
}
