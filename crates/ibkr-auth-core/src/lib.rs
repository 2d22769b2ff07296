#![doc = include_str!("../README.md")]
//!
//! # The contract
//!
//! 1. After any `&mut` call, [`poll`](Session::poll) until it returns [`Output::Wait`].
//! 2. Answers may come in any order, late, twice or never; those to unknown requests are ignored.
//! 3. Read both clocks anew for each call: [`Now`].
//! 4. Send a [`Transmit`] at once (its assertion may live 10 s only), once, without following redirects, and
//!    give it up after its `timeout`.
//!
//! ```
//! use std::time::{Instant, SystemTime};
//! use ibkr_auth_core::{Config, Error, Identity, Now, Output, Session, Ticket};
//! # use ibkr_auth_core::{Request, Response, Transmit, TransportError, testing};
//! # fn send(transmit: &Transmit) -> Result<Response, TransportError> { testing::healthy(transmit) }
//!
//! fn now() -> Now {
//!     Now { mono: Instant::now(), wall: SystemTime::now() }
//! }
//!
//! fn run<T: ibkr_auth_core::Outcome>(session: &mut Session, ticket: &Ticket<T>) -> Result<T, Error> {
//!     loop {
//!         match session.poll(now()) {
//!             Output::Send(transmit) => {
//!                 let answer = send(&transmit); // your HTTP stack
//!                 session.receive(now(), transmit.id, answer);
//!             }
//!             Output::Event(event) => println!("{event}"),
//!             Output::Wait(wait) => match ticket.outcome() {
//!                 Some(outcome) => return outcome,
//!                 None => std::thread::sleep(wait.remaining(now().mono)),
//!             },
//!         }
//!     }
//! }
//!
//! # let key = testing::FakeKey; // ibkr_jws::RsaKey::from_pem(&pem)?
//! let config = Config::of(Identity { client_id: "the id", client_key_id: "main", credential: "username" })?;
//! let mut session = Session::new(config, key, 0);
//! let ticket = session.connect();
//! let connected = run(&mut session, &ticket)?;
//! println!("seen as {:?}", connected.public_ip);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Single steps without state are in [`wire`], the WebSocket is in [`stream`].
//!
//! # Conventions
//!
//! * No clock, socket, thread, file or environment is touched: the same inputs give the same outputs. Nonces
//!   and exponents of OAuth 1.0a come from the operating system unless [`Config::with_random`] names another
//!   source.
//! * Names are IBKR's endpoint names and the method names of the Python package `ibauth`.
//! * Tokens are [`Secret`]: hidden in `Debug`, and that buffer is wiped on drop. The bytes of a [`Request`]
//!   are plain: do not log them.
//! * What this page does not show but is public serves the two clients and the program, and may change with
//!   any release.
//!
//! # Intentional omissions
//!
//! Typed trading endpoints. [`stream`] has no types for what a message of the WebSocket says.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

mod calendar;
mod clock;
mod config;
mod ending;
mod error;
mod event;
mod excerpt;
mod last_error;
pub mod pacing;
pub mod request;
mod secret;
mod session;
mod step;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
#[doc(hidden)]
pub mod text;
mod time;
mod transport;
pub mod wire;

pub use calendar::Region;
pub use clock::{CORRECTED as CLOCK_CORRECTED, ClockSkew};
pub use config::{
    Config, ConfigError, Consumer, Host, Identity, Login, OAuth1, OAuth2, PublicIp, Retry, Tier, TokenSecret,
    is_this_machine, unfinished,
};
pub use error::{Advice, Error, ErrorKind};
pub use event::Event;
pub use ibkr_jws::{Sign, SignError};
pub use ibkr_oauth1 as oauth1;
#[doc(hidden)]
pub use last_error::LastError;
pub use secret::Secret;
pub use session::{
    Background, Connected, Control, History, KeepConnected, LoginBudget, OnCompeting, Outcome, Output, Phase,
    RequestId, SavedSession, Session, Snapshot, Ticket, Transmit, Wait,
};
pub use step::Step;
pub use time::Now;
pub use transport::{
    TransportError, TransportKind, catch_panic, check_clock, leaves_in_doubt, time_to_connect,
};
pub use wire::{
    Authorization, SessionMark, SessionToken,
    access_token::AccessToken,
    auth_status::{AuthStatus, ServerInfo},
    bearer_token::BearerToken,
    live_session_token::LiveSession,
    tickle::Tickle,
    validate_sso::{Expiry, SsoDetails},
};

/// A request as every HTTP stack of Rust takes it.
pub type Request = http::Request<Vec<u8>>;
/// An answer with its whole body.
pub type Response = http::Response<Vec<u8>>;
