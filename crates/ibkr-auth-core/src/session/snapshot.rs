//! What the rest of a program may know of a session that somebody else drives.

use http::HeaderMap;

use super::{Phase, Session};
use crate::{Authorization, Config, Error, Request, Step};

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
