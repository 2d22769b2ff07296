//! Settings that are there already: completed, and never changed.

use crate::common::{Folder, key, run};

const KEY: [&str; 2] = ["--key", "private.pem"];

fn first_step() -> Folder {
    let folder = Folder::with_key();
    folder.write("config.yaml", "client_key_id: main\nprivate_key_file: private.pem\nproxy: none # ours\n");
    folder
}

#[test]
fn the_answers_of_ibkr_are_filled_in_later() {
    let folder = Folder::new();
    run(folder.init_with_openssl(&["--dir", ".", "--new-key"])).done();
    let before = folder.read("config.yaml");
    assert!(!before.contains("client_id:") && !before.contains("credential:"), "{before}");

    folder.init(&["--credential", "me1234"]).refused(2, &["missing: --client-id ID\n"]);
    folder.init(&["--client-id", "MyFirm", "--credential", "me1234"]).done();
    let config = folder.written_settings().config;
    assert_eq!(config.login().identity()[..2], ["MyFirm", "main"]);
    let text = folder.read("config.yaml");
    assert!(text.starts_with(&before) && text.contains("# Client id: IBKR gives it"), "{text}");
    assert_eq!(folder.mode("config.yaml"), 0o600);
}

#[test]
fn other_settings_and_comments_stay() {
    let folder = first_step();
    folder.init(&["--client-id", "a: b", "--credential", "007"]).done();
    let text = folder.read("config.yaml");
    assert!(text.contains("proxy: none # ours\n") && text.contains("client_key_id: main\n"), "{text}");
    let settings = folder.written_settings();
    assert_eq!((settings.config.login().identity()[0], settings.config.login().user()), ("a: b", "007"));
}

#[test]
fn running_it_again_changes_nothing() {
    let folder = first_step();
    let args = ["--client-id", "MyFirm", "--credential", "me1234"];
    folder.init(&args).done();
    let (text, names) = (folder.read("config.yaml"), folder.names());
    for again in [&args[..], &[], &[&args[..], &KEY].concat()] {
        let ran = folder.init(again).done();
        assert!(ran.out.contains("right already"), "{}", ran.out);
        assert_eq!((folder.read("config.yaml"), folder.names()), (text.clone(), names.clone()));
    }
}

#[test]
fn what_says_otherwise_is_told_and_never_changed() {
    let folder = first_step();
    folder.write("second.pem", std::fs::read(key("rsa2048")).unwrap());
    folder.init(&["--client-id", "MyFirm", "--credential", "me1234", "--tier", "brokerage"]).done();
    let (text, names) = (folder.read("config.yaml"), folder.names());
    let other = ["--client-id", "Other", "--tier", "read-only"];
    let words = ["config.yaml already has another `client_id` and another `tier`", "by hand"];
    folder.init(&other).refused(2, &words);
    folder.init(&["--key", "second.pem"]).refused(2, &["config.yaml already has another key", "by hand"]);
    folder.init(&["--new-key", "third.pem"]).refused(2, &["config.yaml already has another key"]);
    assert_eq!((folder.read("config.yaml"), folder.names()), (text, names));
}

#[test]
fn settings_that_cannot_be_completed_are_left_alone() {
    let unusable = [
        ("client_id: [", "YAML"),
        ("unknown_key: 1\n", "unknown key"),
        ("", "is empty"),
        ("profiles:\n  paper:\n    credential: x\n", "it has profiles"),
    ];
    for (text, words) in unusable {
        let folder = Folder::with_key();
        folder.write("config.yaml", text);
        let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
        folder.init(&args).refused(3, &["cannot be completed", words, "by hand"]);
        assert_eq!(folder.names(), ["config.yaml", "private.pem"]);
        assert_eq!(folder.read("config.yaml"), text);
    }
}

#[test]
fn a_shape_that_cannot_be_edited_is_left_alone() {
    for text in [
        "{client_key_id: main, private_key_file: private.pem}\n",
        "client_key_id: main\nprivate_key_file: private.pem\nproxy: none\n...\n",
        "client_id: \"\"\nclient_key_id: main\nprivate_key_file: private.pem\n",
    ] {
        let folder = Folder::with_key();
        folder.write("config.yaml", text);
        let ran = folder.init(&[&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat());
        assert!(!ran.err.contains(".tmp"), "{}", ran.err);
        let words = ["the settings would not say what they should", "by hand: ", "client_id: \"MyFirm\""];
        ran.refused(3, &words);
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
fn settings_that_lead_tokens_elsewhere_are_not_completed() {
    let folder = Folder::with_key();
    folder.write("attacker.pem", "");
    let foreign = "base_url: https://localhost:9443\nca_file: attacker.pem\nproxy: http://10.0.0.1:1\npublic_ip: 203.0.113.7\n";
    folder.write("config.yaml", foreign);
    let args = [&KEY[..], &["--client-id", "MyFirm", "--credential", "me1234"]].concat();
    let words = [
        "config.yaml leads logins elsewhere than straight to IBKR",
        "base_url, proxy, ca_file, public_ip",
        "can receive your tokens",
        "by hand",
    ];
    folder.init(&args).refused(2, &words);
    assert_eq!(folder.read("config.yaml"), foreign);
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
}

#[test]
fn a_private_key_within_the_settings_is_left_to_its_owner() {
    let folder = Folder::with_key();
    let pem = folder.read("private.pem").replace('\n', "\n  ");
    let config = format!("client_id: a\nclient_key_id: main\ncredential: b\nprivate_key: |\n  {pem}\n");
    folder.write("config.yaml", &config);
    for args in [&[][..], &KEY, &["--new-key"]] {
        folder.init(args).refused(3, &["it holds the private key itself, which `init` does not edit"]);
    }
    assert_eq!(folder.read("config.yaml"), config);
}

#[test]
fn the_users_of_a_completed_file_stay_its_users() {
    let folder = first_step();
    folder.set_mode("config.yaml", 0o640);
    folder.init(&["--client-id", "MyFirm", "--credential", "me1234"]).done();
    assert_eq!(folder.mode("config.yaml"), 0o640);
}
