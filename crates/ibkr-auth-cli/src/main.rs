//! `ibkr-auth`: logs in to Interactive Brokers' Web API from the command line.

#![warn(clippy::unwrap_used, clippy::expect_used)]

mod args;
mod demo;
mod login;
mod report;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser;

fn main() -> ExitCode {
    let args = Args::parse();
    report::log_to_stderr(args.verbose);
    let outcome = match args.command {
        Command::Demo => demo::run(),
        Command::Login { config, compete } => login::run(&config, compete),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::failure(&error);
            ExitCode::FAILURE
        }
    }
}
