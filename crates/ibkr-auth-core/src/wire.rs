//! Each step as two pure functions: `request` builds it, `answer` reads what came back.
//!
//! This is the whole protocol without state, for whoever wants a single step on an HTTP stack of their own:
//!
//! ```
//! use std::time::SystemTime;
//! use ibkr_auth_core::{Config, Host, Identity, wire};
//! # fn send(_: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
//! #     http::Response::new(br#"{"access_token":"abc","token_type":"Bearer","expires_in":86399}"#.to_vec())
//! # }
//! # let key = ibkr_auth_core::testing::FakeKey;
//! let config = Config::of(Identity { client_id: "client", client_key_id: "main", credential: "someone" })?;
//! let request = wire::access_token::request(&config, &key, SystemTime::now())?;
//! let token = wire::access_token::parse(&config, &send(request))?;
//! assert_eq!(token.expires_in.unwrap().as_secs(), 86_399);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Session`](crate::Session) adds order, time, retries and what is remembered between steps.

pub mod access_token;
mod answer;
pub mod auth_status;
mod authorization;
pub mod bearer_token;
mod build;
pub mod consent;
pub(crate) mod jitter;
pub mod live_session_token;
pub mod logout;
mod path;
pub mod public_ip;
pub mod signed;
pub mod ssodh_init;
pub mod status;
pub mod tickle;
pub mod validate_sso;

pub use answer::{Lost, lost_session, pause_asked, refused_for_its_time};
pub use authorization::{Authorization, SessionMark, SessionToken};
pub(crate) use authorization::{Timestamps, is_form, session_cookie};
pub use path::{is_plain_path, path_segments};
