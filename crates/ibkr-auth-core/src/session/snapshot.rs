//! What the rest of a program may know of a session that somebody else drives.

use std::time::Duration;

use http::HeaderMap;

use super::{Phase, Session};
use crate::{Advice, Authorization, Config, Error, ErrorKind, Request, Step};

/// A session as it was at one moment. Cheap enough to be taken after every change.
#[derive(Debug, Clone)]
pub struct Snapshot {
    phase: Phase,
    connected: bool,
    authorization: Option<Authorization>,
    stopped_by: Option<Error>,
    config: Config,
}

impl Snapshot {
    /// Where the automatic mode stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the last word of IBKR was that the session is good for the configured tier.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// `Ok` when the session is good, an error when the automatic mode will not make it so any more, `None` while it is on
    /// its way.
    pub fn readiness(&self) -> Option<Result<(), Error>> {
        match (&self.stopped_by, self.phase) {
            (Some(error), _) => Some(Err(error.clone())),
            (None, Phase::Connected) => Some(Ok(())),
            (None, Phase::Off) => Some(Err(super::task::cancelled())),
            (None, _) => None,
        }
    }

    /// The error of a wait that was in vain.
    pub fn not_ready(&self, waited: Duration) -> Error {
        let what = format!("not connected within {} s: {}", waited.as_secs_f64(), self.phase);
        Error::plain(
            ErrorKind::Timeout,
            None,
            what,
            "wait longer, or see the events for the reason",
            Advice::Reconnect,
        )
    }

    /// Why the automatic mode stopped by itself, if it did.
    pub fn stopped_by(&self) -> Option<&Error> {
        self.stopped_by.as_ref()
    }

    /// Bearer token and session id; `None` before there is a bearer token.
    pub fn authorization(&self) -> Option<&Authorization> {
        self.authorization.as_ref()
    }

    /// Headers for requests of your own. See [`Session::headers`].
    pub fn headers(&self) -> Option<HeaderMap> {
        Some(self.authorization.as_ref()?.headers(&self.config))
    }

    /// Makes a request of your own ready to be sent. See [`Session::authorize`].
    ///
    /// # Errors
    /// As there.
    pub fn authorize(&self, request: Request) -> Result<Request, Error> {
        let first = || super::task::out_of_order(Step::GetBearerToken);
        self.authorization.as_ref().ok_or_else(first)?.authorize(&self.config, request)
    }

    /// The configuration as it was.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Session {
    /// What the rest of a program may know.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            phase: self.phase(),
            connected: self.is_connected(),
            authorization: self.authorization(),
            stopped_by: self.stopped_by.clone(),
            config: self.config.clone(),
        }
    }
}
