//! The real program: the demo, a login against the simulator, and what it says when something is wrong.

use std::{fs, path::Path};

use assert_cmd::Command;
use ibkr_sim::{Endpoint, Server, SimConfig, demo};
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

    /// Only its owner can read it.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
        #[cfg(unix)]
        self.set_mode(name, 0o600);
    }

    #[cfg(unix)]
    fn set_mode(&self, name: &str, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(self.path().join(name), mode).unwrap();
    }

    fn fault(&self, script: &str) {
        self.simulator.handle().fault(script).unwrap();
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
    assert!(log.contains(" ureq::run: "), "the HTTP stack's too, without colours: {log}");
    assert!(!log.contains("eyJ") && !log.contains(demo::CREDENTIAL), "{log}");
}

#[test]
fn it_logs_out_whatever_has_failed_and_says_why_once() {
    let case = Case::new();
    case.fault(r#"{"on":"tickle","do":{"status":500}}"#);
    let (code, shown, error) = run(&mut case.login());
    assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.starts_with("error: tickle: the server answered 500"), "{error}");
    let line = shown.lines().find(|line| line.contains("✗ tickle")).unwrap();
    assert!(line.ends_with(" ms") && !shown.contains("500"), "{shown}");
    assert!(shown.contains("✓ logout") && !shown.contains("it works"), "{shown}");
    assert_eq!(case.simulator.handle().count(Endpoint::Logout), 1);
}

#[test]
fn a_failure_that_is_got_over_is_told_where_it_happened() {
    let case = Case::new();
    case.fault(r#"{"on":"token","calls":1,"do":{"status":503}}"#);
    let (code, shown, errors) = run(&mut case.login());
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{shown}");
    let lines: Vec<_> = shown.lines().skip_while(|line| !line.contains("✗ get_access_token")).collect();
    assert!(lines[1].contains("the server answered 503") && lines[2].contains("again in"), "{shown}");
}

#[test]
fn a_session_elsewhere_is_ended_only_when_that_is_asked_for() {
    let case = Case::new();
    let config = fs::read_to_string(case.path().join("config.yaml")).unwrap();
    case.write("config.yaml", &(config + "compete: true\n"));
    case.simulator.handle().kick(None);
    for _ in 0..2 {
        let (code, shown, error) = run(&mut case.login());
        assert_eq!((code, error.lines().count()), (Some(1), 1), "{shown}{error}");
        assert!(error.contains("TWS") && error.contains("--compete"), "{error}");
        assert!(shown.contains("✓ logout"), "{shown}");
    }
    let (code, shown, error) = run(case.login().arg("--compete"));
    assert_eq!((code, error.as_str()), (Some(0), ""), "{shown}");
}

#[cfg(unix)]
#[test]
fn an_open_key_is_warned_about_once() {
    let case = Case::new();
    case.set_mode("private.pem", 0o644);
    for more in ["--config=config.yaml", "-v"] {
        let (code, _, said) = run(case.login().arg(more));
        assert_eq!(
            (code, said.matches("private.pem is open to other users").count()),
            (Some(0), 1),
            "{said}"
        );
        assert!(said.contains("warning: "), "{said}");
    }
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
    fails(case.login().env("HTTPS_PROXY", "socks5://127.0.0.1:1"), "SOCKS");
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
