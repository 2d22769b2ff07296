//! Where settings come from, and what is said when they are wrong.

use std::{fs, process::Command};

use crate::common::{World, run};

#[test]
fn a_typing_mistake_gives_file_line_and_the_right_key() {
    let world = World::new();
    world.configure("credentail: hunter2\n");
    let ran = world.run(["login"]);
    ran.fails(3, &["config.yaml:10", "`credentail`", "did you mean `credential`?"]);
    assert!(!ran.err.contains("hunter2"), "{ran}");
}

#[test]
fn a_profile_that_is_not_there_gives_those_that_are() {
    let world = World::new();
    world.configure("profiles:\n  live:\n    tier: brokerage\n  paper:\n    tier: read-only\n");
    world.run(["login", "--profile", "papr"]).fails(3, &["papr", "paper"]);
    world.run(["login", "--profile", "nothing"]).fails(3, &["nothing", "live", "paper"]);
    world.configure("");
    world.run(["login", "--profile", "paper"]).fails(3, &["paper"]);
    world.run(["login", "--profile", ""]).fails(3, &[]);
    assert!(world.sent().is_empty());
}

#[test]
fn a_file_that_holds_no_settings_is_said() {
    let world = World::new();
    world.write("empty.yaml", "");
    world.write("binary.yaml", [0, 159, 146, 150, 255]);
    world.write("list.yaml", "- a\n- b\n");
    world.write("half.yaml", "client_id: \"a\nb");
    fs::create_dir(world.path("folder.yaml")).unwrap();
    for (name, words) in [
        ("empty.yaml", &["empty.yaml"][..]),
        ("binary.yaml", &["binary.yaml"]),
        ("list.yaml", &["list.yaml"]),
        ("half.yaml", &["half.yaml"]),
        ("folder.yaml", &["folder.yaml", "folder"]),
        ("nowhere.yaml", &["nowhere.yaml"]),
        (".", &["folder"]),
        ("", &[]),
    ] {
        let ran = world.run(["login", "--config", name]);
        assert!(matches!(ran.code, Some(2 | 3)), "{name}: {ran}");
        ran.fails(ran.code.unwrap(), words);
    }
    assert!(world.sent().is_empty());
}

#[test]
fn a_file_is_named_by_option_or_variable_and_the_option_counts() {
    let world = World::new();
    fs::rename(world.path("config.yaml"), world.path("mine.yaml")).unwrap();
    world.succeed(["login", "--config", "mine.yaml"]);
    world.run_with([("IBKR_AUTH_CONFIG", world.path("mine.yaml"))], ["header"]).done();
    world.run_with([("IBKR_AUTH_CONFIG", "nowhere.yaml")], ["header", "-c", "mine.yaml"]).done();
    world.run_with([("IBKR_AUTH_CONFIG", "nowhere.yaml")], ["header"]).fails(3, &["nowhere.yaml"]);
}

#[test]
fn an_empty_variable_is_none() {
    let world = World::new();
    world.succeed(["login"]);
    world.run_with([("IBKR_AUTH_CONFIG", "")], ["header", "--no-login"]).fails(3, &["there are no settings"]);
    world
        .run_with([("IBKR_AUTH_STATE_DIR", "")], ["header", "--no-login"])
        .fails(4, &["there is no session"]);
}

/// As a user has it, who names no file.
fn unnamed<'a>(world: &World, arguments: impl AsRef<[&'a str]>) -> Command {
    let mut command = world.command(arguments);
    command.env_remove("IBKR_AUTH_CONFIG");
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_is_found_in_the_configuration_folder_alone() {
    let world = World::new();
    let folder = world.path("config/ibkr-auth");
    fs::create_dir_all(&folder).unwrap();
    for name in ["config.yaml", "private.pem", "ca.pem"] {
        fs::rename(world.path(name), folder.join(name)).unwrap();
    }
    // Whatever somebody has put here.
    world.write("config.yaml", "base_url: https://localhost:9\nclient_id: here\nno settings: [");
    run(unnamed(&world, ["login"])).done();
    let mut relative = unnamed(&world, ["login"]);
    relative.env("XDG_CONFIG_HOME", "").env("HOME", "");
    fs::create_dir_all(world.path(".config/ibkr-auth")).unwrap();
    fs::copy(folder.join("config.yaml"), world.path(".config/ibkr-auth/config.yaml")).unwrap();
    run(relative).fails(3, &["there are no settings"]);
}

#[test]
fn a_file_here_is_named_and_not_read() {
    let world = World::new();
    for command in [&["login"][..], &["header"], &["get", "/portfolio/accounts"], &["keep"], &["logout"]] {
        let hint = "there is a config.yaml here: if it is yours, use it with `--config config.yaml`";
        run(unnamed(&world, command)).fails(3, &["there are no settings", hint]);
    }
    assert!(world.sent().is_empty());
    // Where the variables say who logs in, it adds nothing.
    world.configure("base_url: https://localhost:9\n");
    let mut command = unnamed(&world, ["login"]);
    set_all(&world, &mut command);
    run(command).done();
}

#[test]
fn no_settings_at_all_say_where_they_are_looked_for() {
    let world = World::new();
    fs::remove_file(world.path("config.yaml")).unwrap();
    let words = ["there are no settings", "config/ibkr-auth/config.yaml", "ibkr-auth init", "--config"];
    run(unnamed(&world, ["login"])).fails(3, &words);
    let ran = run(unnamed(&world, ["login", "--json"]));
    assert_eq!(ran.json()["error"]["exit_code"], 3);
}

/// Every setting as a variable.
fn set_all(world: &World, command: &mut Command) {
    for line in world.settings().lines() {
        let (key, value) = line.split_once(": ").unwrap();
        command.env(format!("IBKR_AUTH_{}", key.to_uppercase()), value);
    }
}

#[test]
fn variables_alone_are_enough() {
    let world = World::new();
    let mut command = unnamed(&world, ["login"]);
    set_all(&world, &mut command);
    fs::remove_file(world.path("config.yaml")).unwrap();
    run(command).done();
}

#[test]
fn a_variable_overrides_the_file_and_is_named_when_it_is_wrong() {
    let world = World::new();
    world.run_with([("IBKR_AUTH_TIMEOUT", "soon")], ["login"]).fails(3, &["IBKR_AUTH_TIMEOUT"]);
}

#[test]
fn the_variables_of_the_program_are_no_settings() {
    let world = World::new();
    world.run_with([("IBKR_AUTH_CONFIG", "config.yaml"), ("IBKR_AUTH_STATE_DIR", "other")], ["login"]).done();
}

#[test]
fn proxy_and_trust_store_of_the_environment_are_used() {
    let world = World::behind_proxy();
    let ran = world.run(["login"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
    assert!(ran.out.contains("api.ibkr.com"), "{ran}");
    let counters = world.simulator.handle().counters();
    assert!(counters.refusals.is_empty() && counters.hosts["api.ibkr.com"] >= 4, "{counters:?}");
}

#[test]
fn an_empty_variable_is_said() {
    let world = World::new();
    for name in ["IBKR_AUTH_CREDENTIAL", "IBKR_AUTH_PROFILE"] {
        world.run_with([(name, "")], ["login"]).fails(3, &[name, "empty"]);
    }
}
