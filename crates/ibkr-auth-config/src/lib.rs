//! Reads `config.yaml`, the environment and the key file into settings for ibkr-auth's clients.
#![warn(clippy::unwrap_used)]

mod draft;
mod env;
mod error;
mod file;
mod given;
mod keys;
mod paths;
mod settings;
mod transport;
mod yaml;

pub use error::FileError;
pub use settings::Settings;
pub use transport::{Proxy, Transport};
