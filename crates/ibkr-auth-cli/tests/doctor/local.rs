//! Settings, files, key and kept session.

use std::fs;

use crate::case::{Case, read};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ibkr-jws/tests/keys/");
/// That of `encrypted.pem`.
const PASSPHRASE: &str = "secret";

/// Without settings the network is looked at all the same; no test may reach the real one.
#[test]
fn settings_that_are_not_there_or_wrong_stop_nothing_else() {
    let case = Case::new();
    let settings = fs::read_to_string(case.path("config.yaml")).unwrap();
    let wrong = settings.replace("credential:", "credentail:");
    for (content, arguments, words) in [
        (None, vec![], "ibkr-auth init"),
        (None, vec!["--config", "nowhere.yaml"], "nowhere.yaml"),
        (Some(wrong), vec![], "config.yaml:3"),
        (Some(settings), vec!["--profile", "papr"], "papr"),
    ] {
        match content {
            Some(content) => case.write("config.yaml", &content),
            None => fs::remove_file(case.path("config.yaml")).unwrap_or_default(),
        }
        let report = read(&mut case.by_proxy(&[&["doctor", "--json"], &arguments[..]].concat()));
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
    let case = Case::new();
    let settings = fs::read_to_string(case.path("config.yaml")).unwrap();
    case.write("config.yaml", settings + "profiles:\n  paper:\n    tier: read-only\n");
    let mut command = case.command(&["doctor", "--offline", "--json", "--profile", "paper"]);
    let report = read(command.env("IBKR_AUTH_SERVICE", "AM.LOGIN"));
    report.expect("settings", "pass", &["profile paper", "IBKR_AUTH_SERVICE", "read-only"]);
}

#[test]
fn keys_are_judged_before_ibkr_does() {
    for (file, result, words) in [
        ("rsa3072.pem", "pass", "3072 bits, not encrypted"),
        ("rsa2048.pem", "warn", "3072 bits or more"),
        ("rsa1024.pem", "fail", "1024"),
        ("ec.pem", "fail", "EC"),
        ("encrypted.pem", "fail", "private_key_passphrase_file"),
        ("public.pem", "fail", "no private key"),
        ("nowhere.pem", "fail", "does not exist"),
    ] {
        let case = Case::new();
        let key = fs::read(format!("{KEYS}{file}"));
        fs::remove_file(case.path("private.pem")).unwrap();
        key.iter().for_each(|key| case.write("private.pem", key));
        let report = case.doctor(&[]);
        report.expect("key", result, &[words]);
        let is_usable = result != "fail";
        report.expect("access token", if is_usable { "fail" } else { "skip" }, &[]);
        report.expect("public ip", "pass", &[]);
    }
}

#[test]
fn an_encrypted_key_with_its_passphrase_is_read() {
    let case = Case::new();
    case.write("private.pem", fs::read(format!("{KEYS}encrypted.pem")).unwrap());
    case.write("passphrase", PASSPHRASE);
    case.configure(&[("private_key_passphrase_file", "passphrase")]);
    let report = case.doctor(&["--offline"]);
    report.expect("key", "pass", &[", encrypted"]);
    assert!(!report.0.to_string().contains(PASSPHRASE));
    case.write("passphrase", "wrong");
    case.doctor(&["--offline"]).expect("key", "fail", &["passphrase"]);
}

#[cfg(unix)]
#[test]
fn files_that_are_open_to_others_are_named() {
    let case = Case::new();
    case.set_mode("config.yaml", 0o644);
    case.doctor(&["--offline"]).expect("file modes", "pass", &["settings 0644"]);
    case.write("private.pem", fs::read(format!("{KEYS}encrypted.pem")).unwrap());
    case.set_mode("private.pem", 0o640);
    case.write("passphrase", PASSPHRASE);
    case.set_mode("passphrase", 0o604);
    case.configure(&[("private_key_passphrase_file", "passphrase")]);
    case.set_mode("config.yaml", 0o666);
    case.set_mode("state", 0o755);
    let words =
        ["change config.yaml (0666)", "private.pem", "private_key_passphrase_file", "state", "chmod 600"];
    case.doctor(&["--offline"]).expect("file modes", "warn", &words);
}

#[cfg(unix)]
#[test]
fn a_state_folder_that_cannot_be_used_is_told() {
    let case = Case::new();
    case.write("state", "a file where the folder should be");
    case.doctor(&["--offline"]).expect("state folder", "fail", &["--state-dir"]);
}

#[test]
fn a_damaged_session_is_told_and_replaced() {
    let case = Case::new();
    case.log_in();
    case.a_minute_later();
    fs::write(case.record(), "half of a rec").unwrap();
    let report = case.doctor(&[]);
    report.expect("kept session", "warn", &["damaged"]);
    report.expect("access token", "pass", &[]);
}
