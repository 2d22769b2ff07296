//! `demo`, `completions`, `man` and `sim`: what needs no settings.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use ibkr_sim::demo;

use crate::common::{Folder, World, assert_shows, run};

#[test]
fn the_demo_shows_each_step_and_needs_nothing() {
    let empty = Folder::new();
    let ran = empty.run(["demo"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
    for step in [
        "get_access_token",
        "public_ip",
        "get_bearer_token",
        "validate_sso",
        "ssodh_init",
        "tickle",
        "logout",
    ] {
        assert!(ran.out.contains(&format!("✓ {step}")), "{step}: {ran}");
    }
    assert!(ran.out.contains(demo::ACCOUNT) && ran.out.contains("refused 0"), "{ran}");
    assert!(empty.names().is_empty(), "nothing is left behind");
}

#[test]
fn the_demo_in_json_is_one_value() {
    let world = World::new();
    let told = world.succeed(["demo", "--json"]).json();
    assert_eq!(told["refused"], 0);
    assert!(told["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true), "{told}");
}

#[test]
fn the_demo_ignores_settings_and_sessions() {
    let world = World::new();
    world.write("config.yaml", "nonsense");
    world.write("state", "a file");
    world.run_with([("HTTPS_PROXY", "http://127.0.0.1:1"), ("IBKR_AUTH_TIER", "nonsense")], ["demo"]).done();
}

#[test]
fn every_shell_has_a_completion_script() {
    let world = World::new();
    fs::remove_file(world.path("config.yaml")).unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = world.succeed(["completions", shell]);
        assert_eq!(ran.err, "");
        for word in ["ibkr-auth", "login", "max-age"] {
            assert!(ran.out.contains(word), "{shell} {word}");
        }
    }
}

#[cfg(unix)]
#[test]
fn the_scripts_are_understood_by_their_shells() {
    let world = World::new();
    for (shell, check) in [("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish -n")] {
        let is_there = world.shell(&format!("command -v {shell} >/dev/null")).status().unwrap().success();
        if !is_there {
            eprintln!("skipped: there is no {shell}");
            continue;
        }
        let ran = run(world.shell(&format!("\"$0\" completions {shell} >script && {check} script")));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{shell}");
    }
}

#[cfg(unix)]
#[test]
fn bash_completes_behind_a_command() {
    let world = World::new();
    if !world.shell("command -v bash >/dev/null").status().unwrap().success() {
        eprintln!("skipped: there is no bash");
        return;
    }
    fs::write(world.path("script"), world.succeed(["completions", "bash"]).out).unwrap();
    for (words, expected) in [
        ("ibkr-auth lo", "login logout"),
        ("ibkr-auth login --co", "--compete --config --color"),
        ("ibkr-auth login --com", "--compete"),
        ("ibkr-auth help lo", "login logout"),
    ] {
        let complete = format!(
            "bash -c 'source ./script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _ibkr__auth ibkr-auth \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo ${{COMPREPLY[@]}}'"
        );
        let ran = run(world.shell(&complete));
        assert_eq!((ran.out.trim_end(), ran.err.as_str()), (expected, ""), "{words}");
    }
}

#[cfg(unix)]
#[test]
fn fish_completes_no_files_where_none_are_meant() {
    let world = World::new();
    if !world.shell("command -v fish >/dev/null").status().unwrap().success() {
        eprintln!("skipped: there is no fish");
        return;
    }
    world.write("zzz-file", "");
    fs::write(world.path("script"), world.succeed(["completions", "fish"]).out).unwrap();
    for (words, expected, is_file) in [
        ("ibkr-auth lo", "login", false),
        ("ibkr-auth login --com", "--compete", false),
        ("ibkr-auth help ", "doctor", false),
        ("ibkr-auth completions ", "zsh", false),
        ("ibkr-auth --color ", "never", false),
        ("ibkr-auth login --color ", "never", false),
        ("ibkr-auth login --profile ", "", false),
        ("ibkr-auth login --config ", "zzz-file", true),
    ] {
        let ran = run(world.shell(&format!("fish -c 'source script; complete -C \"{words}\"'")));
        assert!(ran.out.contains(expected), "{words}: {ran}");
        assert_eq!(ran.out.contains("zzz-file"), is_file, "{words}: {ran}");
    }
}

#[test]
fn the_manual_has_a_page_for_the_program_and_for_each_command() {
    let world = World::new();
    let page = world.succeed(["man"]).out;
    assert!(page.contains(".TH ibkr-auth 1") && page.contains("Exit codes"), "{page}");
    world.succeed(["man", "--dir", "share/man/man1"]);
    let folder = world.path("share/man/man1");
    for name in ["ibkr-auth.1", "ibkr-auth-login.1", "ibkr-auth-post.1", "ibkr-auth-sim.1"] {
        let page = fs::read_to_string(folder.join(name)).unwrap();
        assert!(page.contains("Examples"), "{name}");
    }
    // Again, over what is there.
    world.succeed(["man", "--dir", "share/man/man1"]);
}

#[test]
fn a_manual_that_cannot_be_written_is_said() {
    let world = World::new();
    world.run(["man", "--dir", "config.yaml"]).fails(1, &["the manual cannot be written into config.yaml"]);
}

#[test]
fn the_simulator_starts_serves_and_stops() {
    let world = World::new();
    let mut command = world.command(["sim", "--write-config", "sim", "--port", "0"]);
    command.args(["--lookup-port", "0", "--proxy-port", "0", "--admin-port", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It is ready once it has told how to use it.
    let _ = lines.by_ref().map(Result::unwrap).find(|line| line.contains("config.yaml"));
    // One username: a second session would have to end the first one.
    let steps = [("login", "oauth1.yaml"), ("logout", "oauth1.yaml"), ("login", "config.yaml")];
    let ends = steps.map(|(step, file)| world.run([step, "--config", &format!("sim/{file}")]));
    child.kill().unwrap();
    child.wait().unwrap();
    for end in ends {
        assert_eq!(end.code, Some(0), "{end}");
    }
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    for path in ["/oauth2/api/v1/token", "/v1/api/oauth/live_session_token"] {
        assert!(said.iter().any(|line| line.contains(path)), "{said:?}");
    }
    world
        .run_with([("IBKR_AUTH_RETRY_ATTEMPTS", "1")], ["login", "--fresh", "--config", "sim/config.yaml"])
        .fails(7, &[]);
}

#[test]
fn the_simulator_says_what_is_wrong_with_its_arguments() {
    let world = World::new();
    world.run(["sim", "--fault", "nonsense"]).fails(2, &["error: --fault: ", "  do:   "]);
    world.run(["sim", "--prot", "0"]).fails(2, &["'--port'"]);
    let port = world.simulator.ports().https.to_string();
    world.run(["sim", "--port", &port]).fails(1, &["error", &port, "--port,"]);
    let admin = ["sim", "--port=0", "--lookup-port=0", "--proxy-port=0", "--admin-port", &port];
    world.run(admin).fails(1, &[&port, "--admin-port,"]);
    world.run(["sim", "--faults", "nofile"]).fails(1, &["nofile", "--faults"]);
    world
        .run([
            "sim",
            "--port=0",
            "--lookup-port=0",
            "--proxy-port=0",
            "--admin-port=0",
            "--write-config=ca.pem/x",
        ])
        .fails(1, &["ca.pem/x", "choose another"]);
    world.run(["sim", "--fault", r#"{"on":"tikcle","do":{}}"#]).fails(2, &["tikcle", "`tickle`"]);
}

#[test]
fn the_simulator_tells_its_errors_as_the_program_does() {
    let world = World::new();
    let port = world.simulator.ports().https.to_string();
    let told = world.run(["sim", "--port", &port, "--json"]).json();
    let error = &told["error"];
    assert_eq!(
        (&error["exit_code"], &error["message"]),
        (&1.into(), &format!("cannot listen on port {port}").into())
    );
    assert!(error["why"].as_str().unwrap().contains("os error"), "{told}");
    assert!(error["help"].as_str().unwrap().starts_with("choose another with --port"), "{told}");
}

#[test]
fn a_program_can_start_the_simulator_and_log_each_profile_in() {
    let world = World::new();
    let users = ["alice", "bob"];
    let mut command = world.command(["sim", "--json", "--port", "0", "--plain", "--write-config", "sim"]);
    command.args(users.iter().flat_map(|user| ["--credential", user]));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ready: serde_json::Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    let ends = users.map(|user| world.run(["login", "--config", "sim/config.yaml", "--profile", user]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((&ready["event"], &ready["credentials"]), (&"ready".into(), &users[..].into()));
    for end in ends {
        assert_eq!(end.code, Some(0), "{end}");
    }
    assert!(lines.all(|line| serde_json::from_str::<serde_json::Value>(&line).is_ok()));
}

#[cfg(unix)]
#[test]
fn a_simulator_that_nobody_reads_ends_quietly() {
    let world = World::new();
    let (reader, output) = std::io::pipe().unwrap();
    drop(reader);
    let mut command =
        world.command(["sim", "--port=0", "--lookup-port=0", "--proxy-port=0", "--admin-port=0"]);
    let ended = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(141), ""));
}

#[test]
fn the_manual_of_the_program_is_stable_in_its_head() {
    let world = World::new();
    let page = world.succeed(["man"]).out;
    let head: Vec<_> = page.lines().filter(|line| line.starts_with(".SH")).collect();
    assert_shows!(world, "man_sections", head.join("\n"));
}
