#![doc = include_str!("../README.md")]
//!
//! # Cancelling
//!
//! [`connect_within`](Client::connect_within) gives up after a time, and says what failed last; a
//! [`Canceller`] ends what a client waits for at once, from any thread. Either way nothing is lost: the next
//! call goes on from there. IBKR may have made a session meanwhile: [`logout`](Client::logout) ends it, and
//! waits for a bearer token that is on its way. A request of your own ends with its time limit
//! ([`Config::with_timeout`]), not before. What a [`Handle`] keeps up ends with [`stop`](Handle::stop), from
//! any thread and at any time; whoever waits in [`ready`](Handle::ready) then is told so.
//!
//! # Testing
//!
//! The feature `testing` brings `core::testing`: answers of a healthy IBKR, and of an unhealthy one, for
//! [`Client::with_http`]; and a bench on which a [`Session`] lives through hours in no time.
//!
//! # Logs
//!
//! Our own log lines hold no secret at any level. ureq's, at the level `trace` and the target `ureq_proto`,
//! show whole requests: keep that one off.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod cancel;
mod client;
mod events;
mod handle;
mod transport;

pub use cancel::Canceller;
pub use client::Client;
pub use events::Events;
pub use handle::Handle;
pub use http;
pub use ibkr_auth_config::*;
pub use ibkr_auth_core as core;
pub use ibkr_auth_core::*;
pub use ibkr_jws::{KeyError, RsaKey};
pub use transport::Http;
