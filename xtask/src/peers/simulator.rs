//! The simulator as a process of its own, and what it says about the requests it got.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::process;

/// Not the address that the simulator would choose by itself: a peer that reports it has really asked.
pub(crate) const PUBLIC_IP: &str = "198.51.100.23";

/// Ends the words at the start; a line for each request follows.
const READY: &str = "Requests:";

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Simulator {
    process: Child,
    lines: Receiver<String>,
    doors: Doors,
}

/// Where it is reached.
#[derive(Default)]
struct Doors {
    proxy: String,
    /// `HOST:PORT`.
    admin: String,
}

impl Simulator {
    /// Starts the program on free ports.
    pub(crate) fn start<S: AsRef<OsStr>>(program: &Path, options: &[S]) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", program.display());
        let mut command = Command::new(program);
        for port in ["--port", "--lookup-port", "--proxy-port", "--admin-port"] {
            command.args([port, "0"]);
        }
        command.args(["--ip", PUBLIC_IP]).args(options);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let lines = process.stdout.take().map(process::lines).ok_or("the simulator has no output")?;
        let mut simulator = Self { process, lines, doors: Doors::default() };
        simulator.doors = simulator.await_doors()?;
        Ok(simulator)
    }

    /// The value for `HTTPS_PROXY`.
    pub(crate) fn proxy(&self) -> &str {
        &self.doors.proxy
    }

    /// The address of its admin port.
    pub(crate) fn admin(&self) -> String {
        format!("http://{}", self.doors.admin)
    }

    /// What it has counted so far, as its admin port tells it.
    pub(crate) fn counters(&self) -> Result<Counters, String> {
        let admin = &self.doors.admin;
        let ask = || {
            let mut stream = TcpStream::connect(admin)?;
            write!(stream, "GET /counters HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        let answer = ask().map_err(|error| format!("the simulator's admin port: {error}"))?;
        Ok(Counters::read(&answer))
    }

    /// Stops it and returns what it said about the requests it got.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.kill();
        let rest = self.lines.iter();
        rest.filter(|line| !line.trim().is_empty()).collect()
    }

    fn await_doors(&self) -> Result<Doors, String> {
        let mut doors = Doors::default();
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).map_err(|_| "the simulator did not start".to_owned())?;
            if let Some((_, address)) = line.split_once("export HTTPS_PROXY=") {
                address.clone_into(&mut doors.proxy);
            } else if let Some((_, address)) = line.split_once("  admin   http://") {
                address.clone_into(&mut doors.admin);
            } else if line.contains(READY) {
                let known = !doors.proxy.is_empty() && !doors.admin.is_empty();
                return known.then_some(doors).ok_or("the simulator did not name its ports".to_owned());
            }
        }
    }

    fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How often it was asked, and over how many connections.
#[derive(Debug, PartialEq)]
pub(crate) struct Counters {
    pub(crate) requests: u64,
    pub(crate) tunnels: u64,
    pub(crate) refusals: u64,
}

impl Counters {
    fn read(json: &str) -> Self {
        // The numbers behind a name: of an object up to its brace, else up to the next comma.
        let sum = |name: &str, end: char| {
            let rest = json.split_once(&format!("\"{name}\": ")).map_or("", |(_, rest)| rest);
            let entries = rest.split(end).next().unwrap_or("").split([',', '\n']);
            let numbers = entries.filter_map(|entry| entry.rsplit(' ').next()?.trim().parse::<u64>().ok());
            numbers.sum()
        };
        Self { requests: sum("requests", '}'), tunnels: sum("tunnels", ','), refusals: sum("refusals", '}') }
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

#[cfg(test)]
mod tests {
    use super::{Counters, is_fine};

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
    #[test]
    fn counters_are_read_from_what_the_admin_port_tells() {
        let json = "{\n  \"connections\": {\n    \"tcp\": 4,\n    \"tunnels\": 3,\n    \"tunnels_refused\": 9\n  },\n  \
                    \"sim\": {\n    \"refusals\": {},\n    \"requests\": {\n      \"init\": 1,\n      \"token\": 4\n    },\n    \
                    \"tokens\": 7\n  }\n}\n";
        assert_eq!(Counters::read(json), Counters { requests: 5, tunnels: 3, refusals: 0 });
    }
}
