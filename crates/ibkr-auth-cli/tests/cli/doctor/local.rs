//! Settings, files, key and kept session.

use std::fs;

use super::checks::Report;
use crate::common::{HOSTS, World, key};

/// That of `encrypted.pem`.
const PASSPHRASE: &str = "secret";

/// Without settings the network is looked at all the same; no test may reach the real one.
#[test]
fn settings_that_are_not_there_or_wrong_stop_nothing_else() {
    let world = World::behind_proxy();
    let settings = world.settings();
    let wrong = settings.replace("credential:", "credentail:");
    for (content, arguments, words) in [
        (None, vec![], "ibkr-auth init"),
        (None, vec!["--config", "nowhere.yaml"], "nowhere.yaml"),
        (Some(wrong), vec!["--config", "config.yaml"], "config.yaml:3"),
        (Some(settings), vec!["--config", "config.yaml", "--profile", "papr"], "papr"),
    ] {
        match content {
            Some(content) => world.write("config.yaml", content),
            None => fs::remove_file(world.path("config.yaml")).unwrap_or_default(),
        }
        let arguments = [&["doctor", "--json"], &arguments[..]].concat();
        let report = Report::of(&world.run_with([("IBKR_AUTH_CONFIG", "")], arguments));
        report.expect("settings", "fail", &[words]);
        for check in ["state folder", "proxy", "dns", "tls", "clock", "public ip"] {
            report.expect(check, "pass", &[]);
        }
        report.expect("key", "skip", &["needs: settings"]);
        report.expect("access token", "skip", &["needs: settings, key"]);
        assert!(!report.0.to_string().contains("demouser"), "{:#}", report.0);
    }
}

#[test]
fn profiles_and_variables_are_named() {
    let world = World::new();
    world.configure("profiles:\n  paper:\n    tier: read-only\n");
    let arguments = ["doctor", "--offline", "--json", "--profile", "paper"];
    let report = Report::of(&world.run_with([("IBKR_AUTH_SERVICE", "AM.LOGIN")], arguments));
    report.expect("settings", "pass", &["profile paper", "IBKR_AUTH_SERVICE", "read-only"]);
}

#[test]
fn keys_are_judged_before_ibkr_does() {
    for (file, result, words) in [
        ("rsa3072", "pass", "3072 bits, not encrypted"),
        ("rsa2048", "warn", "3072 bits or more"),
        ("rsa1024", "fail", "1024"),
        ("ec", "fail", "EC"),
        ("encrypted", "fail", "private_key_passphrase_file"),
        ("public", "fail", "no private key"),
        ("nowhere", "fail", "does not exist"),
    ] {
        let world = World::new();
        let bytes = fs::read(key(file));
        fs::remove_file(world.path("private.pem")).unwrap();
        bytes.iter().for_each(|bytes| world.write("private.pem", bytes));
        let report = world.doctor(&[]);
        report.expect("key", result, &[words]);
        let is_usable = result != "fail";
        report.expect("access token", if is_usable { "fail" } else { "skip" }, &[]);
        report.expect("public ip", "pass", &[]);
    }
}

#[test]
fn an_encrypted_key_with_its_passphrase_is_read() {
    let world = World::new();
    world.write("private.pem", fs::read(key("encrypted")).unwrap());
    world.write("passphrase", PASSPHRASE);
    world.configure("private_key_passphrase_file: passphrase\n");
    let report = world.doctor(&["--offline"]);
    report.expect("key", "pass", &[", encrypted"]);
    assert!(!report.0.to_string().contains(PASSPHRASE));
    world.write("passphrase", "wrong");
    world.doctor(&["--offline"]).expect("key", "fail", &["passphrase"]);
}

#[cfg(unix)]
#[test]
fn files_that_are_open_to_others_are_named() {
    let world = World::new();
    world.set_mode("config.yaml", 0o644);
    world.doctor(&["--offline"]).expect("file modes", "pass", &["settings 0644"]);
    world.set_mode("private.pem", 0o640);
    world.doctor(&["--offline"]).expect(
        "key",
        "fail",
        &["private.pem", "open to other users", "`chmod 600` it"],
    );
    world.set_mode("private.pem", 0o600);
    world.set_mode("state", 0o755);
    world.doctor(&["--offline"]).expect("file modes", "warn", &["state", "chmod 600"]);
    world.set_mode("config.yaml", 0o666);
    let report = world.doctor(&["--offline"]);
    report.expect("settings", "fail", &["can be changed by other users (mode 0666)"]);
    report.expect("file modes", "warn", &["change config.yaml (0666)", "state"]);
}

#[test]
fn the_simulators_key_opens_nothing_at_ibkr() {
    let world = World::new();
    world.configure_without(&HOSTS, "proxy: none\n");
    world.doctor(&["--offline"]).expect("key", "fail", &["is the simulator's demo key", "a key of your own"]);
    for command in [&["login"][..], &["header"], &["get", "/portfolio/accounts"], &["keep"]] {
        world.run(command).fails(3, &["is the simulator's demo key"]);
    }
}

#[cfg(unix)]
#[test]
fn a_state_folder_that_cannot_be_used_is_told() {
    let world = World::new();
    world.write("state", "a file where the folder should be");
    world.doctor(&["--offline"]).expect("state folder", "fail", &["--state-dir"]);
}

#[test]
fn a_damaged_session_is_told_and_replaced() {
    let world = World::new();
    world.succeed(["login"]);
    world.a_minute_later();
    fs::write(world.record(), "half of a rec").unwrap();
    let report = world.doctor(&[]);
    report.expect("kept session", "warn", &["damaged"]);
    report.expect("access token", "pass", &[]);
}
