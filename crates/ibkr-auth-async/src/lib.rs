//! Logs in to Interactive Brokers' Web API with tokio and reqwest.
//!
//! ```no_run
//! # async fn run() -> Result<(), ibkr_auth_async::Error> {
//! let mut client = ibkr_auth_async::Client::from_yaml("config.yaml")?;
//! let connected = client.connect().await?;
//! println!("logged in from {}", connected.public_ip);
//!
//! let headers = client.headers(); // for your own requests to /v1/api
//! client.tickle().await?; // about every 60 s
//! client.logout().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The crate `ibkr-auth-blocking` has the same methods without `async`. Both drive `ibkr-auth-core`, which decides what is
//! sent and when; here it is only sent.
//!
//! To stay logged in, hand the client over and keep the handle:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use ibkr_auth_async::{Client, Error, KeepConnected};
//! # async fn run() -> Result<(), Error> {
//! let handle = Client::from_yaml("config.yaml")?.keep_connected(KeepConnected::default());
//! handle.ready(Duration::from_secs(60)).await?;
//! let headers = handle.headers(); // always the current ones
//! handle.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Cancelling
//!
//! Requests and state live in the [`Client`], not in the future: dropping `connect()` half-way loses nothing, and the next
//! call goes on from there.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod client;
mod events;
mod handle;
mod transport;

pub use client::Client;
pub use events::Events;
pub use handle::Handle;
pub use http;
pub use ibkr_auth_config::*;
pub use ibkr_auth_core as core;
pub use ibkr_auth_core::*;
pub use ibkr_jws::{KeyError, RsaKey};
