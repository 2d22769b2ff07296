#![doc = include_str!("../README.md")]
//!
//! # Cancelling
//!
//! Requests and state live in the [`Client`], not in the future: dropping `connect()` half-way loses nothing,
//! and the next call goes on from there. [`connect_within`](Client::connect_within) does that after a time,
//! and says what failed last. IBKR may have made a session meanwhile: [`logout`](Client::logout) ends it, and
//! waits for a bearer token that is on its way. A request of your own whose future is dropped may have been
//! executed. What a [`Handle`] keeps up ends with [`stop`](Handle::stop), at any time.
//!
//! # Testing
//!
//! The feature `testing` brings `core::testing`: answers of a healthy IBKR, and of an unhealthy one, for
//! [`Client::with_http`]. The clocks of a session are tokio's: with its feature `test-util` a test lives
//! through hours of the automatic mode in no time.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # {
//! use std::time::Duration;
//! use ibkr_auth_async::{Client, KeepConnected, Phase, Session, Step, testing};
//!
//! # fn test() {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
//! # runtime.unwrap().block_on(run())
//! # }
//! // #[tokio::test(start_paused = true)]
//! async fn run() {
//!     let session = Session::new(testing::config(), testing::FakeKey, 0);
//!     let client = Client::with_http(session, |request, _time_limit| async move {
//!         Ok(match Step::of(&request) {
//!             Some(Step::GetAccessToken) => testing::rate_limited(None),
//!             _ => testing::healthy_http(&request),
//!         })
//!     });
//!     let handle = client.keep_connected(KeepConnected::default());
//!     assert!(handle.ready(Duration::from_secs(300)).await.is_err()); // at once
//!     assert!(matches!(handle.phase(), Phase::Waiting { .. }));
//! }
//! # test();
//! # }
//! ```

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
pub use transport::Http;
#[cfg(feature = "flow")]
#[doc(hidden)]
pub use transport::flow;
