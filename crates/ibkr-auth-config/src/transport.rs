//! What a client's HTTP stack must be told.

use std::{borrow::Cow, path::PathBuf};

use http::Uri;
use ibkr_auth_core::{Config, Error, Sign};

use crate::{
    FileError, Proxy,
    env::Env,
    key::{INSTEAD_OF_DEMO, IS_DEMO, is_demo_pem},
    proxy::{self, is_loopback},
};

/// Trust and proxy. The default: what the operating system trusts, and the proxy that the environment names.
/// Exhaustive on purpose: it is written as a literal, `Transport { ca_only: true, ..Transport::default() }`.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// A PEM file of certificates to trust besides the system's. It was not opened yet.
    pub ca_file: Option<PathBuf>,
    /// Trust `ca_file` alone, and nothing of the system's.
    pub ca_only: bool,
    /// `None`: what the variables of this process say when a client is made. [`Settings`](crate::Settings)
    /// have decided.
    pub proxy: Option<Proxy>,
}

impl Transport {
    /// The proxy, chosen here for all HTTP stacks: none of them shall read the environment by itself.
    ///
    /// # Errors
    /// When it cannot be used: a URL of your own, or what this process's variables name.
    pub fn chosen_proxy(&self) -> Result<Cow<'_, Proxy>, FileError> {
        match &self.proxy {
            Some(proxy) => {
                if let Some(url) = proxy.url() {
                    proxy::url(url.expose(), "write it like http://proxy.example:3128")
                        .map_err(|problem| problem.at("proxy"))?;
                }
                Ok(Cow::Borrowed(proxy))
            }
            None => Proxy::of_env(&Env::of_process()).map(Cow::Owned),
        }
    }

    /// Refuses the simulator's [demo key](crate::is_demo_key) where a request leaves this machine: for
    /// whoever makes a client of parts.
    ///
    /// # Errors
    /// When it is that key, and neither the server nor the proxy is on this machine.
    #[doc(hidden)]
    pub fn admit_key(&self, config: &Config, key: &impl Sign) -> Result<(), Error> {
        if !key.public_key_pem().is_some_and(|pem| is_demo_pem(&pem)) {
            return Ok(());
        }
        let chosen = Self { proxy: Some(self.chosen_proxy()?.into_owned()), ..self.clone() };
        match chosen.stays_here(config) {
            true => Ok(()),
            false => Err(Error::config(format!("the key {IS_DEMO}"), INSTEAD_OF_DEMO)),
        }
    }

    /// Whether the machine that a request reaches first is this one: the server, or a proxy that stands for
    /// it, as the simulator's does.
    pub(crate) fn stays_here(&self, config: &Config) -> bool {
        let server = server(config);
        match self.proxy.as_ref().filter(|proxy| proxy.takes(&server)) {
            Some(proxy) => proxy.is_here(),
            None => is_loopback(&server),
        }
    }

    /// Whether the server is on this machine, and is asked without a detour.
    pub(crate) fn is_local(&self, config: &Config) -> bool {
        let server = server(config);
        is_loopback(&server) && !self.proxy.as_ref().is_some_and(|proxy| proxy.takes(&server))
    }
}

fn server(config: &Config) -> Uri {
    config.host().base_url().parse().unwrap_or_default()
}
