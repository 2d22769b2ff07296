#![doc = include_str!("../README.md")]
//!
//! # A complete file
//!
//! ```yaml
#![doc = include_str!("../config.example.yaml")]
//! ```
//!
//! # Keys
//!
#![doc = include_str!("../KEYS.md")]
//!
//! # Conventions
//!
//! * Scalars are text as it is written: `007` stays `007`.
//! * A variable replaces the key of its name and the one that cannot stand beside it: `IBKR_AUTH_BASE_URL`
//!   replaces `domain`. A variable that is set but empty is an error, and so is an unknown `IBKR_AUTH_…`.
//! * So does a profile with what stands on the top level. YAML's anchors and aliases work, its merge keys
//!   (`<<`) do not.
//! * A mistake anywhere in the file is told, whichever profile is chosen; a value is judged only where it
//!   counts.
//! * In a private key, in a file of its own or not, line breaks may be written `\n` or `\r\n`; the base64 of
//!   the whole PEM file will do as well.
//! * Nothing is filled in: a value that holds `${NAME}`, or stands in quotes of its own, is refused.
//! * With `IBKR_AUTH_IMPORT_IBIND=true` a login by OAuth 1.0a comes from the variables `IBIND_OAUTH1A_…` of
//!   the Python package ibind too; whatever a file or a variable of ours says takes precedence.
//! * Relative paths start at the folder of the file that holds them; those of variables at the current
//!   folder.
//! * Without `proxy` these count: `HTTPS_PROXY`, else `ALL_PROXY` (or in small letters), and `NO_PROXY`. This
//!   machine is reached directly. SOCKS is refused.
//! * Trusted are the certificates of `ca_file` and those of the system: what `SSL_CERT_FILE` and
//!   `SSL_CERT_DIR` name, where it keeps them in files. What is set to nothing is not set, and one bad
//!   certificate takes no other away.
//! * Files are regular files of at most 64 KiB, in UTF-8. On Unix nobody but this user and root may be able
//!   to change them, nor every user a folder above them; a key or a passphrase of one's own nobody else may
//!   read.
//! * Buffers that hold secrets are wiped here; the YAML parser's own and the process's environment are not.

#![warn(clippy::unwrap_used)]

// How a setting gets from its file to a request: `load.rs` takes the steps.
//
//  1. `yaml.rs` reads the text of the file into events.
//  2. `document.rs` makes a `Value` of what stands behind each key, with its place. `env.rs` makes those of
//     the variables.
//  3. `merge.rs` lets the profile override the top level, and the variables both.
//  4. `settings.rs` writes each value into `Config`, `Transport` or `GatewaySettings`, as its row in
//     `fields.rs` says. Core makes requests of the first, a client's HTTP stack of the second; the third is
//     the gateway's.
mod address_range;
mod certificates;
mod document;
mod env;
mod error;
mod fields;
mod gateway;
mod gateway_values;
mod import;
mod key;
mod load;
#[doc(hidden)]
pub mod local;
mod location;
mod merge;
mod no_proxy;
mod oauth1;
mod passphrase;
#[cfg(feature = "yaml")]
mod plain;
mod profile;
mod proxy;
mod settings;
mod signing_key;
mod transport;
mod value;
#[cfg_attr(not(feature = "yaml"), path = "without_yaml.rs")]
mod yaml;

pub use address_range::AddressRange;
pub use certificates::Trust;
pub use error::FileError;
pub use gateway::{GatewaySettings, OnLogout};
pub use import::Imported;
pub use key::{KeySource, ReadKey, is_demo_key};
pub use load::Reader;
pub use no_proxy::NoProxy;
pub use passphrase::Passphrase;
pub use proxy::Proxy;
pub use settings::{Settings, Unkeyed};
pub use signing_key::SigningKey;
pub use transport::Transport;

/// The table of settings above, for programs that show it.
pub const KEYS: &str = include_str!("../KEYS.md");
