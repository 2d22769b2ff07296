//! Ways to stay logged in: what the world drives.

mod flow;
mod ibauth;
mod ours;

use std::time::{Duration, Instant};

use ibkr_auth_core::{Config, Event, Now, Request, Response, TransportError};
use ibkr_sim::demo;

pub(crate) use ibauth::{Blind, Ibauth};
pub(crate) use ours::Ours;

/// A client without I/O, driven like a `Session`.
pub(crate) trait Strategy {
    /// Names one of its requests.
    type Id: Copy;

    /// What to do now. Called until it waits.
    fn poll(&mut self, now: Now) -> Move<Self::Id>;
    /// The answer to a request, or why there is none.
    fn receive(&mut self, now: Now, id: Self::Id, result: Result<Response, TransportError>);
    /// The bearer that a program's requests would carry now, or the live session token that they would be
    /// signed with, in base64.
    fn bearer(&self) -> Option<&str>;
    /// The host that they would go to.
    fn host(&self) -> &str;
}

/// What a strategy wants done.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Move<Id> {
    /// Send this, and give it up after this time.
    Send(Id, Duration, Request),
    /// For whoever reads the log.
    Say(Event),
    /// Nothing before this time, or before an answer.
    Wait(Option<Instant>),
}

/// The demo identity at IBKR's own host names.
pub(crate) fn config() -> Config {
    Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).expect("the demo identity is complete")
}

/// The name of a base URL's host.
pub(crate) fn host_name(base_url: &str) -> &str {
    base_url.strip_prefix("https://").unwrap_or(base_url)
}
