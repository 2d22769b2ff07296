//! The command: what it writes and says.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ibkr-sim"));
    command.args(["--port", "0"]);
    command
}

/// Starts it, and reads its instructions and then what it goes on to say.
fn start(command: &mut Command) -> (Running, String, impl Iterator<Item = String> + use<>) {
    let mut child = Running(command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let head: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
    (child, head.join("\n"), lines)
}

fn write_config(place: &Path) -> Command {
    let mut command = command();
    command.arg("--write-config").arg(place);
    command
}

#[test]
fn it_writes_a_configuration_and_explains_refusals() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().canonicalize().unwrap();
    let (_child, head, mut lines) = start(&mut write_config(&place));
    assert!(head.contains(&format!("export SSL_CERT_FILE={}", place.join("ca.pem").display())), "{head}");
    assert!(head.contains("export HTTPS_PROXY=http://127.0.0.1:"));

    let config = fs::read_to_string(place.join("config.yaml")).unwrap();
    for part in [
        "client_id: 'DemoClient'",
        "client_key_id: 'main'",
        "credential: 'demouser'",
        "base_url: https://localhost:",
    ] {
        assert!(config.contains(part), "{config}");
    }
    assert!(fs::read_to_string(place.join("private.pem")).unwrap().contains("BEGIN PRIVATE KEY"));
    let oauth1 = fs::read_to_string(place.join("oauth1.yaml")).unwrap();
    assert!(oauth1.contains("\noauth1_consumer_key: 'DEMOTRADE'\noauth1_access_token: '"), "{oauth1}");
    for (key, label) in [
        ("private_key_file", "PRIVATE KEY"),
        ("oauth1_encryption_key_file", "PRIVATE KEY"),
        ("oauth1_dh_param_file", "DH PARAMETERS"),
    ] {
        let file = oauth1.split(&format!("{key}: '")).nth(1).unwrap().split('\'').next().unwrap();
        assert!(fs::read_to_string(file).unwrap().starts_with(&format!("-----BEGIN {label}")), "{file}");
    }

    // A tunnel to elsewhere is refused with a reason, on the wire and on the terminal.
    let proxy = head.split("HTTPS_PROXY=http://").nth(1).unwrap().lines().next().unwrap();
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream
        .write_all(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let line = lines.find(|line| line.starts_with("proxy: ")).unwrap();
    assert!(line.contains("no tunnel to example.com:443"), "{line}");
}

#[test]
fn it_says_what_is_wrong_with_its_arguments() {
    for (arguments, expected) in [
        (&["--fault", "{}"][..], "--fault: missing field `do`"),
        (&["--client-id", "x", "--credential", "y", "--public-key", "/nowhere"], "/nowhere: "),
        (&["--client-id", "x"], "required arguments"),
        (&["--start", "yesterday"], "neither Unix seconds nor"),
        (&["--rule", "berer_life=10m"], "did you mean `bearer_life`?"),
        (&["--rule", "bearer_life=soon"], "bearer_life: `soon` is no time"),
        (&["--rule", "bearer_life"], "write it NAME=VALUE"),
        (&["--port", "65534"], "--port 65534 leaves no room"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ibkr-sim"));
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{said}");
    }
}

#[test]
fn rules_are_set_and_listed() {
    let listed = command().args(["--rule", "help"]).stdin(Stdio::null()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for rule in ibkr_sim::Rules::default().list() {
        assert!(listed.contains(&format!("\n  {}={}  (", rule.name, rule.default)), "{listed}");
    }
    assert!(listed.lines().all(|line| line.len() <= 80), "{listed}");

    let (_child, head, _) =
        start(command().args(["--no-pacing", "--rule", "bearer_life=10m", "--rule", "gzip=false"]));
    let admin = head.lines().find_map(|line| line.trim().strip_prefix("admin   http://")).unwrap();
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.write_all(b"GET /rules HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let rules: Vec<serde_json::Value> =
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let set: Vec<_> = rules.iter().filter(|rule| rule["value"] != rule["default"]).collect();
    let set: Vec<_> = set.iter().map(|rule| (rule["name"].as_str(), rule["value"].as_str())).collect();
    let expected = [("bearer_life", "10m"), ("gzip", "false"), ("pacing", "off")];
    assert_eq!(set, expected.map(|(name, value)| (Some(name), Some(value))));
}

#[test]
fn a_file_of_somebody_elses_is_never_overwritten() {
    let another_authority = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
    for (name, content) in [
        ("private.pem", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"),
        ("private.pem", ""),
        ("config.yaml", "client_id: TESTCONS\n"),
        ("oauth1.yaml", "oauth1_consumer_key: TESTCONS\n"),
        ("oauth1-dhparam.pem", "-----BEGIN DH PARAMETERS-----\nMAYC\n-----END DH PARAMETERS-----\n"),
        ("ca.pem", another_authority),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(name);
        fs::write(&file, content).unwrap();
        let output = write_config(directory.path()).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(name) && said.contains("folder"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was written beside it");
    }
}

#[test]
fn its_own_files_are_written_again_until_somebody_changes_them() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        drop(start(&mut write_config(directory.path())));
    }
    let config = directory.path().join("config.yaml");
    let changed = fs::read_to_string(&config).unwrap() + "user_agent: mine\n";
    fs::write(&config, &changed).unwrap();
    let output = write_config(directory.path()).stdin(Stdio::null()).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("config.yaml"));
    assert_eq!(fs::read_to_string(&config).unwrap(), changed);
}

#[cfg(unix)]
#[test]
fn others_cannot_change_what_is_written_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let direct = write_config(directory.path());
    let mut careless = Command::new("sh");
    careless.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(direct.get_program()).args(direct.get_args());
    drop(start(&mut careless));
    for name in ["ca.pem", "private.pem", "config.yaml", "oauth1-encryption.pem", "oauth1.yaml"] {
        let mode = fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{name} {mode:o}");
    }
}

#[cfg(unix)]
#[test]
fn keys_and_temporary_folders_are_for_their_owner_alone() {
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    };
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("private.pem");
    drop(start(&mut write_config(directory.path())));
    assert_eq!(mode(&key), 0o600);
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    drop(start(&mut write_config(directory.path())));
    assert_eq!(mode(&key), 0o600, "also when it replaces one");

    let temporary = tempfile::tempdir().unwrap();
    let (child, head, _) = start(command().env("TMPDIR", temporary.path()));
    let ca = head.lines().find_map(|line| line.trim().strip_prefix("export SSL_CERT_FILE=")).unwrap();
    let folder = Path::new(ca).parent().unwrap();
    assert_eq!(mode(folder), 0o700);
    assert!(!folder.ends_with(format!("ibkr-sim-{}", child.0.id())), "its name cannot be guessed");
}

#[test]
fn the_authority_is_the_same_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut certificates = ["--write-config", "--ca-dir"].map(|flag| {
        drop(start(command().arg(flag).arg(directory.path())));
        fs::read_to_string(directory.path().join("ca.pem")).unwrap()
    });
    assert_eq!(certificates[0], certificates[1]);
    fs::remove_file(directory.path().join("ca-key.pem")).unwrap();
    drop(start(&mut write_config(directory.path())));
    certificates[0] = fs::read_to_string(directory.path().join("ca.pem")).unwrap();
    assert_ne!(certificates[0], certificates[1], "its key was lost");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["ca.pem", "ca-key.pem", "private.pem", "config.yaml", "oauth1-signature.pem", "oauth1.yaml"]
    {
        let directory = tempfile::tempdir().unwrap();
        drop(start(&mut write_config(directory.path())));
        let own = elsewhere.path().join(name);
        fs::rename(directory.path().join(name), &own).unwrap();
        for target in [&own, &elsewhere.path().join("nothing")] {
            let link = directory.path().join(name);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(target, &link).unwrap();
            let before = fs::read(target).ok();
            let output = write_config(directory.path()).stdin(Stdio::null()).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && said.contains("symbolic link"), "{name}: {said}");
            assert_eq!(fs::read(target).ok(), before);
        }
    }
}

#[test]
fn several_usernames_have_a_profile_each() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = write_config(directory.path());
    drop(start(command.args(["--credential", "alice", "--credential", "bob", "--plain"])));
    let config = fs::read_to_string(directory.path().join("config.yaml")).unwrap();
    let profiles = "default_profile: 'alice'\nprofiles:\n  'alice':\n    credential: 'alice'\n  'bob':\n    credential: 'bob'\n";
    assert!(config.ends_with(profiles), "{config}");
    assert!(config.contains("base_url: http://localhost:") && !config.contains("ca_file"), "{config}");
}

#[test]
fn programs_are_told_in_json() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = write_config(directory.path());
    let mut child =
        Running(command.arg("--json").stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap());
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut events = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    let ready = events.next().unwrap();
    assert_eq!((&ready["event"], &ready["pid"]), (&"ready".into(), &child.0.id().into()));
    for file in ["ca_file", "config_file", "oauth1_config_file"] {
        assert!(Path::new(ready[file].as_str().unwrap()).exists(), "{ready}");
    }
    let lookup = ready["lookup_url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(lookup).unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let request = events.next().unwrap();
    assert_eq!(
        (&request["event"], &request["path"], &request["status"]),
        (&"request".into(), &"/x".into(), &200.into())
    );
}
