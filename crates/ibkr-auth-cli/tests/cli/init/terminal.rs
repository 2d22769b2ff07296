//! The questions, on a pseudo-terminal.

use ibkr_auth_core::Tier;

use super::run::private_half;
use crate::common::{Folder, Terminal, public_half};

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

fn init(folder: &Folder, arguments: &[&str]) -> Terminal {
    Terminal::start(folder.init_with_openssl(arguments))
}

#[test]
fn from_nothing_to_settings_by_questions() {
    let folder = Folder::new();
    let mut terminal = init(&folder, &["--dir", "."]);
    terminal
        .sees("ibkr-auth guide")
        .sees("public half")
        .answers("Private key [new]: ", "")
        .sees("registered your public key")
        .answers("Client id: ", "MyFirm")
        .answers("Key id [main]: ", "")
        .sees("Paper Trading Account")
        .answers("Username: ", "me1234")
        .sees("TWS")
        .answers("Tier [brokerage]: ", "read-only")
        .sees("BEGIN PUBLIC KEY");
    assert!(terminal.ends(0).contains("ibkr-auth doctor"));
    let config = folder.written_settings().config;
    assert_eq!(config.login().identity()[..2], ["MyFirm", "main"]);
    assert_eq!((config.login().user(), config.tier()), ("me1234", Tier::ReadOnly));
    assert_eq!((folder.mode("config.yaml"), folder.mode("private.pem")), (0o600, 0o600));
    assert_eq!(folder.read("public.pem"), public_half());
}

#[test]
fn before_ibkr_has_answered_and_after() {
    let folder = Folder::new();
    let usual = folder.path("home/.config/ibkr-auth");
    let start = || {
        let mut command = folder.init_with_openssl(&[]);
        command.env_remove("XDG_CONFIG_HOME");
        Terminal::start(command)
    };
    let mut terminal = start();
    terminal
        .sees("home/.config/ibkr-auth")
        .answers("Private key [new]: ", "")
        .answers("Client id: ", "")
        .answers("Username: ", "")
        .answers("Tier [brokerage]: ", "")
        .sees("Not there yet: client_id, client_key_id, credential");
    terminal.ends(0);

    let mut terminal = start();
    terminal
        .answers("Client id: ", "MyFirm")
        .answers("Key id [main]: ", "k2")
        .answers("Username: ", "")
        .answers("is empty", "me1234")
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
    folder.write("demo.pem", ibkr_sim::demo::PRIVATE_KEY_PEM);
    let mut terminal = init(&folder, &["--dir", "sub"]);
    terminal
        .answers("Private key [new]: ", "other")
        .answers("no PEM section", "missing.pem")
        .answers("it does not exist", "demo.pem")
        .answers("everybody has its private half", "private.pem")
        .answers("Client id: ", "a\u{1b}[Db")
        .answers("control character", " a")
        .answers("space around it", "My Firm")
        .answers("Key id [main]: ", " ")
        .answers("is empty", "")
        .answers("Username: ", "")
        .answers("is empty", "Zoë")
        .answers("Tier [brokerage]: ", "gold")
        .answers("type brokerage or read-only", "");
    terminal.ends(0);
    let text = folder.read("sub/config.yaml");
    assert!(text.contains("\"My Firm\"") && text.contains("\"Zoë\""), "{text}");
}

#[test]
fn ctrl_c_leaves_at_each_question_and_writes_nothing() {
    let steps =
        [("Private key [new]: ", ""), ("Client id: ", "a"), ("Key id [main]: ", ""), ("Username: ", "b")];
    for left_at in 0..=steps.len() {
        let folder = Folder::new();
        let mut terminal = Terminal::start(folder.shell("trap : INT; \"$0\" init --dir .; echo code $?"));
        for (question, answer) in &steps[..left_at] {
            terminal.answers(question, answer);
        }
        let question = steps.get(left_at).map_or("Tier [brokerage]: ", |(question, _)| question);
        terminal.types(question, CTRL_C);
        let shown = terminal.until("code 130");
        assert!(!shown.contains("\u{1b}[?25l"), "the cursor stays: {shown:?}");
        assert!(folder.names().is_empty(), "{question}");
    }
}

#[test]
fn the_end_of_the_input_is_a_plain_error() {
    let folder = Folder::new();
    let mut terminal = init(&folder, &[]);
    terminal.types("Private key [new]: ", CTRL_D);
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
fn a_key_that_is_there_is_not_replaced_by_a_new_one() {
    let folder = Folder::with_key();
    let given =
        ["--dir", ".", "--client-id", "a", "--key-id", "b", "--credential", "c", "--tier", "brokerage"];
    let mut terminal = init(&folder, &given);
    terminal.answers("Private key [private.pem]: ", "new").answers("is there already", "");
    terminal.ends(0);
    assert_eq!(folder.read("private.pem"), private_half());
    assert_eq!(folder.written_settings().key.file(), Some(folder.path("private.pem").as_path()));
}
