//! Tells what failed before a request was sent from what failed later: the errors of ureq do not.

use std::{error::Error as StdError, fmt, io, net::SocketAddr};

use http::Uri;
use ureq::{
    Error,
    config::Config,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport},
    },
};

use super::ending::Ending;

/// There was no connection yet: nothing of the request has left. One inside another: not even one to the
/// proxy.
#[derive(Debug)]
pub(super) struct Unsent(Error);

impl Unsent {
    /// The reason, and whether it lies between us and the proxy.
    pub(super) fn unwrap(self) -> (Error, bool) {
        match self.0 {
            Error::Other(inner) => match inner.downcast::<Self>() {
                Ok(inner) => (inner.unwrap().0, true),
                Err(other) => (Error::Other(other), false),
            },
            error => (error, false),
        }
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Unsent {}

fn unsent(error: Error) -> Error {
    Error::Other(Box::new(Unsent(error)))
}

/// ureq's own way to a connection: proxy, TCP and the whole TLS handshake.
#[derive(Debug, Default)]
pub(super) struct Connecting(DefaultConnector);

impl Connector for Connecting {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connected = self.0.connect(details, chained).map_err(unsent)?;
        Ok(connected.map(|transport| Box::new(Ending(transport)) as Self::Out))
    }
}

/// IPv4 alone, so that the look-up and IBKR see the same address. How the proxy is reached does not matter.
#[derive(Debug, Default)]
pub(super) struct Resolving(DefaultResolver);

impl Resolver for Resolving {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.0.resolve(uri, config, timeout).map_err(unsent)?;
        if config.proxy().is_some_and(|proxy| proxy.uri() == uri) {
            return Ok(found);
        }
        let mut wanted = self.empty();
        found.iter().filter(|address| SocketAddr::is_ipv4(address)).for_each(|address| wanted.push(*address));
        match wanted.is_empty() {
            true => {
                Err(unsent(io::Error::other("the host has no IPv4 address, and IPv6 is not used").into()))
            }
            false => Ok(wanted),
        }
    }
}
