//! The questions, on a pseudo-terminal.

use std::{process::Command, time::Duration};

use assert_cmd::cargo::cargo_bin;
use expectrl::{Eof, Expect, Session, process::unix::WaitStatus, session::OsSession};
use ibkr_auth_core::Tier;
use ibkr_sim::demo;

use crate::support::{Case, isolate, key, openssl};

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

struct Terminal(OsSession);

impl Terminal {
    fn init(case: &Case, args: &[&str]) -> Self {
        let mut command = Command::new(cargo_bin("ibkr-auth"));
        isolate(case.path(), |name, value| match value {
            Some(value) => _ = command.env(name, value),
            None => _ = command.env_remove(name),
        });
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../ibkr-sim/demo/demo-client.pem");
        command.env("FAKE_KEY", demo).env("TERM", "xterm").env_remove("NO_COLOR");
        command.args(["init", "--openssl", &openssl("knows-one-key")]).args(args).current_dir(case.path());
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(60)));
        Self(session)
    }

    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Self {
        self.0.expect(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        self
    }

    /// Waits for the question, then answers.
    #[track_caller]
    fn answers(&mut self, question: &str, answer: &str) -> &mut Self {
        self.sees(question);
        self.0.send_line(answer).unwrap();
        self
    }

    #[track_caller]
    fn types(&mut self, question: &str, keys: &str) -> &mut Self {
        self.sees(question);
        self.0.send(keys).unwrap();
        self
    }

    /// What was shown since the last question, once the program has ended with this code.
    #[track_caller]
    fn ends(&mut self, code: i32) -> String {
        let rest = self.0.expect(Eof).unwrap();
        let shown = String::from_utf8_lossy(rest.as_bytes()).into_owned();
        let status = self.0.get_process().wait().unwrap();
        assert!(matches!(status, WaitStatus::Exited(_, ended) if ended == code), "{status:?}: {shown}");
        shown
    }
}

#[test]
fn from_nothing_to_settings_by_questions() {
    let case = Case::new();
    let mut terminal = Terminal::init(&case, &[]);
    terminal
        .sees("docs/ONBOARDING.md")
        .sees("the current folder")
        .sees("your configuration folder")
        .answers("Folder [1]: ", "")
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
    let config = case.settings().config;
    assert_eq!((config.client_id(), config.client_key_id()), ("MyFirm", "main"));
    assert_eq!((config.credential().expose(), config.tier()), ("me1234", Tier::ReadOnly));
    assert_eq!((case.mode("config.yaml"), case.mode("private.pem")), (0o600, 0o600));
    assert_eq!(case.read("public.pem"), demo::PUBLIC_KEY_PEM);
}

#[test]
fn before_ibkr_has_answered_and_after() {
    let case = Case::new();
    let folder = case.file(".config/ibkr-auth");
    let mut terminal = Terminal::init(&case, &[]);
    terminal
        .answers("Folder [1]: ", "2")
        .answers("Key [1]: ", "")
        .answers("Client id: ", "")
        .answers("Username: ", "")
        .answers("Tier [1]: ", "")
        .sees("Not there yet: client_id and credential");
    terminal.ends(0);
    assert!(std::fs::read_to_string(folder.join("config.yaml")).unwrap().contains("# client_id: \"\""));

    let mut terminal = Terminal::init(&case, &["--dir", folder.to_str().unwrap()]);
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
    let text = std::fs::read_to_string(folder.join("config.yaml")).unwrap();
    for line in ["client_id: \"MyFirm\"", "client_key_id: \"k2\"", "credential: \"me1234\""] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
}

#[test]
fn wrong_answers_are_asked_again_with_the_reason() {
    let case = Case::with_key();
    case.write("other", "no key");
    let mut terminal = Terminal::init(&case, &[]);
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
    let text = case.read("sub/config.yaml");
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
        let case = Case::new();
        let mut terminal = Terminal::init(&case, &[]);
        for (question, answer) in &steps[..left_at] {
            terminal.answers(question, answer);
        }
        let question = steps.get(left_at).map_or("Tier [1]: ", |(question, _)| question);
        terminal.types(question, CTRL_C);
        let shown = terminal.ends(130);
        assert!(!shown.contains("\u{1b}[?25l"), "the cursor stays: {shown:?}");
        assert!(case.names().is_empty(), "{question}");
    }
}

#[test]
fn the_end_of_the_input_is_a_plain_error() {
    let case = Case::new();
    let mut terminal = Terminal::init(&case, &[]);
    terminal.answers("Folder [1]: ", "").types("Key [1]: ", CTRL_D);
    let shown = terminal.ends(2);
    assert!(shown.contains("nothing was written") && shown.contains("the input has ended"), "{shown}");
    assert!(case.names().is_empty());
}

#[test]
fn flags_are_not_asked_again() {
    let case = Case::new();
    let given = ["--dir", ".", "--client-id", "a", "--credential", "b", "--tier", "brokerage", "--new-key"];
    let mut terminal = Terminal::init(&case, &given);
    terminal.answers("Key id [main]: ", "");
    terminal.ends(0);
    let mut terminal = Terminal::init(&Case::new(), &["--no-input"]);
    assert!(terminal.ends(2).contains("these answers are missing"));
}

#[test]
fn an_open_key_is_shut_and_other_files_are_kept() {
    let case = Case::with_key();
    case.set_mode("private.pem", 0o640);
    case.write("public.pem", "another");
    case.write("config.yaml", "client_id: [");
    let given =
        ["--dir", ".", "--client-id", "a", "--key-id", "b", "--credential", "c", "--tier", "brokerage"];
    let mut terminal = Terminal::init(&case, &given);
    terminal.sees("cannot be completed").answers("Write a new config.yaml?", "");
    assert!(terminal.ends(1).contains("nothing was written"));
    assert_eq!(case.names(), ["config.yaml", "private.pem", "public.pem"]);

    let mut terminal = Terminal::init(&case, &given);
    terminal
        .answers("Write a new config.yaml?", "yes")
        .sees("use private.pem")
        .answers("Key [1]: ", "")
        .answers("Shut it (chmod 600)?", "maybe")
        .answers("type yes or no", "y")
        .answers("Replace it?", "");
    terminal.ends(0);
    assert_eq!((case.mode("private.pem"), case.read("public.pem.bak").as_str()), (0o600, "another"));
    assert_eq!(case.read("config.yaml.bak"), "client_id: [");
}

#[test]
fn a_key_that_is_there_is_not_replaced_by_a_new_one() {
    let case = Case::new();
    case.write("private.pem", std::fs::read(key("rsa3072")).unwrap());
    let given =
        ["--dir", ".", "--client-id", "a", "--key-id", "b", "--credential", "c", "--tier", "brokerage"];
    let mut terminal = Terminal::init(&case, &given);
    terminal
        .answers("Key [1]: ", "2")
        .answers("never replaced: ", "private.pem")
        .answers("is there already", "second.pem");
    terminal.ends(0);
    assert_eq!(case.read("private.pem"), std::fs::read_to_string(key("rsa3072")).unwrap());
    assert_eq!(case.read("second.pem"), demo::PRIVATE_KEY_PEM);
}
