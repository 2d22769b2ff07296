//! The status screen on a pseudo-terminal.

use std::process::Command;

use expectrl::{Eof, Expect, Regex, Session, session::OsSession};

use super::case::{Case, LONG};

/// A shell that shows the terminal's settings, keeps, and shows them again.
fn screen(case: &Case, more: &str) -> OsSession {
    let keep = case.command(&[]);
    let mut shell = Command::new("sh");
    for (name, value) in keep.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let program = keep.get_program().to_str().unwrap();
    let script =
        format!("trap : INT; stty rows 30 cols 100; stty -g; {program} keep {more}; echo code $?; stty -g");
    shell.args(["-c", &script]).current_dir(case.path()).env("TERM", "xterm-256color");
    let mut session = Session::spawn(shell).unwrap();
    session.set_expect_timeout(Some(LONG));
    session
}

/// Everything up to and with `text`.
fn until(session: &mut OsSession, text: &str) -> String {
    let found = session.expect(text).unwrap_or_else(|error| panic!("no `{text}`: {error}"));
    String::from_utf8_lossy(found.as_bytes()).into_owned()
}

#[test]
fn the_screen_follows_the_session_and_the_keys() {
    let case = Case::new();
    let mut session = screen(&case, "");
    let begin = until(&mut session, "\x1b[?1049h");
    let settings = begin.lines().next().unwrap().trim().to_owned();
    until(&mut session, "● connected");
    let shown = until(&mut session, "? help");
    for text in ["api.ibkr.com", "seen at 203.0.113.7", "1 of 12 within the hour", "authenticated, connected"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // The next login's tickle must come a second after this one's.
    session.expect(Regex("since [2-9] s")).unwrap();
    session.send("p").unwrap();
    until(&mut session, "● paused");
    session.send("r").unwrap();
    until(&mut session, "● connected");
    session.send("?").unwrap();
    until(&mut session, "leave the session open");
    session.send("q").unwrap();
    let end = until(&mut session, "\x1b[?1049l") + &until(&mut session, "code 0");
    assert!(end.contains("the session stays open"), "{end}");
    let rest = session.expect(Eof).unwrap();
    let rest = String::from_utf8_lossy(rest.as_bytes()).into_owned();
    assert_eq!(rest.trim(), settings, "the terminal is as it was");
    let counters = case.simulator().counters();
    assert_eq!((counters.bearers, counters.of(ibkr_sim::Endpoint::Logout)), (2, 1));
    assert!(!format!("{begin}{shown}{end}").contains(ibkr_sim::demo::CREDENTIAL));
}

#[test]
fn the_last_failure_stays_on_the_screen_until_the_session_is_good() {
    let case = Case::new();
    case.simulator().fault(r#"{"on":"token","do":{"status":503}}"#).unwrap();
    let mut session = screen(&case, "--color never");
    until(&mut session, "reason     get_access_token: ");
    session.send("q").unwrap();
    until(&mut session, "code 0");
}

#[test]
fn ctrl_c_restores_the_terminal_and_never_means_no_colours() {
    let case = Case::new();
    let mut session = screen(&case, "--color never");
    let begin = until(&mut session, "\x1b[?1049h");
    let settings = begin.lines().next().unwrap().trim().to_owned();
    let shown = until(&mut session, "● connected");
    assert!(!shown.contains("\x1b[1m") && !shown.contains("\x1b[3"), "{shown:?}");
    session.send("\x03").unwrap();
    until(&mut session, "\x1b[?1049l");
    until(&mut session, "code 0");
    let rest = session.expect(Eof).unwrap();
    assert_eq!(String::from_utf8_lossy(rest.as_bytes()).trim(), settings);
}
