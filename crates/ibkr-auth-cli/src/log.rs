//! The log of `-v` and `-vv`.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use crate::progress::hidden;

/// `-v` our own log, `-vv` that of the HTTP stack too, which arrives through the crate `log`. Not beyond `debug`: at
/// `trace` the HTTP stack writes whole requests.
pub(crate) fn to_stderr(verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "warn,ibkr_auth_core=debug",
        _ => "debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(|| Lines)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .init();
}

/// Standard error, beside the progress.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        hidden(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
