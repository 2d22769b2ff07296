#![doc = include_str!("../README.md")]
//!
//! # Conventions
//!
//! * The crate knows no file, clock, socket or thread: callers hand in bytes.
//! * Nothing here prints a key, a claim or a signature. Errors name what is wrong, never what was read.
//!
//! # Intentional omissions
//!
//! Other algorithms (IBKR takes RS256 alone), key generation (ring cannot make RSA keys), JWE.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

#[cfg(feature = "encrypted-pem")]
mod encrypted;
mod jws;
mod key;
pub mod pem_file;
mod sign;
#[cfg(feature = "verify")]
pub mod verify;

pub use jws::{Jws, JwsError};
pub use key::{KeyError, RsaKey};
pub use sign::{Sign, SignError};
