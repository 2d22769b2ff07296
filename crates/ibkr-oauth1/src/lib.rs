#![doc = include_str!("../README.md")]
//!
//! # Conventions
//!
//! * The crate knows no file, clock, socket or thread: callers hand in bytes and the time. Random bytes come
//!   from a [`Random`], which is the operating system's or, in tests, any function.
//! * Secrets have no readable `Debug`, are compared in constant time and wiped on drop. What ring and the
//!   crate for big numbers copy on their way is not.
//! * `O OAPDF` and the like say where a fact about IBKR comes from, as in the workspace's `docs/PROTOCOL.md`
//!   §1: O is official, C was seen in code.
//! * Nothing here prints a key, a token or a signature. Errors name what is wrong, never what was read.
//!
//! # Intentional omissions
//!
//! HMAC-SHA1 and PLAINTEXT as signature methods (IBKR takes two, see [`SignatureMethod`]), the double
//! encoding of RFC 5849 §3.4.1.3.2 (IBKR does not encode twice), signed JSON bodies (they are not part of a
//! signature), key generation, proofs that a number is prime.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

mod base_string;
mod decrypt;
mod diffie_hellman;
mod header;
mod hex;
mod live_session_token;
mod percent;
mod random;
mod secret;

pub use base_string::{Call, QueryTreatment, SignatureMethod};
pub use decrypt::{DecryptError, DecryptionKey};
pub use diffie_hellman::{DhError, DhParameters, Exponent, SharedSecret};
pub use live_session_token::LiveSessionToken;
pub use percent::encoded;
pub use random::Random;
pub use secret::AccessTokenSecret;

// What errors, traits and buffers of other crates this one has in its signatures.
pub use ibkr_jws::{KeyError, Sign, SignError};
pub use zeroize::Zeroizing;
