//! The command: what it writes and says.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
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
    command.args(["--port", "0", "--lookup-port", "0", "--proxy-port", "0", "--admin-port", "0"]);
    command
}

#[test]
fn it_writes_a_configuration_and_explains_refusals() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().canonicalize().unwrap();
    let mut child = Running(
        command()
            .arg("--write-config")
            .arg(&place)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut head = Vec::new();
    for line in &mut lines {
        if line.starts_with("Ctrl-C") {
            break;
        }
        head.push(line);
    }
    let head = head.join("\n");
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
    ] {
        let output = command().args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{said}");
    }
}
