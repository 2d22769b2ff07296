//! `ibkr-sim`: Interactive Brokers' Web API servers on this machine, to develop clients against.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use ibkr_sim::cli::{self, EXAMPLES};

/// A strict simulator of Interactive Brokers' Web API servers. Nothing it is sent reaches IBKR.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Program {
    #[command(flatten)]
    args: cli::Args,
    /// Print JSON for programs: a line when it is ready, then one for each request
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Program { args, json } = Program::parse();
    match cli::run(&args, json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without stderr there is nowhere left to complain.
            let _ = writeln!(io::stderr(), "ibkr-sim: {error}");
            ExitCode::FAILURE
        }
    }
}
