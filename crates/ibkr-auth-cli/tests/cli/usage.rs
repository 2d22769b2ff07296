//! Help, and what is said about wrong usage.

use crate::common::{World, assert_shows, run_together};

const COMMANDS: [&str; 17] = [
    "init",
    "doctor",
    "login",
    "status",
    "tickle",
    "validate",
    "logout",
    "keep",
    "header",
    "token",
    "get",
    "post",
    "delete",
    "demo",
    "sim",
    "completions",
    "man",
];

#[test]
fn no_command_shows_the_help() {
    let world = World::new();
    let ran = world.run([]);
    assert_eq!(ran.code, Some(2));
    for command in COMMANDS {
        assert!(ran.err.contains(&format!("\n  {command} ")), "{command}: {ran}");
    }
}

#[test]
fn mistakes_are_corrected() {
    let world = World::new();
    for (arguments, words) in [
        (&["logn"][..], &["'logn'", "'login'"][..]),
        (&["headers"], &["'header'"]),
        (&["login", "--compeet"], &["'--compete'"]),
        (&["login", "--no-logn"], &["'--no-login'"]),
        (&["status", "--jsn"], &["'--json'"]),
        (&["completions", "bsh"], &["bash"]),
        (&["status", "--color", "alway"], &["always"]),
        (&["header", "--max-age", "60x"], &["`x` is no unit", "--max-age"]),
        (&["header", "--max-age", "soon"], &["--max-age"]),
        (&["header", "--max-age=-1s"], &["--max-age"]),
        (&["header", "--within", "8d"], &["--within"]),
        (&["header", "--max-age", "nan"], &["--max-age"]),
        (&["header", "--max-age", ""], &["--max-age"]),
        (&["header", "--max-age", "1e300h"], &["--max-age"]),
        (&["header", "--passphrase-fd=-1"], &["--passphrase-fd"]),
        (&["get"], &["<PATH>"]),
        (&["login", "--fresh", "--no-login"], &["'--fresh' cannot be used with '--no-login'"]),
        (&["status", "more"], &["'more'"]),
    ] {
        world.run(arguments).fails(2, words);
    }
}

#[test]
fn every_command_has_examples_in_its_help() {
    let world = World::new();
    let helps = COMMANDS.map(|name| world.command([name, "--help"]));
    for (name, ran) in COMMANDS.iter().zip(run_together(helps)) {
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{name}");
        assert!(ran.out.contains("\nExamples:\n  "), "{name}: {ran}");
    }
}

#[test]
fn short_helps_fit_a_hundred_columns() {
    let world = World::new();
    let commands = COMMANDS.iter().copied().chain([""]);
    for name in commands {
        let arguments = if name.is_empty() { vec!["-h"] } else { vec![name, "-h"] };
        let ran = world.run_with([("COLUMNS", "100")], arguments);
        assert_eq!(ran.code, Some(0), "{name}");
        for line in ran.out.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
        }
    }
}

#[test]
fn the_help_of_the_program_lists_every_exit_code() {
    let world = World::new();
    let ran = world.succeed(["--help"]);
    let start = ran.out.find("Exit codes:").unwrap();
    assert_shows!(world, "exit_codes", &ran.out[start..]);
}

#[test]
fn the_version_is_told() {
    let world = World::new();
    for option in ["--version", "-V"] {
        let ran = world.succeed([option]);
        assert_eq!(ran.out.trim_end(), concat!("ibkr-auth ", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn help_is_a_command_too() {
    let world = World::new();
    assert_eq!(world.succeed(["help", "post"]).out, world.succeed(["post", "--help"]).out);
    world.run(["help", "nothing"]).fails(2, &["nothing"]);
}

#[test]
fn options_of_every_command_may_stand_before_it() {
    let world = World::new();
    for arguments in [["--json", "status"], ["status", "--json"]] {
        assert_eq!(world.run(arguments).json()["error"]["exit_code"], 4);
    }
}

#[test]
fn a_token_on_the_command_line_is_not_repeated() {
    let world = World::new();
    let ran = world.run(["post", "/x", "--data"]);
    ran.fails(2, &["--data"]);
}
