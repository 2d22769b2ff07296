//! The gateway as a process of its own, and where it says that it is.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use crate::process;

/// A login, made by a program without optimisation on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// It finishes requests for 12 s, and logs out.
const FAREWELL: Duration = Duration::from_secs(20);

pub(crate) struct Gateway {
    process: Child,
    lines: Receiver<String>,
    /// What it has said so far.
    said: Vec<String>,
    pub(crate) port: u16,
    /// The certificate that it has made, unless it speaks plain HTTP.
    pub(crate) certificate: Option<PathBuf>,
}

impl Gateway {
    /// Starts `ibkr-auth gateway …` at a free port and waits until it has logged in.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("ibkr-auth: {error}"))?;
        let lines = process.stdout.take().map(process::lines).ok_or("the gateway has no output")?;
        let mut gateway = Self { process, lines, said: Vec::new(), port: 0, certificate: None };
        gateway.await_login()?;
        Ok(gateway)
    }

    /// Of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end, as a service manager does, and returns what it said while it ran.
    pub(crate) fn stop(mut self) -> Result<(ExitStatus, Vec<String>), String> {
        self.ask_to_end();
        let until = Instant::now() + FAREWELL;
        let status = loop {
            match self.process.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None if Instant::now() > until => return Err("the gateway does not end".to_owned()),
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        Ok((status, said))
    }

    fn await_login(&mut self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|_| {
                format!("the gateway did not log in within {PATIENCE:?}:\n{}", self.said.join("\n"))
            })?;
            if let Some((_, port)) = line.split_once("Listening at ") {
                self.port = port.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
            } else if let Some(file) = line.strip_prefix("Certificate: ") {
                self.certificate = Some(PathBuf::from(file));
            }
            let is_connected = line.contains(CONNECTED);
            self.said.push(line);
            if is_connected {
                return Ok(());
            }
        }
    }

    fn ask_to_end(&mut self) {
        if let Ok(Some(_)) = self.process.try_wait() {
            return;
        }
        // The standard library knows no signals.
        let asked = Command::new("kill").arg(self.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
    }
}

/// Says so in a line when the session is there.
const CONNECTED: &str = "connected";

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
