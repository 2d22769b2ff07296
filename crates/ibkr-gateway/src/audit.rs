//! One line for each request that changes something: who asked for what, and what became of it. No secret, no
//! body, no query.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::mpsc::{SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::SystemTime,
};

use humantime::format_rfc3339_millis;
use serde_json::json;
use tokio::time::Instant;

use crate::{reply::Reply, seat::Seat, serve::Asked};

/// So many lines wait for a slow disk; further ones are in the log alone.
const MOST_LINES: usize = 4_096;

/// Where the lines go: a file, on a thread of its own, or the log alone.
pub(crate) struct Audit(Option<Writer>);

struct Writer {
    lines: Option<SyncSender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Audit {
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn open(file: Option<&Path>) -> io::Result<Self> {
        let Some(path) = file else { return Ok(Self(None)) };
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file: File = options.open(path)?;
        let (lines, written) = sync_channel::<String>(MOST_LINES);
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || {
            for line in written {
                if let Err(error) = writeln!(file, "{line}") {
                    tracing::error!("the audit file cannot be written: {error}");
                }
            }
        })?;
        Ok(Self(Some(Writer { lines: Some(lines), thread: Some(thread) })))
    }

    fn write(&self, line: String) {
        tracing::info!(target: "ibkr_gateway::audit", "{line}");
        let lines = self.0.as_ref().and_then(|writer| writer.lines.as_ref());
        if lines.is_some_and(|lines| lines.try_send(line).is_err()) {
            tracing::error!("the audit file is too slow: a line is in the log alone");
        }
    }
}

impl Drop for Writer {
    /// What was done is written down before the process ends.
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // It has said why it failed.
            let _ = thread.join();
        }
    }
}

impl Seat {
    /// Writes down what became of a request.
    pub(crate) fn audit(&self, asked: &Asked, reply: &Reply, begin: Instant) {
        let fate = reply.extensions().get::<crate::reply::Fate>().map(|fate| fate.name());
        self.audit.write(
            json!({
                "at": format_rfc3339_millis(SystemTime::now()).to_string(),
                "session": self.name,
                "from": asked.peer.ip().to_string(),
                "method": asked.method.as_str(),
                "path": asked.path,
                "status": reply.status().as_u16(),
                "fate": fate.unwrap_or("answered"),
                "ms": u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            })
            .to_string(),
        );
    }
}
