//! Logs in to Interactive Brokers' Web API with threads and ureq.
//!
//! ```no_run
//! # fn run() -> Result<(), ibkr_auth_blocking::Error> {
//! let mut client = ibkr_auth_blocking::Client::from_yaml("config.yaml")?;
//! let connected = client.connect()?;
//! println!("logged in from {}", connected.public_ip);
//!
//! let headers = client.headers(); // for your own requests to /v1/api
//! client.tickle()?; // about every 60 s
//! client.logout()?;
//! # Ok(())
//! # }
//! ```
//!
//! To stay logged in, hand the client over and keep the handle:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use ibkr_auth_blocking::{Client, Error, KeepConnected};
//! # fn run() -> Result<(), Error> {
//! let handle = Client::from_yaml("config.yaml")?.keep_connected(KeepConnected::default());
//! handle.ready(Duration::from_secs(60))?;
//! let headers = handle.headers(); // always the current ones
//! handle.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Logs
//!
//! Our own log lines hold no secret at any level. ureq's, at the level `trace` and the target `ureq_proto`, show whole
//! requests: keep that one off.
//!
//! The crate `ibkr-auth-async` has the same methods as `async fn`. Both drive `ibkr-auth-core`, which decides what is
//! sent and when; here it is only sent.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod cancel;
mod client;
mod handle;
mod transport;

pub use cancel::Canceller;
pub use client::Client;
pub use handle::{Events, Handle};
pub use http;
pub use ibkr_auth_config::*;
pub use ibkr_auth_core as core;
pub use ibkr_auth_core::*;
pub use ibkr_jws::{KeyError, RsaKey};
pub use transport::Http;
