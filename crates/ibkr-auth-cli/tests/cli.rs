//! The real program: the demo, a login against the simulator, and what it says when something is wrong.

use std::{fs, path::Path};

use assert_cmd::Command;
use ibkr_sim::{Server, SimConfig, demo};
use tempfile::TempDir;

struct Case {
    simulator: Server,
    folder: TempDir,
}

impl Case {
    /// IBKR's real names, which `HTTPS_PROXY` and `SSL_CERT_FILE` lead to the simulator.
    fn new() -> Self {
        let case = Self {
            simulator: Server::start(SimConfig::default()).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        case.write("ca.pem", case.simulator.ca_pem());
        case.write("private.pem", demo::PRIVATE_KEY_PEM);
        case.write(
            "config.yaml",
            &format!(
                "client_id: {}\nclient_key_id: {}\ncredential: {}\nprivate_key_file: private.pem\n",
                demo::CLIENT_ID,
                demo::KEY_ID,
                demo::CREDENTIAL
            ),
        );
        case
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn login(&self) -> Command {
        let mut command = ibkr_auth();
        command
            .arg("login")
            .current_dir(self.path())
            .env("HTTPS_PROXY", self.simulator.proxy_url())
            .env("SSL_CERT_FILE", self.path().join("ca.pem"));
        command
    }
}

fn ibkr_auth() -> Command {
    let mut command = Command::cargo_bin("ibkr-auth").unwrap();
    for variable in
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR"]
    {
        command.env_remove(variable);
    }
    command
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_demo_shows_each_step_and_needs_nothing() {
    let empty = tempfile::tempdir().unwrap();
    let (code, shown, errors) = run(ibkr_auth().arg("demo").current_dir(empty.path()));
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{shown}");
    for step in [
        "get_access_token",
        "public_ip",
        "get_bearer_token",
        "validate_sso",
        "ssodh_init",
        "status",
        "tickle",
        "logout",
    ] {
        assert!(shown.contains(&format!("✓ {step}")), "{step}: {shown}");
    }
    assert!(shown.contains(demo::ACCOUNT) && shown.contains("refused 0"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colour where there is no terminal: {shown}");
}

#[test]
fn a_login_follows_proxy_and_trust_store_of_the_environment() {
    let case = Case::new();
    let (code, shown, errors) = run(&mut case.login());
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{shown}");
    assert!(shown.contains("api.ibkr.com") && shown.contains("paper account"), "{shown}");
    let counters = case.simulator.handle().counters();
    assert!(counters.refusals.is_empty() && counters.hosts["api.ibkr.com"] >= 6);
}

#[test]
fn logs_go_to_standard_error_and_hold_no_secret() {
    let case = Case::new();
    let (code, _, log) = run(case.login().arg("-vv"));
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("get_bearer_token"), "{log}");
    assert!(!log.contains("eyJ") && !log.contains(demo::CREDENTIAL), "{log}");
}

#[test]
fn a_typing_mistake_gives_file_line_key_and_the_right_one() {
    let case = Case::new();
    case.write(
        "config.yaml",
        "client_id: a\nclient_key_id: b\ncredentail: hunter2\nprivate_key_file: private.pem\n",
    );
    let (code, _, error) = run(&mut case.login());
    assert_eq!(code, Some(1));
    for word in ["config.yaml:3", "credentail", "credential"] {
        assert!(error.contains(word), "{error}");
    }
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let case = Case::new();
    let fails = |command: &mut Command, word: &str| {
        let (code, _, error) = run(command);
        assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.starts_with("error: ") && error.contains(word), "{word}: {error}");
    };
    fails(case.login().args(["--config", "nowhere.yaml"]), "nowhere.yaml");
    fails(case.login().args(["--config", "."]), "folder");
    fails(case.login().env("IBKR_AUTH_CREDENTIAL", "nobody"), "credential");
    fails(case.login().env("IBKR_AUTH_CLIENT_KEY_ID", "other"), "client_key_id");
    fails(case.login().env("SSL_CERT_FILE", case.path().join("private.pem")), "certificate");
    fails(
        case.login().env("HTTPS_PROXY", "http://127.0.0.1:1").env("IBKR_AUTH_RETRY_ATTEMPTS", "1"),
        "proxy",
    );
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let (code, _, error) = run(ibkr_auth().arg("logn"));
    assert_eq!(code, Some(2));
    assert!(error.contains("login"), "{error}");
}
