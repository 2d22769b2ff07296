//! The command line of `ibkr-sim`, for other programs to offer as well.

mod args;
mod files;
mod log;
mod setup;

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use crate::{Server, ServerConfig};

pub use args::{Args, EXAMPLES};
use log::Log;
use setup::Place;

/// Serves until it is interrupted.
///
/// # Errors
/// When a file, a fault or a port cannot be used; the text says which and what to do.
pub fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
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
