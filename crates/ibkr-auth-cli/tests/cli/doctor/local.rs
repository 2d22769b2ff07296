//! Settings, files, key and kept session.

use std::fs;

use super::checks::Report;
use crate::common::{World, key};

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
        (Some(wrong), vec![], "config.yaml:3"),
        (Some(settings), vec!["--profile", "papr"], "papr"),
    ] {
        match content {
            Some(content) => world.write("config.yaml", content),
            None => fs::remove_file(world.path("config.yaml")).unwrap_or_default(),
        }
        let report = Report::of(&world.run([&["doctor", "--json"], &arguments[..]].concat()));
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
    world.write("private.pem", fs::read(key("encrypted")).unwrap());
    world.set_mode("private.pem", 0o640);
    world.write("passphrase", PASSPHRASE);
    world.set_mode("passphrase", 0o604);
    world.configure("private_key_passphrase_file: passphrase\n");
    world.set_mode("config.yaml", 0o666);
    world.set_mode("state", 0o755);
    let words =
        ["change config.yaml (0666)", "private.pem", "private_key_passphrase_file", "state", "chmod 600"];
    world.doctor(&["--offline"]).expect("file modes", "warn", &words);
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
