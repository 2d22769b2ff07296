//! Where output goes, what it looks like there, and what is never in it.

use std::process::{Command, Stdio};

use ibkr_sim::demo;

use crate::common::{World, at_once, run};

at_once! {
    output_in_all_conditions:
    a_log_holds_no_secret,
    a_very_verbose_one_neither,
    nor_one_that_asks_for_even_more,
    a_pipe_gets_no_colour_unless_it_is_asked_for,
    quiet_says_nothing_but_results_and_errors,
    a_very_verbose_log_has_the_http_stack_too_and_no_colour,
    errors_are_json_for_programs,
    standard_output_holds_one_json_value,
    no_environment_but_a_home_is_needed,
}

const COLOUR: char = '\u{1b}';

fn a_pipe_gets_no_colour_unless_it_is_asked_for() {
    let world = World::new();
    for arguments in [["status", "-v"], ["status", "--color=never"]] {
        let ran = world.run_with([("CLICOLOR", "1"), ("TERM", "xterm-256color")], arguments);
        assert!(!ran.err.contains(COLOUR));
    }
    assert!(world.run(["status", "--color", "always"]).err.contains(COLOUR), "errors");
    let ran = world.succeed(["login", "--color", "always"]);
    assert!(ran.out.contains(COLOUR), "results: {ran}");
    let ran = world.run_with([("NO_COLOR", "1")], ["status"]);
    assert!(!ran.out.contains(COLOUR) && !ran.err.contains(COLOUR), "{ran}");
}

fn quiet_says_nothing_but_results_and_errors() {
    let world = World::new();
    for command in ["login", "status", "tickle", "logout"] {
        let ran = world.succeed([command, "--quiet"]);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""), "{command}");
    }
    assert!(world.succeed(["token", "--quiet"]).out.starts_with("eyJ"));
    assert!(!world.succeed(["get", "/portfolio/accounts", "--quiet"]).out.is_empty());
    let ran = world.run(["status", "--quiet", "--no-such"]);
    assert_eq!(ran.code, Some(2));
    world.simulator.handle().restart();
    world.run(["status", "--quiet"]).fails(4, &["error: "]);
}

#[test]
fn quiet_drops_warnings_too() {
    // Nothing is remembered of the login before, and one in two hundred signs the same.
    let world = World::with(|config| config.rules.replay_refused = false);
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    for (options, warnings) in [(&["login"][..], 1), (&["login", "--quiet"], 0)] {
        std::fs::write(world.record(), "half of a rec").unwrap();
        let ran = world.succeed(options);
        assert_eq!(ran.err.matches("is damaged, and ignored").count(), warnings, "{ran}");
    }
}

fn log_holds_no_secret(verbose: &str) {
    let world = World::new();
    let mut shown = vec![world.succeed(["login", verbose])];
    let token = world.token();
    shown.push(world.succeed(["login", verbose]));
    shown.push(world.succeed(["get", "/iserver/accounts", verbose]));
    world.simulator.handle().restart();
    shown.push(world.run(["tickle", verbose]));
    shown.push(world.succeed(["header", verbose]));
    for ran in &shown {
        for secret in ["eyJ", &token, demo::CREDENTIAL, "PRIVATE KEY"] {
            assert!(!ran.err.contains(secret), "{secret}: {}", ran.err);
        }
    }
    assert!(shown[0].err.contains("get_bearer_token"), "{}", shown[0].err);
}

fn a_log_holds_no_secret() {
    log_holds_no_secret("-v");
}

fn a_very_verbose_one_neither() {
    log_holds_no_secret("-vv");
}

fn nor_one_that_asks_for_even_more() {
    log_holds_no_secret("-vvv");
}

fn a_very_verbose_log_has_the_http_stack_too_and_no_colour() {
    let world = World::new();
    let ran = world.succeed(["login", "-vv"]);
    assert!(ran.err.contains(" ureq::run: ") && !ran.err.contains(COLOUR), "{ran}");
    assert!(!world.succeed(["login", "--fresh", "-v"]).err.contains("ureq"));
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_error() {
    let world = World::new();
    world.succeed(["login"]);
    for command in
        ["header", "token", "man", "completions bash", "status", "get /iserver/accounts", "login", "demo"]
    {
        let script = format!("{{ \"$0\" {command}; echo $? >&3; }} 3>&2 | head -c 0");
        let mut command = world.shell(&script);
        command.stderr(Stdio::piped());
        let ran = run(command);
        let code = ran.err.trim();
        // A short text may fit into the pipe before its reader leaves.
        assert!(code == "141" || code == "0", "{ran}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_pipe_has_an_exit_code() {
    let world = World::new();
    world.succeed(["login"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = world.command(["header"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let world = World::new();
    world.succeed(["login"]);
    for arguments in
        [["header", "--json"], ["status", "-v"], ["login", "-q"], ["man", "-q"], ["completions", "zsh"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = world.command(arguments);
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        if arguments[0] == "login" {
            assert_eq!(output.status.code(), Some(0), "it had nothing to say");
            continue;
        }
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(said.contains("the output cannot be written"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn closed_standard_streams_do_no_harm() {
    let world = World::new();
    world.succeed(["login"]);
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        for command in ["header", "status --no-such", "post /tickle --data @-", "token --json"] {
            let output = world.shell(&format!("exec \"$0\" {command} {closed}")).output().unwrap();
            assert!(matches!(output.status.code(), Some(0..=4)), "{command} {closed}: {output:?}");
        }
        assert_eq!(world.records().len(), 1);
        assert_eq!(world.run(["header", "--no-login"]).code, Some(0), "{closed}");
    }
}

fn errors_are_json_for_programs() {
    let world = World::new();
    for arguments in [["status", "--json"], ["header", "--no-login"], ["--json", "tickle"]] {
        let mut command = world.command(arguments);
        if !arguments.contains(&"--json") {
            command.arg("--json");
        }
        let ran = run(command);
        assert_eq!((ran.code, ran.err.as_str()), (Some(4), ""), "{ran}");
        let error = &ran.json()["error"];
        for member in ["exit_code", "message", "why", "help", "step", "status", "pause_s"] {
            assert!(error.get(member).is_some(), "{member}: {ran}");
        }
    }
}

#[test]
fn wrong_usage_is_json_for_programs() {
    let world = World::new();
    let ran = world.run(["logn", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(2), ""), "{ran}");
    let error = &ran.json()["error"];
    assert_eq!(error["message"], "unrecognized subcommand 'logn'");
    assert!(error["exit_code"] == 2 && error["help"].as_str().unwrap().contains("'login'"), "{ran}");
    let ran = world.run(["--json", "get"]);
    assert!(ran.json()["error"]["message"].as_str().unwrap().contains("<PATH>"), "{ran}");
    world.run(["get", "--", "--json", "--json"]).fails(2, &["unexpected argument"]);
    assert!(world.succeed(["login", "--json", "--help"]).out.contains("Examples:"));
}

#[test]
fn names_steer_no_terminal() {
    let world = World::new();
    let ran = world.run(["status", "--config", "/nope\u{1b}]0;x\u{7}\u{202e}"]);
    ran.fails(3, &["/nope"]);
    assert!(!ran.err.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{ran}");
}

fn standard_output_holds_one_json_value() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().kick(None);
    for command in ["status", "tickle"] {
        let ran = world.run([command, "--json"]);
        assert_eq!(ran.code, Some(6), "{ran}");
        assert!(ran.json().get("good").is_some(), "{ran}");
        let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(error["error"]["exit_code"], 6);
    }
}

fn no_environment_but_a_home_is_needed() {
    let world = World::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ibkr-auth"));
    command.args(["login", "--config", "config.yaml"]).current_dir(world.root());
    command.env_clear().env("HOME", world.path("home"));
    run(command).done();
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_home_the_state_folder_is_asked_for() {
    let world = World::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ibkr-auth"));
    command.args(["login", "--config", "config.yaml"]).current_dir(world.root()).env_clear();
    let ran = run(command);
    // The system may know the home of the user all the same.
    assert!(ran.code == Some(0) || ran.err.contains("--state-dir"), "{ran}");
}

#[test]
fn no_snapshot_of_these_tests_holds_a_token() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/snapshots");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("eyJ"), "{}", path.display());
    }
}

/// Bidirectional marks, what cannot be seen, and what steers a terminal.
const TREACHEROUS: &str = "\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{180e}\u{fffb}\u{e0041}\u{9b}";

#[test]
fn what_a_server_says_deceives_nobody_on_any_road() {
    let said = format!(r#"{{"status":503,"body":{{"error":"pay{TREACHEROUS}TXET\u001b[31m"}}}}"#);
    let world = || {
        let world = World::new();
        world.fault(&format!(r#"{{"on":"token","calls":1,"do":{said}}}"#));
        world
    };
    let clean = |shown: &str| {
        assert!(shown.contains("TXET"), "{shown:?}");
        assert!(!shown.contains(|c| TREACHEROUS.contains(c) || c == '\u{1b}'), "{shown:?}");
    };
    let ran = world().run(["login", "-v"]);
    clean(&ran.out);
    clean(&ran.err);
    clean(&world().run(["login", "--json"]).out);
    clean(&world().run(["doctor"]).out);
    #[cfg(unix)]
    for form in [&[][..], &["--json"]] {
        let world = world();
        clean(&world.keep(form).line("TXET"));
    }
}
