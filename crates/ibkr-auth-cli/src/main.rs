//! `ibkr-auth`: logs in to Interactive Brokers' Web API from the command line, and stays logged in.

#![warn(clippy::unwrap_used, clippy::expect_used)]

mod args;
mod commands;
mod doctor;
mod exit;
mod failure;
#[cfg(feature = "gateway")]
mod gateway;
mod harden;
mod help;
mod init;
mod interrupt;
mod keep;
mod keeping;
mod lazy_key;
mod local;
mod log;
mod mask;
mod options;
mod output;
mod profile;
mod progress;
mod public_key;
mod sessions;
#[cfg(feature = "simulator")]
mod simulator;
#[cfg(unix)]
mod tty;
mod utc;
mod wrap;

use std::process::ExitCode;

use args::{Args, Command};
use clap::{ColorChoice, CommandFactory, Parser};
#[cfg(feature = "simulator")]
use commands::demo;
use commands::{api, authorize, guide, login, logout, profiles, shell, status, tickle, token, validate};
use exit::Exit;
use failure::Failure;
use ibkr_auth_store::Store;
use options::Global;
use output::Output;
use profile::Profile;
use sessions::Sessions;

fn main() -> ExitCode {
    harden::forbid_core_dumps();
    let Args { mut global, command } = parse();
    global.add_variables();
    log::to_stderr(global.verbose, global.json, command.serves());
    let output = Output::new(global.json, global.quiet, global.color);
    match run(&global, output, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is(Exit::ClosedPipe) && !failure.is_told {
                output.failure(&failure);
            }
            ExitCode::from(failure.exit)
        }
    }
}

/// Wrong usage is told to programs as JSON too.
fn parse() -> Args {
    Args::try_parse().unwrap_or_else(|error| {
        let is_program = || std::env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json");
        if error.use_stderr() && is_program() {
            Output::new(true, false, ColorChoice::Never).failure(&usage(&error));
            std::process::exit(Exit::Usage as i32);
        }
        error.exit()
    })
}

/// What clap says: the mistake, perhaps tips, and how it should be.
fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut parts = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let what = parts.next().unwrap_or_default();
    let tips: Vec<_> = parts.filter_map(|part| part.strip_prefix("tip: ").map(str::to_owned)).collect();
    let help = match tips.is_empty() {
        true => "run it with `--help` instead".to_owned(),
        false => tips.join("; "),
    };
    Failure::new(Exit::Usage, what.strip_prefix("error: ").unwrap_or(&what)).help(help)
}

fn run(global: &Global, output: Output, command: Command) -> Result<(), Failure> {
    let sessions = || sessions(global, output);
    match command {
        Command::Init(args) => init::run(global, output, &args),
        Command::Authorize(args) => authorize::run(global, output, &args),
        Command::Doctor(args) => doctor::run(global, output, &args),
        Command::Login(args) => login::run(&sessions()?, &args),
        Command::Status => status::run(&sessions()?),
        Command::Tickle => tickle::run(&sessions()?),
        Command::Validate => validate::run(&sessions()?),
        Command::Logout => logout::run(&sessions()?),
        Command::Keep(args) => keep::run(&sessions()?, &args),
        #[cfg(feature = "gateway")]
        Command::Gateway(args) => gateway::run(global, output, &args),
        Command::Header(args) => token::header(&sessions()?, &args),
        Command::Sign(args) => token::sign(&sessions()?, &args),
        Command::Token(args) => token::token(&sessions()?, &args),
        Command::Get(args) => api::get(&sessions()?, &args),
        Command::Post(args) => api::post(&sessions()?, &args),
        Command::Delete(args) => api::delete(&sessions()?, &args),
        #[cfg(feature = "simulator")]
        Command::Demo => demo::run(output),
        #[cfg(feature = "simulator")]
        Command::Sim(args) => simulator::run(&args, output),
        Command::Profiles => profiles::run(global, output),
        Command::Guide(args) => guide::run(output, &args),
        Command::Completions { shell } => shell::completions(Args::command(), shell),
        Command::Man { dir } => shell::man(Args::command(), dir.as_deref()),
    }
}

/// The sessions of the settings of this invocation.
fn sessions(global: &Global, output: Output) -> Result<Sessions, Failure> {
    let profile = Profile::read(global)?;
    profile.warnings.iter().for_each(|warning| output.warning(warning));
    let store = Store::new(global.state_dir.as_deref(), &profile.identity())?;
    Ok(Sessions::new(output, profile, store))
}
