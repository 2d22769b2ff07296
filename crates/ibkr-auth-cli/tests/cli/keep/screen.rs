//! The status screen on a pseudo-terminal.

use expectrl::Regex;

use crate::common::{Terminal, World};

/// A shell that shows the terminal's settings, keeps, and shows them again.
fn screen(world: &World, more: &str) -> Terminal {
    Terminal::start(world.shell(&format!(
        "trap : INT; stty rows 30 cols 100; stty -g; \"$0\" keep {more}; echo code $?; stty -g"
    )))
}

#[test]
fn the_screen_follows_the_session_and_the_keys() {
    let world = World::behind_proxy();
    let mut terminal = screen(&world, "");
    let begin = terminal.until("\x1b[?1049h");
    let settings = begin.lines().next().unwrap().trim().to_owned();
    terminal.until("● connected");
    let shown = terminal.until("leave the session open");
    for text in ["api.ibkr.com", "seen at 203.0.113.7", "1 of 12 within the hour", "  ready"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // The next login's tickle must come a second after this one's.
    terminal.until(Regex("for [2-9] s"));
    terminal.send("p");
    terminal.until("● paused");
    terminal.send("r");
    terminal.until("● connected");
    terminal.send("q");
    let end = terminal.until("\x1b[?1049l") + &terminal.until("code 0");
    assert!(end.contains("the session stays open"), "{end}");
    assert_eq!(terminal.rest().trim(), settings, "the terminal is as it was");
    let counters = world.simulator.handle().counters();
    assert_eq!((counters.bearers, counters.of(ibkr_sim::Endpoint::Logout)), (2, 1));
    assert!(!format!("{begin}{shown}{end}").contains(ibkr_sim::demo::CREDENTIAL));
}

#[test]
fn the_screen_has_the_time_of_its_place() {
    let world = World::behind_proxy();
    let mut command = world.shell("stty rows 30 cols 100; \"$0\" keep --color never");
    command.env("TZ", "XYZ-5:30");
    let mut terminal = Terminal::start(command);
    let shown = terminal.until("● connected");
    assert!(shown.contains(" XYZ") && !shown.contains("UTC"), "{shown}");
    terminal.send("q");
    terminal.ends(0);
}

#[test]
fn the_last_failure_stays_on_the_screen_until_the_session_is_good() {
    let world = World::behind_proxy();
    world.fault(r#"{"on":"token","do":{"status":503}}"#);
    let mut terminal = screen(&world, "--color never");
    terminal.until("reason     get_access_token: ");
    terminal.send("q");
    terminal.until("code 0");
}

#[test]
fn ctrl_c_restores_the_terminal_and_never_means_no_colours() {
    let world = World::behind_proxy();
    let mut terminal = screen(&world, "--color never");
    let begin = terminal.until("\x1b[?1049h");
    let settings = begin.lines().next().unwrap().trim().to_owned();
    let shown = terminal.until("● connected");
    assert!(!shown.contains("\x1b[1m") && !shown.contains("\x1b[3"), "{shown:?}");
    // Ctrl-\ does nothing: it would leave the terminal as it is.
    terminal.send("\x1c\x03");
    terminal.until("\x1b[?1049l");
    terminal.until("code 0");
    assert_eq!(terminal.rest().trim(), settings);
}

#[test]
fn a_key_looks_whether_the_other_login_is_still_there() {
    let world = World::behind_proxy();
    world.simulator.handle().kick(None);
    let mut terminal = screen(&world, "--color never");
    terminal.until("● left to another login");
    let shown = terminal.until("leave the session open");
    assert!(
        shown.contains("`c` asks now") && shown.contains("not ready: another login has the session"),
        "{shown}"
    );
    world.simulator.handle().with(ibkr_sim::Sim::release);
    terminal.send("c");
    terminal.until("asking whether the other login has ended");
    terminal.until("● connected");
    terminal.send("\x1a");
    terminal.until("not stopped");
    terminal.send("q");
    terminal.until("code 0");
}

#[test]
fn a_wait_says_which_one_it_is_and_the_way_out() {
    let world = World::behind_proxy();
    world.fault(r#"{"on":"token","do":{"status":429,"retry_after":1260}}"#);
    let mut terminal = screen(&world, "--color never");
    terminal.until(Regex("● waiting: IBKR asked for a pause  for [0-9]+ s, about 2[0-9] min [0-9]+ s more"));
    let shown = terminal.until("leave the session open");
    assert!(shown.contains("do         wait: going on gets your address blocked"), "{shown}");
    terminal.send("q");
    terminal.until("code 0");
}
