//! Settings that are there already: completed, changed or replaced, and never lost.

use crate::common::Folder;

const KEY: [&str; 2] = ["--key", "private.pem"];

fn first_step() -> Folder {
    let folder = Folder::with_key();
    folder.write("config.yaml", "client_key_id: main\nprivate_key_file: private.pem\nproxy: none # ours\n");
    folder
}

#[test]
fn the_answers_of_ibkr_are_filled_in_later() {
    let folder = Folder::with_key();
    // As `init --new-key` leaves it before IBKR has answered.
    let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
    folder.init(&args).done();
    let text = folder.read("config.yaml");
    let line = |key: &str| format!("# {key}: \"\"  # not there yet\n");
    let text = text.replace("client_id: \"MyFirm\"\n", &line("client_id"));
    let text = text.replace("credential: \"me1234\"\n", &line("credential"));
    folder.write("config.yaml", &text);

    folder.init(&["--credential", "me1234"]).refused(2, &["missing: --client-id ID\n"]);
    let ran = folder.init(&["--client-id", "MyFirm", "--credential", "me1234"]).done();
    assert!(ran.out.contains("config.yaml.bak"), "{}", ran.out);
    assert_eq!(folder.written_settings().config.client_id(), "MyFirm");
    assert_eq!(folder.read("config.yaml.bak"), text);
}

#[test]
fn other_settings_and_comments_stay() {
    let folder = first_step();
    folder.init(&["--client-id", "a: b", "--credential", "007"]).done();
    let text = folder.read("config.yaml");
    assert!(text.contains("proxy: none # ours\n") && text.contains("client_key_id: main\n"), "{text}");
    let settings = folder.written_settings();
    assert_eq!((settings.config.client_id(), settings.config.credential().expose()), ("a: b", "007"));
}

#[test]
fn running_it_again_changes_nothing() {
    let folder = first_step();
    let args = ["--client-id", "MyFirm", "--credential", "me1234"];
    folder.init(&args).done();
    let (text, names) = (folder.read("config.yaml"), folder.names());
    for again in [&args[..], &[], &[&args[..], &KEY].concat(), &["--force"]] {
        let ran = folder.init(again).done();
        assert!(ran.out.contains("right already"), "{}", ran.out);
        assert_eq!((folder.read("config.yaml"), folder.names()), (text.clone(), names.clone()));
    }
}

#[test]
fn what_says_otherwise_is_changed_only_by_force_and_kept() {
    let folder = first_step();
    folder.init(&["--client-id", "MyFirm", "--credential", "me1234"]).done();
    let (text, names) = (folder.read("config.yaml"), folder.names());
    let other = ["--client-id", "Other", "--tier", "read-only"];
    folder.init(&other).refused(2, &["config.yaml already has another `client_id`", "--force"]);
    assert_eq!((folder.read("config.yaml"), folder.names()), (text.clone(), names));

    let json = folder.init(&[&other[..], &["--force", "--json"]].concat()).done().json();
    assert_eq!(json["config_backup"], "config.yaml.bak2");
    assert_eq!(folder.read("config.yaml.bak2"), text);
    assert_eq!(folder.written_settings().config.client_id(), "Other");
    assert!(
        folder.read("config.yaml").contains("\ntier: read-only\n")
            && folder.read("config.yaml").contains("proxy: none")
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
        let folder = Folder::with_key();
        folder.write("config.yaml", text);
        let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
        folder.init(&args).refused(3, &["cannot be completed", words, "--force"]);
        assert_eq!(folder.names(), ["config.yaml", "private.pem"]);
        folder.init(&[&args[..], &["--force"]].concat()).done();
        assert_eq!(folder.written_settings().config.client_id(), "MyFirm");
        assert_eq!(folder.read("config.yaml.bak"), text);
    }
}

#[test]
fn a_shape_that_cannot_be_edited_is_left_alone() {
    for text in [
        "{client_key_id: main, private_key_file: private.pem}\n",
        "client_id: >-\n  folded\nclient_key_id: main\nprivate_key_file: private.pem\n",
    ] {
        let folder = Folder::with_key();
        folder.write("config.yaml", text);
        let ran = folder.init(&["--client-id", "MyFirm", "--credential", "me1234", "--force"]);
        assert!(!ran.err.contains(".tmp"), "{}", ran.err);
        ran.refused(3, &["the settings would not say what they should", "by hand"]);
        assert_eq!((folder.read("config.yaml").as_str(), folder.names().len()), (text, 2));
    }
}

#[test]
fn earlier_settings_whose_key_is_gone_are_told() {
    let folder = first_step();
    std::fs::remove_file(folder.path("private.pem")).unwrap();
    let ran = folder.init(&["--client-id", "MyFirm", "--credential", "me1234"]);
    ran.refused(3, &["private.pem cannot be the key", "does not exist"]);
}

#[test]
fn lines_that_lead_tokens_elsewhere_are_kept_only_by_who_knows_them() {
    let folder = Folder::with_key();
    folder.write("attacker.pem", "");
    let foreign = "base_url: https://localhost:9443\nca_file: attacker.pem\nproxy: http://10.0.0.1:1\npublic_ip: 203.0.113.7\n";
    folder.write("config.yaml", foreign);
    let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
    let words = [
        "config.yaml leads logins elsewhere than straight to IBKR",
        "base_url (https://localhost:9443), proxy, ca_file (attacker.pem), public_ip",
        "can receive your tokens",
        "--force",
    ];
    folder.init(&args).refused(2, &words);
    assert_eq!(folder.read("config.yaml"), foreign);
    let ran = folder.init(&[&args[..], &["--force"]].concat()).done();
    assert!(ran.out.contains("Logins go elsewhere than straight to IBKR"), "{}", ran.out);
    let json = folder.init(&[&args[..], &["--force", "--json"]].concat()).done().json();
    assert_eq!(json["detours"].as_array().unwrap().len(), 4);
}

#[test]
fn settings_of_another_user_are_not_completed() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped without root: a file of another user");
        return;
    }
    let folder = first_step();
    std::os::unix::fs::chown(folder.path("config.yaml"), Some(65_534), None).unwrap();
    let args = ["--client-id", "MyFirm", "--credential", "me1234"];
    folder.init(&args).refused(3, &["cannot be completed", "belongs to another user"]);
}

#[test]
fn the_simulators_key_is_no_key_for_ibkr() {
    let folder = Folder::new();
    folder.write("private.pem", ibkr_sim::demo::PRIVATE_KEY_PEM);
    let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
    folder.init(&args).refused(3, &["private.pem is the simulator's demo key", "--new-key"]);
    assert_eq!(folder.names(), ["private.pem"]);
    folder.write("config.yaml", "base_url: https://localhost:8443\n");
    folder.init(&[&args[..], &["--force"]].concat()).done();
}
