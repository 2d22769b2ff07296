//! RS256 JSON Web Signatures (RFC 7515) for `private_key_jwt` client authentication (RFC 7523),
//! as Interactive Brokers' token endpoint demands it.
//!
//! ```
//! use ibkr_jws::{Jws, RsaKey};
//!
//! # fn pem() -> Vec<u8> { include_bytes!("../tests/keys/rsa3072.pem").to_vec() }
//! let key = RsaKey::from_pem(&pem())?;
//! let claims = serde_json::json!({ "iss": "client", "sub": "client", "aud": "/token" });
//! let assertion = Jws::rs256("main", &claims, &key)?;
//!
//! assert_eq!(assertion.expose().split('.').count(), 3);
//! assert_eq!(format!("{assertion:?}"), "Jws([redacted])");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A key that must not leave its home (an HSM, a KMS, an agent) implements [`Sign`] instead of being an [`RsaKey`].
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
