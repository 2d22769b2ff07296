//! Answers by flags: what is missing, wrong or odd.

use ibkr_auth_core::Tier;

use crate::common::{Folder, key, public_half};

const IDS: [&str; 4] = ["--client-id", "MyFirm", "--credential", "me1234"];

#[test]
fn flags_make_settings_that_say_the_same() {
    let folder = Folder::with_key();
    let ran =
        folder.init(&[&IDS[..], &["--key", "private.pem", "--key-id", "k2", "--tier", "read-only"]].concat());
    assert_eq!(ran.done().err, "");
    let settings = folder.written_settings();
    assert_eq!(settings.config.login().identity()[..2], ["MyFirm", "k2"]);
    assert_eq!(settings.config.login().user(), "me1234");
    assert_eq!(settings.config.tier(), Tier::ReadOnly);
    assert!(settings.sets("compete") && !settings.config.compete());
    assert_eq!(settings.key.file(), Some(folder.path("private.pem").as_path()));
    assert!(folder.read("config.yaml").contains("private_key_file: \"private.pem\""), "relative");
    assert!(settings.with_key().unwrap().warnings().is_empty());
}

#[test]
fn odd_values_come_back_as_they_were() {
    let odd = [
        "007",
        "yes",
        "null",
        "~",
        "a: b",
        "#x",
        "a #b",
        "it's",
        r#"half "quoted""#,
        r"back\slash\n",
        "- a",
        "{a}",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "Zoë Ærø",
        "日本",
        "👩‍🚀",
        "x\u{2028}y\u{2029}z",
        "\u{feff}x",
        "1e3",
        "0x1F",
        "2024-01-01",
        "\u{fffe}x",
        "e\u{301}",
        "\u{200e}x\u{202e}y",
    ];
    for value in odd {
        let folder = Folder::with_key();
        // A username has no spaces.
        let username: String = value.split_whitespace().collect();
        let flags =
            [format!("--client-id={value}"), format!("--key-id={value}"), format!("--credential={username}")];
        folder.init(&["--key", "private.pem", &flags[0], &flags[1], &flags[2]]).done();
        let config = folder.written_settings().config;
        assert_eq!(config.login().identity()[..2], [value; 2]);
        assert_eq!(config.login().user(), username);
    }
}

#[test]
fn missing_answers_are_named_by_their_flags() {
    let folder = Folder::new();
    let all = ["--client-id ID", "--credential USERNAME", "--new-key or --key FILE"];
    folder.init(&[]).refused(2, &all);
    folder.init(&["--no-input"]).refused(2, &all);
    folder.init(&["--new-key", "--client-id", "MyFirm"]).refused(2, &["missing: --credential USERNAME\n"]);
    folder.init(&["--key", &key("rsa3072"), "--credential", "me"]).refused(2, &["missing: --client-id ID\n"]);
    assert!(folder.names().is_empty());
}

#[test]
fn values_that_no_session_takes_are_refused_by_flag() {
    let folder = Folder::with_key();
    let cases = [
        ("--client-id", "", "--client-id is empty"),
        ("--key-id", " ", "--key-id is empty"),
        ("--credential", "a\nb", "--credential holds a line break"),
        ("--credential", "a\u{1b}[2J", "--credential holds a line break, another control character"),
        ("--client-id", " a", "space around it"),
        ("--client-id", "'MyFirm'", "--client-id stands in quotes that are part of the value"),
        ("--key-id", "${KEY_ID}", "--key-id holds a variable that nothing has filled in"),
        ("--credential", "me and more", "--credential holds a space: write the username alone"),
    ];
    for (flag, value, words) in cases {
        folder.init(&["--key", "private.pem", flag, value]).refused(2, &[words]);
    }
    assert_eq!(folder.names(), ["private.pem"]);
}

#[test]
fn flags_that_contradict_each_other_are_wrong_usage() {
    let folder = Folder::with_key();
    for wrong in [&["--key", "private.pem", "--new-key"][..], &["--tier", "gold"], &["--profile", "paper"]] {
        assert_eq!(folder.init(wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(folder.names(), ["private.pem"]);
}

#[test]
fn json_is_one_object_and_quiet_is_quiet() {
    let folder = Folder::with_key();
    let args = [&IDS[..], &["--key", "private.pem", "--json"]].concat();
    let ran = folder.init(&args).done();
    let json = ran.json();
    assert_eq!(ran.err, "");
    assert_eq!(json["complete"], true);
    assert_eq!(json["bits"], 3072);
    assert_eq!(json["public_key_pem"], public_half());
    assert_eq!(json["public_key_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(
        [&json["config"], &json["private_key"], &json["public_key"]],
        ["config.yaml", "private.pem", "public.pem"]
    );
    assert!(!ran.out.contains("PRIVATE KEY"));

    let wrong = folder.init(&["--json", "--client-id", ""]);
    assert_eq!((wrong.code, wrong.err.as_str()), (Some(2), ""));
    assert_eq!(wrong.json()["error"]["exit_code"], 2);

    let folder = Folder::with_key();
    let ran = folder.init(&[&IDS[..], &["--key", "private.pem", "-q"]].concat()).done();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn the_end_says_what_to_upload_and_what_to_type_next() {
    let folder = Folder::with_key();
    let ran = folder.init(&[&IDS[..], &["--key", "private.pem", "--dir", "it's here"]].concat()).done();
    assert!(ran.out.contains("it's here/public.pem") && ran.out.contains("SHA-256"), "{}", ran.out);
    assert!(ran.out.contains("ibkr-auth doctor --config 'it'\\''s here/config.yaml'"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "no colour where there is no terminal: {}", ran.out);

    let folder = Folder::with_key();
    let ran =
        folder.init(&[&IDS[..], &["--key", "private.pem", "--dir", "config/ibkr-auth"]].concat()).done();
    assert!(ran.out.contains("--config"), "a relative path is not the usual place by its name: {}", ran.out);
    let usual = folder.path("elsewhere/ibkr-auth");
    let arguments =
        [&["init"], &IDS[..], &["--key", "private.pem", "--dir", usual.to_str().unwrap()]].concat();
    let ran = folder.run_with([("XDG_CONFIG_HOME", folder.path("elsewhere"))], arguments).done();
    assert!(!ran.out.contains("--config"), "found without it: {}", ran.out);
}
