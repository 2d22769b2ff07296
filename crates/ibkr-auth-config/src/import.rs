//! Settings of other programs, as far as they mean something to a gateway of ours.

use std::{net::SocketAddr, path::PathBuf};

use ibkr_auth_core::Host;

use crate::{AddressRange, GatewaySettings, Passphrase};

#[cfg(feature = "yaml")]
mod certificate;
#[cfg(feature = "yaml")]
mod conf_yaml;
mod ibind;
pub(crate) mod ibind_login;
#[cfg(feature = "yaml")]
mod ips;

/// What another program's settings come to. Nothing in them is an error: what cannot be taken over is a
/// warning. `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Imported {
    /// Where the gateway listens.
    pub listen: Option<SocketAddr>,
    /// The path in front of everything; empty for none.
    pub prefix: Option<String>,
    /// Plain HTTP instead of HTTPS.
    pub plain: Option<bool>,
    /// A certificate: PEM, or PKCS#12 with its key.
    pub certificate: Option<PathBuf>,
    /// What opens a PKCS#12 file.
    pub certificate_passphrase: Option<Passphrase>,
    /// Whose connections are taken too.
    pub allow_addresses: Vec<AddressRange>,
    /// Further names by which clients may call it.
    pub allow_hosts: Vec<String>,
    /// Web pages that may use it too.
    pub allow_origins: Vec<String>,
    /// Which of IBKR's hosts is asked, if they say so.
    pub host: Option<Host>,
    /// What means nothing here, or has to be said in another way.
    pub warnings: Vec<String>,
}

impl Imported {
    /// One's own settings with what is said here: it replaces what it names, and adds to those who are
    /// allowed. Who listens at its port already, at all addresses, does so still.
    pub fn over(self, own: GatewaySettings) -> GatewaySettings {
        let is_reached = |address: SocketAddr| {
            own.listen
                .iter()
                .any(|own| *own == address || own.ip().is_unspecified() && own.port() == address.port())
        };
        let listen = self.listen.filter(|address| !is_reached(*address));
        let (certificate, certificate_key, certificate_passphrase) = match self.certificate {
            Some(certificate) => (Some(certificate), None, self.certificate_passphrase),
            None => (own.certificate, own.certificate_key, own.certificate_passphrase),
        };
        GatewaySettings {
            listen: listen.map_or(own.listen, |address| vec![address]),
            prefix: self.prefix.unwrap_or(own.prefix),
            plain: self.plain.unwrap_or(own.plain),
            certificate,
            certificate_key,
            certificate_passphrase,
            allow_addresses: [own.allow_addresses, self.allow_addresses].concat(),
            allow_hosts: [own.allow_hosts, self.allow_hosts].concat(),
            allow_origins: [own.allow_origins, self.allow_origins].concat(),
            ..own
        }
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }
}
