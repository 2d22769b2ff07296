//! Profiles that are wrong: the line inside the profile, what, and what to do.

use std::time::Instant;

use ibkr_auth_config::{Reader, Settings};

use crate::folder::{Folder, KEYLESS, MINIMAL};

fn error(content: &str, profile: Option<&str>, vars: &[(&str, &str)]) -> String {
    let folder = Folder::new();
    let reader = folder.reader(content).vars(vars.iter().copied());
    let reader = match profile {
        Some(name) => reader.profile(name),
        None => reader,
    };
    folder.relative(&reader.read().expect_err("these settings are wrong"))
}

/// The error of these lines after a file of four.
fn error_of(lines: &str) -> String {
    error(&format!("{MINIMAL}{lines}\n"), None, &[])
}

const TWO: &str = "profiles:\n  live:\n    credential: me\n  paper:\n    credential: mepaper\n";

#[test]
fn an_unknown_profile() {
    let content = format!("{MINIMAL}{TWO}");
    let near = "did you mean `paper`? The profiles are: live, paper";
    assert_eq!(
        error(&content, Some("papr"), &[]),
        format!("the chosen profile is `papr`, which config.yaml does not have: {near}")
    );
    assert_eq!(
        error(&content, None, &[("IBKR_AUTH_PROFILE", "Paper")]),
        format!("IBKR_AUTH_PROFILE is `Paper`, which config.yaml does not have: {near}")
    );
    assert_eq!(
        error(&format!("# one\ndefault_profile: paperr\n{content}"), None, &[]),
        format!("config.yaml:2: `default_profile` is `paperr`, which config.yaml does not have: {near}")
    );
    // Also if another one is chosen.
    assert!(
        error(&format!("default_profile: paperr\n{content}"), Some("live"), &[])
            .starts_with("config.yaml:1: ")
    );
    assert_eq!(
        error(&content, Some("colour"), &[]),
        "the chosen profile is `colour`, which config.yaml does not have: choose one of: live, paper"
    );
    let loud = format!("{MINIMAL}profiles: {{LIVE: {{}}}}\n");
    assert!(error(&loud, Some("Live"), &[]).ends_with("did you mean `LIVE`? The profiles are: LIVE"));
    let many: String = (0..30).map(|n| format!("  client{n:02}: {{}}\n")).collect();
    assert!(
        error(&format!("{MINIMAL}profiles:\n{many}"), Some("x"), &[])
            .ends_with("choose one of: client00, client01, client02, client03, client04, client05, client06, \
                        client07, client08, client09, client10, client11, client12, client13, client14, client15, \
                        client16, client17, client18, client19 and 10 more")
    );
}

#[test]
fn a_profile_of_a_file_without() {
    let rest = "is `live`, and config.yaml has no profiles: add `profiles:` to the file, or choose none";
    assert_eq!(error(MINIMAL, Some("live"), &[]), format!("the chosen profile {rest}"));
    assert_eq!(error(MINIMAL, None, &[("IBKR_AUTH_PROFILE", "live")]), format!("IBKR_AUTH_PROFILE {rest}"));
    assert_eq!(error_of("default_profile: live"), format!("config.yaml:5: `default_profile` {rest}"));
}

#[test]
fn a_profile_without_a_file() {
    let error = |reader: Reader| reader.read().unwrap_err().to_string();
    let rest = "needs a settings file, and none is read: name a file, or choose no profile";
    assert_eq!(
        error(Reader::new().vars([("IBKR_AUTH_PROFILE", "live")])),
        format!("IBKR_AUTH_PROFILE {rest}")
    );
    let none: [(&str, &str); 0] = [];
    assert_eq!(error(Reader::new().vars(none).profile("live")), format!("the chosen profile {rest}"));
    let from_env = Settings::from_env_with([("IBKR_AUTH_PROFILE", "live")]);
    assert_eq!(from_env.unwrap_err().to_string(), format!("IBKR_AUTH_PROFILE {rest}"));
}

#[test]
fn what_cannot_be_a_name_is_not_shown() {
    let content = format!("{MINIMAL}{TWO}");
    let long = "x".repeat(65);
    for name in ["hunter 2", "p&ss", "a/b", "..", "--", "é", &long] {
        for said in [
            error(&content, Some(name), &[]),
            error(&content, None, &[("IBKR_AUTH_PROFILE", name)]),
            error(&format!("{content}default_profile: '{name}'\n"), None, &[]),
        ] {
            assert!(said.contains(" is not the name of a profile: a name has 1 to 64 letters"), "{said}");
            assert!(!said.contains(&format!("`{name}`")), "{said}");
        }
        assert!(
            error_of(&format!("profiles:\n  one: {{}}\n  '{name}': {{}}"))
                .starts_with("config.yaml:7: this is not the name of a profile: a name has 1 to 64 letters")
        );
    }
    assert!(error(&content, Some(""), &[]).starts_with("the chosen profile is not the name"));
    assert_eq!(
        error(&content, None, &[("IBKR_AUTH_PROFILE", "")]),
        "IBKR_AUTH_PROFILE is empty: give it a value, or leave it out"
    );
    assert_eq!(
        error_of("default_profile:\nprofiles: {a: {}}"),
        "config.yaml:5: `default_profile` is empty: give it a value, or leave it out"
    );
    assert_eq!(
        error_of("default_profile: [a]\nprofiles: {a: {}}"),
        "config.yaml:5: `default_profile` is a list: write a single value"
    );
}

#[test]
fn profiles_of_the_wrong_shape() {
    for (written, line) in [
        ("profiles:", 5),
        ("profiles: ~", 5),
        ("profiles: {}", 5),
        ("profiles: live", 5),
        ("profiles: [live, paper]", 5),
        ("profiles:\n  - live", 6),
    ] {
        assert_eq!(
            error_of(written),
            format!(
                "config.yaml:{line}: `profiles` holds no profiles: \
                 write the name of each profile, a colon, and its settings indented below it"
            ),
            "{written}"
        );
    }
    for (written, line) in [
        ("live:", 6),
        ("live: me", 6),
        ("live: 7", 6),
        ("live: true", 6),
        ("live: [me]", 6),
        ("live:\n    - me", 7),
    ] {
        assert_eq!(
            error_of(&format!("profiles:\n  {written}")),
            format!(
                "config.yaml:{line}: profile `live` holds no settings: write its settings indented below it, \
                 a line `key: value` for each, or `{{}}` if it changes nothing"
            ),
            "{written}"
        );
    }
    assert!(error_of("profiles: !x {a: {}}").starts_with("config.yaml:5: this has a YAML tag"));
    assert!(error_of("profiles:\n  ? [a, b]\n  : c").starts_with("config.yaml:6: this cannot be read"));
}

#[test]
fn unknown_keys_inside_and_around() {
    assert_eq!(
        error_of("profiles:\n  live:\n    credental: me"),
        "config.yaml:7: unknown key `credental` in profile `live`: did you mean `credential`?"
    );
    assert!(
        error_of("profiles:\n  live:\n    hunter2: me")
            .starts_with("config.yaml:7: unknown key in profile `live`: remove it")
    );
    assert_eq!(
        error_of("profiles:\n  live:\n    password: me"),
        "config.yaml:7: unknown key `password` in profile `live`: a passphrase is not written here; \
         set `private_key_passphrase_file` or `private_key_passphrase_env`"
    );
    assert_eq!(
        error_of("profile: live"),
        "config.yaml:5: unknown key `profile`: did you mean `default_profile`, or `profiles`?"
    );
    assert_eq!(error_of("profilse: {}"), "config.yaml:5: unknown key `profilse`: did you mean `profiles`?");
    for key in ["profiles: {b: {}}", "default_profile: a"] {
        let name = key.split(':').next().unwrap();
        assert_eq!(
            error_of(&format!("profiles:\n  a:\n    {key}")),
            format!("config.yaml:7: `{name}` stands in profile `a`: move it to the top level, or remove it")
        );
    }
}

#[test]
fn everything_stands_once() {
    let once = "is here for the second time: keep one of the two";
    assert_eq!(
        error_of("profiles:\n  a: {}\n  b: {}\n  a: {}"),
        format!("config.yaml:8: profile `a` {once}")
    );
    assert_eq!(error_of("profiles: {a: {}}\nprofiles: {b: {}}"), format!("config.yaml:6: `profiles` {once}"));
    assert_eq!(
        error_of("profiles:\n  a:\n    tier: brokerage\n    tier: brokerage"),
        format!("config.yaml:8: `tier` {once}")
    );
    let folder = Folder::new();
    let names = folder.reader(format!("{MINIMAL}profiles:\n  a: {{}}\n  a: {{}}\n")).profiles();
    assert_eq!(folder.relative(&names.unwrap_err()), format!("config.yaml:7: profile `a` {once}"));
}

#[test]
fn a_value_is_blamed_on_its_line_inside_the_profile() {
    let content = format!(
        "{MINIMAL}timeout: 10\nprofiles:\n  live:\n    timeout: 10\n  paper:\n    # timeout: 1\n    timeout: soon\n"
    );
    assert!(error(&content, Some("paper"), &[]).starts_with("config.yaml:11: `timeout` has an unknown unit"));
    let top = content.replacen("timeout: 10", "timeout: never", 1);
    let top = top.replace("    timeout: soon\n", "    tier: brokerage\n");
    assert!(error(&top, Some("paper"), &[]).starts_with("config.yaml:5: `timeout` has an unknown unit"));
    let below = "profiles:\n  paper: {timeout: soon}\ntimeout: 10\n".to_owned() + MINIMAL;
    assert!(error(&below, Some("paper"), &[]).starts_with("config.yaml:2: `timeout` has"));
    // The line of what an alias stands for.
    let alias = format!("{MINIMAL}profiles:\n  live: &live\n    timeout: soon\n  paper: *live\n");
    assert!(error(&alias, Some("paper"), &[]).starts_with("config.yaml:7: `timeout` has"));
    assert_eq!(
        error(&content.replace("credential: someone", "credential: ''"), Some("live"), &[]),
        "config.yaml:3: `credential` is empty: give it a value, or leave it out"
    );
    let marked = format!("\u{feff}{}", content.replace('\n', "\r\n"));
    assert!(error(&marked, Some("paper"), &[]).starts_with("config.yaml:11: `timeout` has"));
}

#[test]
fn rivals_inside_one_profile_are_refused() {
    let content = format!(
        "{MINIMAL}domain: api.ibkr.com\nprofiles:\n  live:\n    domain: 1.api.ibkr.com\n    base_url: https://a.example\n"
    );
    assert_eq!(
        error(&content, Some("live"), &[]),
        "config.yaml:9: `base_url` cannot stand beside `domain`: remove one of the two"
    );
}

#[test]
fn what_is_missing_may_be_in_a_profile() {
    let content = format!("{}{TWO}", MINIMAL.replace("credential: someone\n", ""));
    assert_eq!(
        error(&content, None, &[]),
        "config.yaml lacks `credential`, and no profile was chosen: \
         choose one of: live, paper (--profile, or IBKR_AUTH_PROFILE)"
    );
    let content = format!("{KEYLESS}{TWO}");
    assert_eq!(
        error(&content, Some("live"), &[]),
        "config.yaml lacks `private_key_file` for profile `live`: \
         add what is missing, or set IBKR_AUTH_PRIVATE_KEY_FILE"
    );
}

#[test]
fn profiles_are_no_variables() {
    for name in ["IBKR_AUTH_PROFILES", "IBKR_AUTH_DEFAULT_PROFILE"] {
        assert_eq!(
            error(MINIMAL, None, &[(name, "live")]),
            format!(
                "unknown variable {name}: profiles stand in a settings file, and IBKR_AUTH_PROFILE chooses one"
            )
        );
    }
    assert_eq!(
        error(MINIMAL, None, &[("IBKR_AUTH_PROFIL", "live")]),
        "unknown variable IBKR_AUTH_PROFIL: did you mean IBKR_AUTH_PROFILE?"
    );
}

#[cfg(unix)]
#[test]
fn the_variable_is_utf8() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    let bytes = OsString::from_vec(b"\xFFx".to_vec());
    let folder = Folder::new();
    let reader = folder.reader(MINIMAL).vars([(OsString::from("IBKR_AUTH_PROFILE"), bytes)]);
    assert_eq!(
        reader.read().unwrap_err().to_string(),
        "IBKR_AUTH_PROFILE is not valid UTF-8: set it to plain text"
    );
}

#[test]
fn merge_keys_are_refused_with_the_way_to_do_it() {
    let help = "merge keys are not read; what profiles share stands on the top level";
    assert_eq!(
        error_of("profiles:\n  live: &live\n    timeout: 10\n  paper:\n    <<: *live"),
        format!("config.yaml:9: unknown key in profile `paper`: {help}")
    );
    assert_eq!(error_of("<<: {timeout: 10}"), format!("config.yaml:5: unknown key: {help}"));
}

#[test]
fn aliases_cannot_keep_it_busy() {
    let start = Instant::now();
    let list = "x, ".repeat(9_000);
    let again: String = (0..2_500).map(|n| format!("  p{n}: *a\n")).collect();
    let said = error_of(&format!("profiles:\n  first: &a\n    scope: [{list}]\n{again}"));
    assert!(said.contains("the aliases (`*…`) repeat too much: write the values themselves"), "{said}");
    let said = error_of("profiles: &p\n  live: *p");
    assert!(said.starts_with("config.yaml:6: unknown key `live` in profile `live`"), "{said}");
    let said = error_of("profiles:\n  live: &l\n    timeout: *l");
    assert!(said.contains("`timeout` holds keys of its own"), "{said}");
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}
