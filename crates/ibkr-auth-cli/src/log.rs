//! The log of `-v` and `-vv`, and a gateway's warnings.

use std::io::{self, Write};

use ibkr_auth_core::text::one_line;
use tracing_subscriber::EnvFilter;

use crate::progress::hidden;

/// `-v` our own log, `-vv` that of the HTTP stack too, which arrives through the crate `log`. Not beyond
/// `debug`: at `trace` the HTTP stack writes whole requests.
/// `is_json`: for programs, an object a line. `serves`: nobody else tells what happens to clients.
pub(crate) fn to_stderr(verbose: u8, is_json: bool, serves: bool) {
    let filter = match verbose {
        0 if serves => "ibkr_gateway=warn",
        0 => return,
        1 => "warn,ibkr_auth_core=debug,ibkr_gateway=debug",
        _ => "debug",
    };
    // Colours are what `Lines` could not tell from what a server sends.
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(|| Lines)
        .with_ansi(false);
    if is_json { log.json().init() } else { log.init() }
}

/// Standard error, beside the progress. What is written at once is one line, whatever stands in it.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = one_line(String::from_utf8_lossy(bytes).trim_end());
        hidden(|| writeln!(io::stderr(), "{line}")).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
