//! The command line of `ibkr-sim`, for other programs to offer as well.

mod args;
mod json;
mod log;
mod rules;
mod setup;

use std::{
    io::{self, IsTerminal, Write},
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use crate::{Observer, Ports, Server, ServerConfig};

pub use args::{Args, EXAMPLES};
use log::Log;
use setup::Place;

/// Serves until it is interrupted. With `json` it speaks to programs: a line when it is ready, and one for
/// each request.
///
/// # Errors
/// When a file, a fault or a port cannot be used; the text says which and what to do.
pub fn run(args: &Args, json: bool) -> Result<(), Box<dyn std::error::Error>> {
    if args.asks_for_rules() {
        write!(io::stdout(), "{}", rules::help())?;
        return Ok(());
    }
    let mut config = args.server_config()?;
    if !args.quiet {
        config.observer = Some(observer(json));
    }
    let place = Place::prepare(args)?;
    config.authority = place.authority()?;
    let identity = args.identity(&config.sim);
    let server = start(config)?;
    let place = place.write(&server, &identity)?;
    let said =
        if json { json::ready(&place, &server, &identity) } else { place.instructions(&server, &identity) };
    write!(io::stdout(), "{said}")?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    let said = if json { json::summary(&server) } else { log::summary(&server) };
    write!(io::stdout(), "{said}")?;
    Ok(())
}

fn observer(json: bool) -> Observer {
    let log = Log::new(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    Arc::new(move |event| {
        let text = if json { json::event(event) } else { log.event(event) };
        // A closed pipe must not stop the servers.
        let _ = io::stdout().write_all(text.as_bytes());
    })
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
