//! What a client's HTTP stack must be told.

use std::{borrow::Cow, path::PathBuf};

use crate::{FileError, Proxy, env::Env, proxy, proxy_env};

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
            None => proxy_env::choose(&Env::of_process()).map(Cow::Owned),
        }
    }
}
