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
//! The crate `ibkr-auth-async` has the same methods as `async fn`. Both drive `ibkr-auth-core`, which decides what is
//! sent and when; here it is only sent.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod client;
mod transport;

pub use client::Client;
pub use ibkr_auth_config::{Proxy, Settings, Transport};
pub use ibkr_auth_core::{
    AccessToken, Advice, AuthStatus, BearerToken, Config, Connected, Error, ErrorKind, Event, Host, Request,
    Response, Session, Sign, SsoDetails, Tickle, TransportError, TransportKind,
};
