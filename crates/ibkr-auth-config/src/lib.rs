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

mod bundle;
mod draft;
mod env;
mod error;
mod file;
mod gathered;
mod given;
mod here;
mod key_source;
mod keys;
mod load;
#[doc(hidden)]
pub mod local;
mod no_proxy;
mod passphrase;
mod paths;
mod place;
mod profile;
mod proxy;
mod proxy_env;
mod reader;
mod settings;
mod signing_key;
mod source;
mod system_store;
mod transport;
mod trust;
mod unkeyed;
mod variables;
mod yaml;

pub use error::FileError;

/// The table of settings above, for programs that show it.
pub const KEYS: &str = include_str!("../KEYS.md");

pub use here::is_demo_key;
pub use key_source::{KeySource, ReadKey};
pub use no_proxy::NoProxy;
pub use proxy::Proxy;
pub use reader::Reader;
pub use settings::Settings;
pub use signing_key::SigningKey;
pub use transport::Transport;
pub use trust::Trust;
pub use unkeyed::Unkeyed;
