//! The simulator as a process of its own, and what it says about the requests it got.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Not the address that the simulator would choose by itself: a peer that reports it has really asked.
pub(crate) const PUBLIC_IP: &str = "198.51.100.23";

/// Ends the words at the start; a line for each request follows.
const READY: &str = "Requests:";

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Simulator {
    process: Child,
    lines: Receiver<String>,
    proxy: String,
}

impl Simulator {
    /// Starts the program on free ports; it writes config.yaml and ca.pem into the folder.
    pub(crate) fn start(program: &Path, folder: &Path, options: &[&str]) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", program.display());
        let mut command = Command::new(program);
        for port in ["--port", "--lookup-port", "--proxy-port", "--admin-port"] {
            command.args([port, "0"]);
        }
        command.args(["--ip", PUBLIC_IP, "--write-config"]).arg(folder).args(options);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let lines = process.stdout.take().map(follow).ok_or("the simulator has no output")?;
        let mut simulator = Self { process, lines, proxy: String::new() };
        simulator.proxy = simulator.await_proxy()?;
        Ok(simulator)
    }

    /// The value for `HTTPS_PROXY`.
    pub(crate) fn proxy(&self) -> &str {
        &self.proxy
    }

    /// Stops it and returns what it said about the requests it got.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.kill();
        let rest = self.lines.iter();
        rest.filter(|line| !line.trim().is_empty()).collect()
    }

    fn await_proxy(&self) -> Result<String, String> {
        let mut proxy = None;
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).map_err(|_| "the simulator did not start".to_owned())?;
            if let Some((_, address)) = line.split_once("export HTTPS_PROXY=") {
                proxy = Some(address.to_owned());
            }
            if line.contains(READY) {
                return proxy.ok_or_else(|| "the simulator did not name its proxy".to_owned());
            }
        }
    }

    fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a line tells of a request that was answered with 200: `12:34:56 200 GET  host /path`.
/// Anything else is a complaint.
pub(crate) fn is_fine(line: &str) -> bool {
    line.split_whitespace().nth(1) == Some("200")
}

fn follow(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::is_fine;

    #[test]
    fn everything_but_200_is_a_complaint() {
        assert!(is_fine("20:23:16 200 POST api.ibkr.com /v1/api/logout"));
        for line in [
            "20:23:16 400 POST api.ibkr.com /oauth2/api/v1/token",
            "         refused, lifetime: it lives 600 s, at most 60 s are taken",
            "TLS handshake failed: unknown authority",
            "proxy: no tunnel to pypi.org",
        ] {
            assert!(!is_fine(line), "{line}");
        }
    }
}
