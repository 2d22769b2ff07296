#![doc = include_str!("../README.md")]
#![allow(clippy::result_large_err, reason = "what is refused is an answer, and moved once")]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

// The way of a request: `serve.rs` takes connections and asks `guard.rs` whether it may come in; `route.rs`
// says what it is for. What the gateway knows itself is answered in `local.rs` and `page.rs`; everything
// else goes through `receive.rs` and `exchange.rs`, which waits for the session, then for its turn
// (`pace.rs`), and cleans the headers in both directions (`clean.rs`). `seat.rs` is what all clients of one
// username share.
mod access;
mod audit;
mod beyond;
mod body;
mod clean;
mod deadline;
mod ear;
mod exchange;
mod gateway;
mod guard;
mod health;
mod journal;
mod keeping;
mod line;
mod local;
mod metrics;
mod observe;
mod pace;
mod page;
mod pkcs12;
mod probe;
mod receive;
mod reply;
mod route;
mod seat;
mod serve;
mod tls;
mod ws;

pub use gateway::{Gateway, Process};
pub use ibkr_auth_async::{GatewaySettings, KeepConnected, OnLogout};
pub use keeping::Kept;
pub use seat::Login;
