//! Sees the end of a connection where ureq does not.

use std::io::{self, ErrorKind};

use ureq::{
    Error,
    unversioned::transport::{Buffers, NextTimeout, Transport, time::Duration},
};

/// A connection of ureq's, which asks the socket alone whether it is open, and takes one that was cut off for
/// the end of an answer without a length.
#[derive(Debug)]
pub(super) struct Ending(pub(super) Box<dyn Transport>);

impl Transport for Ending {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout).map_err(|error| match error {
            Error::Io(error) if is_cut_off(&error) => io::Error::other(error).into(),
            error => error,
        })
    }

    /// TLS may have ended before TCP does. With no time to wait, reading brings what has been received, and
    /// an open connection has nothing.
    fn is_open(&mut self) -> bool {
        let at_once = NextTimeout { after: Duration::from_secs(0), ..NextTimeout::default() };
        self.0.is_open() && matches!(self.0.await_input(at_once), Err(Error::Timeout(_)))
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

/// As ureq sees it. An end without TLS is no error.
fn is_cut_off(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
