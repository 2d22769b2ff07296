//! Sockets that a service manager has opened for the gateway (sd_listen_fds(3)): clients may connect before
//! it runs, and while it starts anew.

use std::net::{SocketAddr, TcpListener};

use ibkr_gateway::Login;

use crate::{exit::Exit, failure::Failure};

/// Those that were handed over; none where nobody does so.
///
/// # Errors
/// When one of them is no TCP socket.
#[cfg(unix)]
pub(super) fn sockets() -> Result<Vec<TcpListener>, Failure> {
    let mut handed = listenfd::ListenFd::from_env();
    let taken = (0..handed.len()).map(|index| handed.take_tcp_listener(index));
    let taken: Result<Vec<_>, _> = taken.collect();
    let taken = taken.map_err(|error| {
        Failure::new(Exit::Usage, "a socket of the service manager's cannot be used")
            .why(error.to_string())
            .help("let the unit's `ListenStream` name a port, or an address and a port")
    })?;
    Ok(taken.into_iter().flatten().collect())
}

#[cfg(not(unix))]
pub(super) fn sockets() -> Result<Vec<TcpListener>, Failure> {
    Ok(Vec::new())
}

/// One session is served at all of the sockets, whatever its settings say; of several, each at those whose
/// addresses it names.
pub(super) fn assign(sockets: &[TcpListener], logins: &mut [Login]) -> Result<(), Failure> {
    let addresses: Result<Vec<SocketAddr>, _> = sockets.iter().map(TcpListener::local_addr).collect();
    let addresses = addresses.map_err(|error| {
        Failure::new(Exit::Failed, "a socket of the service manager's has no address").why(error.to_string())
    })?;
    match logins {
        [only] if !addresses.is_empty() => only.gateway.listen = addresses,
        _ => {
            let is_named = |address| logins.iter().any(|login| login.gateway.listen.contains(address));
            if let Some(stray) = addresses.iter().find(|address| !is_named(address)) {
                let what = format!("no session listens at {stray}, where the service manager does");
                let help =
                    "let `gateway_listen` of a profile and `ListenStream` of the unit name the same address";
                return Err(Failure::new(Exit::Config, what).help(help));
            }
        }
    }
    Ok(())
}
