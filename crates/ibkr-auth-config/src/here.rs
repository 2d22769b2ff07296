//! What stays on this machine, and the one key that may go nowhere else.

use http::Uri;
use ibkr_auth_core::{Config, Error, Host, Sign, is_this_machine};
use ibkr_jws::RsaKey;

use crate::{Proxy, Transport, error::Problem};

/// The public half of the key that ships with the simulator.
const DEMO: &str = include_str!("demo_key.pem");

/// Whether this is the simulator's demo key, whose private half everybody has. It opens nothing but a server
/// on this machine: the settings refuse it anywhere else.
pub fn is_demo_key(key: &RsaKey) -> bool {
    key.public_key_pem().is_ok_and(|pem| pem.trim() == DEMO.trim())
}

pub(crate) fn refuse_demo_key(key: &RsaKey) -> Result<(), Problem> {
    match is_demo_key(key) {
        true => Err(Problem::new(WHAT, HELP)),
        false => Ok(()),
    }
}

const WHAT: &str = "is the simulator's demo key, whose private half everybody has";
const HELP: &str =
    "use a key of your own (`ibkr-auth init` makes one); if you meant the simulator, set base_url";

impl Transport {
    /// Refuses the simulator's [demo key](is_demo_key) where a request leaves this machine: for whoever makes
    /// a client of parts.
    ///
    /// # Errors
    /// When it is that key, and neither the server nor the proxy is on this machine.
    #[doc(hidden)]
    pub fn admit_key(&self, config: &Config, key: &impl Sign) -> Result<(), Error> {
        let is_demo = key.public_key_pem().is_some_and(|pem| pem.trim() == DEMO.trim());
        if !is_demo
            || is_first_stop(config, &Self { proxy: Some(self.chosen_proxy()?.into_owned()), ..self.clone() })
        {
            return Ok(());
        }
        Err(Error::config(format!("the key {WHAT}"), HELP))
    }
}

/// Whether the server is on this machine, and is asked without a detour.
pub(crate) fn is_server(config: &Config, transport: &Transport) -> bool {
    let server = server(config.host());
    let is_led_away = transport.proxy.as_ref().is_some_and(|proxy| proxy.takes(&server));
    is_loopback(&server) && !is_led_away
}

/// Whether the machine that a request reaches first is this one: the server, or a proxy that stands for it,
/// as the simulator's does.
pub(crate) fn is_first_stop(config: &Config, transport: &Transport) -> bool {
    let server = server(config.host());
    match transport.proxy.as_ref().filter(|proxy| proxy.takes(&server)) {
        Some(proxy) => proxy.is_here(),
        None => is_loopback(&server),
    }
}

impl Proxy {
    /// Whether it runs on this machine.
    #[doc(hidden)]
    pub fn is_here(&self) -> bool {
        self.url().and_then(|url| url.expose().parse().ok()).is_some_and(|url| is_loopback(&url))
    }
}

fn server(host: &Host) -> Uri {
    host.base_url().parse().unwrap_or_default()
}

fn is_loopback(url: &Uri) -> bool {
    url.host().is_some_and(is_this_machine)
}
