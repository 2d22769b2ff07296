//! The questions, on a pseudo-terminal.

use ibkr_auth_core::Tier;

use super::run::private_half;
use crate::common::{Folder, Terminal, key, public_half};

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

fn init(folder: &Folder, arguments: &[&str]) -> Terminal {
    Terminal::start(folder.init_with_openssl(arguments))
}

#[test]
fn from_nothing_to_settings_by_questions() {
    let folder = Folder::new();
    let mut terminal = init(&folder, &[]);
    terminal
        .sees("ibkr-auth guide")
        .sees("your configuration folder")
        .sees("the current folder")
        .answers("Folder [1]: ", "2")
        .sees("public half")
        .answers("Key [1]: ", "")
        .sees("registered your public key")
        .answers("Client id: ", "MyFirm")
        .answers("Key id [main]: ", "")
        .sees("Paper Trading Account")
        .answers("Username: ", "me1234")
        .sees("TWS")
        .answers("Tier [1]: ", "2")
        .sees("BEGIN PUBLIC KEY");
    assert!(terminal.ends(0).contains("ibkr-auth doctor"));
    let config = folder.written_settings().config;
    assert_eq!((config.client_id(), config.client_key_id()), ("MyFirm", "main"));
    assert_eq!((config.credential().expose(), config.tier()), ("me1234", Tier::ReadOnly));
    assert_eq!((folder.mode("config.yaml"), folder.mode("private.pem")), (0o600, 0o600));
    assert_eq!(folder.read("public.pem"), public_half());
}

#[test]
fn before_ibkr_has_answered_and_after() {
    let folder = Folder::new();
    let usual = folder.path("home/.config/ibkr-auth");
    let mut command = folder.init_with_openssl(&[]);
    command.env_remove("XDG_CONFIG_HOME");
    let mut terminal = Terminal::start(command);
    terminal
        .answers("Folder [1]: ", "")
        .answers("Key [1]: ", "")
        .answers("Client id: ", "")
        .answers("Username: ", "")
        .answers("Tier [1]: ", "")
        .sees("Not there yet: client_id and credential");
    terminal.ends(0);
    assert!(folder.read(usual.join("config.yaml")).contains("# client_id: \"\""));

    let mut terminal = init(&folder, &["--dir", usual.to_str().unwrap()]);
    terminal
        .sees("use ")
        .answers("Key [1]: ", "")
        .answers("Client id: ", "MyFirm")
        .answers("Key id [main]: ", "k2")
        .answers("Username: ", "")
        .answers("is empty", "me1234")
        .answers("Tier [1]: ", "")
        .answers("Change client_key_id", "yes")
        .sees("Next:");
    terminal.ends(0);
    let text = folder.read(usual.join("config.yaml"));
    for line in ["client_id: \"MyFirm\"", "client_key_id: \"k2\"", "credential: \"me1234\""] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
}

#[test]
fn wrong_answers_are_asked_again_with_the_reason() {
    let folder = Folder::with_key();
    folder.write("other", "no key");
    let mut terminal = init(&folder, &[]);
    terminal
        .answers("Folder [1]: ", "9")
        .answers("type a number from 1 to 3", "3")
        .answers("Path of the folder: ", "private.pem")
        .answers("private.pem is a file", "sub")
        .answers("Key [1]: ", "2")
        .answers("Path of the private key: ", "other")
        .answers("no PEM section", "missing.pem")
        .answers("it does not exist", "")
        .answers("type the path", "private.pem")
        .answers("Client id: ", "a\u{1b}[Db")
        .answers("control character", " a")
        .answers("space around it", "My Firm")
        .answers("Key id [main]: ", " ")
        .answers("is empty", "")
        .answers("Username: ", "")
        .answers("is empty", "Zoë")
        .answers("Tier [1]: ", "gold")
        .answers("type a number", "1");
    terminal.ends(0);
    let text = folder.read("sub/config.yaml");
    assert!(text.contains("\"My Firm\"") && text.contains("\"Zoë\""), "{text}");
}

#[test]
fn ctrl_c_leaves_at_each_question_and_writes_nothing() {
    let steps = [
        ("Folder [1]: ", "1"),
        ("Key [1]: ", "1"),
        ("Client id: ", "a"),
        ("Key id [main]: ", ""),
        ("Username: ", "b"),
    ];
    for left_at in 0..=steps.len() {
        let folder = Folder::new();
        let mut terminal = init(&folder, &[]);
        for (question, answer) in &steps[..left_at] {
            terminal.answers(question, answer);
        }
        let question = steps.get(left_at).map_or("Tier [1]: ", |(question, _)| question);
        terminal.types(question, CTRL_C);
        let shown = terminal.ends(130);
        assert!(!shown.contains("\u{1b}[?25l"), "the cursor stays: {shown:?}");
        assert!(folder.names().is_empty(), "{question}");
    }
}

#[test]
fn the_end_of_the_input_is_a_plain_error() {
    let folder = Folder::new();
    let mut terminal = init(&folder, &[]);
    terminal.answers("Folder [1]: ", "").types("Key [1]: ", CTRL_D);
    let shown = terminal.ends(2);
    assert!(shown.contains("nothing was written") && shown.contains("the input has ended"), "{shown}");
    assert!(folder.names().is_empty());
}

#[test]
fn flags_are_not_asked_again() {
    let folder = Folder::new();
    let given = ["--dir", ".", "--client-id", "a", "--credential", "b", "--tier", "brokerage", "--new-key"];
    let mut terminal = init(&folder, &given);
    terminal.answers("Key id [main]: ", "");
    terminal.ends(0);
    let mut terminal = init(&Folder::new(), &["--no-input"]);
    assert!(terminal.ends(2).contains("these answers are missing"));
}

#[test]
fn an_open_key_is_shut_and_other_files_are_kept() {
    let folder = Folder::with_key();
    folder.set_mode("private.pem", 0o640);
    folder.write("public.pem", "another");
    folder.write("config.yaml", "client_id: [");
    let given =
        ["--dir", ".", "--client-id", "a", "--key-id", "b", "--credential", "c", "--tier", "brokerage"];
    let mut terminal = init(&folder, &given);
    terminal.sees("cannot be completed").answers("Write a new config.yaml?", "");
    assert!(terminal.ends(1).contains("nothing was written"));
    assert_eq!(folder.names(), ["config.yaml", "private.pem", "public.pem"]);

    let mut terminal = init(&folder, &given);
    terminal
        .answers("Write a new config.yaml?", "yes")
        .sees("use private.pem")
        .answers("Key [1]: ", "")
        .answers("Shut it (chmod 600)?", "maybe")
        .answers("type yes or no", "y")
        .answers("Replace it?", "");
    terminal.ends(0);
    assert_eq!((folder.mode("private.pem"), folder.read("public.pem.bak").as_str()), (0o600, "another"));
    assert_eq!(folder.read("config.yaml.bak"), "client_id: [");
}

#[test]
fn a_key_that_is_there_is_not_replaced_by_a_new_one() {
    let folder = Folder::new();
    folder.write("private.pem", std::fs::read(key("rsa3072")).unwrap());
    let given =
        ["--dir", ".", "--client-id", "a", "--key-id", "b", "--credential", "c", "--tier", "brokerage"];
    let mut terminal = init(&folder, &given);
    terminal
        .answers("Key [1]: ", "2")
        .answers("never replaced: ", "private.pem")
        .answers("is there already", "second.pem");
    terminal.ends(0);
    assert_eq!(folder.read("private.pem"), std::fs::read_to_string(key("rsa3072")).unwrap());
    assert_eq!(folder.read("second.pem"), private_half());
}
