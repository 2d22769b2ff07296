//! The command line.

mod args;
mod files;
mod log;
mod setup;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use ibkr_sim::{Server, ServerConfig};

use args::Args;
use log::Log;
use setup::Place;

pub(crate) fn run() -> ExitCode {
    let args = Args::parse();
    match serve(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without stderr there is nowhere left to complain.
            let _ = writeln!(io::stderr(), "ibkr-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = args.server_config()?;
    let log = Arc::new(Log::new(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()));
    if !args.quiet {
        let log = Arc::clone(&log);
        config.observer = Some(Arc::new(move |event| log.event(event)));
    }
    let identity = args.identity(&config.sim);
    let server = start(config)?;
    let place = Place::prepare(args, &server, &identity)?;
    write!(io::stdout(), "{}", place.instructions(&server, &identity))?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    write!(io::stdout(), "{}", log::summary(&server))?;
    Ok(())
}

fn start(config: ServerConfig) -> io::Result<Server> {
    let ports = config.ports;
    Server::start(config).map_err(|error| {
        let text = format!("cannot listen on {ports:?}: {error}. Choose other ports, or 0 for free ones");
        io::Error::new(error.kind(), text)
    })
}
