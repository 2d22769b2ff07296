//! Settings of other programs, as far as they mean something to a gateway of ours.

use ibkr_auth_core::Host;

use crate::GatewaySettings;

#[cfg(feature = "yaml")]
mod certificate;
#[cfg(feature = "yaml")]
mod conf_yaml;
mod ibind;
#[cfg(feature = "yaml")]
mod ips;

/// What another program's settings come to. Nothing in them is an error: what cannot be taken over is a
/// warning. `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Imported {
    /// Where and how the gateway serves.
    pub settings: GatewaySettings,
    /// Which of IBKR's hosts is asked, if they say so.
    pub host: Option<Host>,
    /// What means nothing here, or has to be said in another way.
    pub warnings: Vec<String>,
}

impl Imported {
    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }
}
