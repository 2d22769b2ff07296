//! The command line of `ibkr-sim`, for other programs to offer as well.

mod args;
mod files;
mod log;
mod rules;
mod setup;

use std::{
    io::{self, IsTerminal, Write},
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use crate::{Ports, Server, ServerConfig};

pub use args::{Args, EXAMPLES};
use log::Log;
use setup::Place;

/// Serves until it is interrupted.
///
/// # Errors
/// When a file, a fault or a port cannot be used; the text says which and what to do.
pub fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    if args.asks_for_rules() {
        write!(io::stdout(), "{}", rules::help())?;
        return Ok(());
    }
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
    let ports = flags(config.ports);
    Server::start(config).map_err(|error| {
        let text = match ports.into_iter().find(|(port, _)| is_taken(*port)) {
            Some((port, flag)) => {
                format!(
                    "cannot listen on port {port}: {error}; choose another with {flag}, or 0 for a free one"
                )
            }
            None => format!("cannot start the servers: {error}; give each its own port, or 0 for a free one"),
        };
        io::Error::new(error.kind(), text)
    })
}

/// The ports, and the flag that chooses each.
fn flags(ports: Ports) -> [(u16, &'static str); 4] {
    [
        (ports.https, "--port"),
        (ports.lookup, "--lookup-port"),
        (ports.proxy, "--proxy-port"),
        (ports.admin, "--admin-port"),
    ]
}

fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}
