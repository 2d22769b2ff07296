//! The log of `-v` and `-vv`.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

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
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .init();
}
