//! `ibkr-sim`: Interactive Brokers' Web API servers on this machine, to develop clients against.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
