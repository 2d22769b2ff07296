//! Settings that are there already: completed, changed or replaced, and never lost.

use crate::support::Case;

const KEY: [&str; 2] = ["--key", "private.pem"];

fn first_step() -> Case {
    let case = Case::with_key();
    case.write("config.yaml", "client_key_id: main\nprivate_key_file: private.pem\nproxy: none # ours\n");
    case
}

#[test]
fn the_answers_of_ibkr_are_filled_in_later() {
    let case = Case::with_key();
    // As `init --new-key` leaves it before IBKR has answered.
    let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
    case.init(&args).done();
    let text = case.read("config.yaml");
    let line = |key: &str| format!("# {key}: \"\"  # not there yet\n");
    let text = text.replace("client_id: \"MyFirm\"\n", &line("client_id"));
    let text = text.replace("credential: \"me1234\"\n", &line("credential"));
    case.write("config.yaml", &text);

    case.init(&["--credential", "me1234"]).refused(2, &["missing: --client-id ID\n"]);
    let ran = case.init(&["--client-id", "MyFirm", "--credential", "me1234"]).done();
    assert!(ran.out.contains("config.yaml.bak"), "{}", ran.out);
    assert_eq!(case.settings().config.client_id(), "MyFirm");
    assert_eq!(case.read("config.yaml.bak"), text);
}

#[test]
fn other_settings_and_comments_stay() {
    let case = first_step();
    case.init(&["--client-id", "007", "--credential", "a: b"]).done();
    let text = case.read("config.yaml");
    assert!(text.contains("proxy: none # ours\n") && text.contains("client_key_id: main\n"), "{text}");
    let settings = case.settings();
    assert_eq!((settings.config.client_id(), settings.config.credential().expose()), ("007", "a: b"));
}

#[test]
fn running_it_again_changes_nothing() {
    let case = first_step();
    let args = ["--client-id", "MyFirm", "--credential", "me1234"];
    case.init(&args).done();
    let (text, names) = (case.read("config.yaml"), case.names());
    for again in [&args[..], &[], &[&args[..], &KEY].concat(), &["--force"]] {
        let ran = case.init(again).done();
        assert!(ran.out.contains("right already"), "{}", ran.out);
        assert_eq!((case.read("config.yaml"), case.names()), (text.clone(), names.clone()));
    }
}

#[test]
fn what_says_otherwise_is_changed_only_by_force_and_kept() {
    let case = first_step();
    case.init(&["--client-id", "MyFirm", "--credential", "me1234"]).done();
    let (text, names) = (case.read("config.yaml"), case.names());
    let other = ["--client-id", "Other", "--tier", "read-only"];
    case.init(&other).refused(2, &["config.yaml already has another `client_id`", "--force"]);
    assert_eq!((case.read("config.yaml"), case.names()), (text.clone(), names));

    let json = case.init(&[&other[..], &["--force", "--json"]].concat()).done().json();
    assert_eq!(json["config_backup"], "config.yaml.bak2");
    assert_eq!(case.read("config.yaml.bak2"), text);
    assert_eq!(case.settings().config.client_id(), "Other");
    assert!(
        case.read("config.yaml").contains("\ntier: read-only\n")
            && case.read("config.yaml").contains("proxy: none")
    );
}

#[test]
fn settings_that_cannot_be_completed_are_replaced_only_by_force() {
    let unusable = [
        ("client_id: [", "YAML"),
        ("unknown_key: 1\n", "unknown key"),
        ("", "is empty"),
        ("profiles:\n  paper:\n    credential: x\n", "it has profiles"),
        ("private_key: |\n  x\n", "the private key itself"),
    ];
    for (text, words) in unusable {
        let case = Case::with_key();
        case.write("config.yaml", text);
        let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
        case.init(&args).refused(3, &["cannot be completed", words, "--force"]);
        assert_eq!(case.names(), ["config.yaml", "private.pem"]);
        case.init(&[&args[..], &["--force"]].concat()).done();
        assert_eq!(case.settings().config.client_id(), "MyFirm");
        assert_eq!(case.read("config.yaml.bak"), text);
    }
}

#[test]
fn a_shape_that_cannot_be_edited_is_left_alone() {
    for text in [
        "{client_key_id: main, private_key_file: private.pem}\n",
        "client_id: >-\n  folded\nclient_key_id: main\nprivate_key_file: private.pem\n",
    ] {
        let case = Case::with_key();
        case.write("config.yaml", text);
        let ran = case.init(&["--client-id", "MyFirm", "--credential", "me1234", "--force"]);
        assert!(!ran.err.contains(".tmp"), "{}", ran.err);
        ran.refused(3, &["the settings would not say what they should", "by hand"]);
        assert_eq!((case.read("config.yaml").as_str(), case.names().len()), (text, 2));
    }
}

#[test]
fn earlier_settings_whose_key_is_gone_are_told() {
    let case = first_step();
    std::fs::remove_file(case.file("private.pem")).unwrap();
    let ran = case.init(&["--client-id", "MyFirm", "--credential", "me1234"]);
    ran.refused(3, &["private.pem cannot be the key", "does not exist"]);
}
