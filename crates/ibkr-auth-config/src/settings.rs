//! The settings themselves.

use ibkr_auth_core::Config;

use crate::{SigningKey, Transport};

/// Everything a client needs. `Debug` shows no secret.
#[derive(Debug)]
pub struct Settings {
    /// Who logs in, where, and how patiently.
    pub config: Config,
    /// The key that signs.
    pub key: SigningKey,
    /// Trust and proxy.
    pub transport: Transport,
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// What works but should be changed, such as a private key that everyone on the machine can read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
