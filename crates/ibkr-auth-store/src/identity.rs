//! What tells sessions apart.

use std::{fmt, path::absolute};

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{Config, Sign, Tier};

use crate::store::digest;

/// Whose a session is: who logs in where, and what is trusted on the way. A session is used with the proxy
/// and the certificates alone with which it was made, and a simulator's is never taken for a real one.
/// `Debug` hides all of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionIdentity(Vec<String>);

impl SessionIdentity {
    /// By the settings as they were read: a session may move to another of IBKR's hosts, and stays the same.
    /// Looks where a link to `ca_file` leads.
    pub fn of(config: &Config, transport: &Transport) -> Self {
        let tier = match config.tier() {
            Tier::ReadOnly => "read-only",
            Tier::Brokerage => "brokerage",
        };
        let who = config.login().identity().into_iter().chain([config.host().base_url(), tier]);
        Self(who.map(str::to_owned).chain([trust(transport), road(transport)]).collect())
    }

    /// What a login is tried with, as a digest. Whoever changes a setting or the key may try again at once.
    pub fn settings(&self, key: &impl Sign) -> String {
        digest(&[&self.0[..], &[key.public_key_pem().unwrap_or_default()]].concat())
    }

    /// The name of its files, in which nothing of it can be read.
    pub(crate) fn file_name(&self) -> String {
        digest(&self.0)[..16].to_owned()
    }
}

impl fmt::Debug for SessionIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionIdentity([redacted])")
    }
}

/// The certificates that the settings name, however their path is written.
fn trust(transport: &Transport) -> String {
    let Some(file) = &transport.ca_file else { return String::new() };
    let file = file.canonicalize().or_else(|_| absolute(file)).unwrap_or_else(|_| file.clone());
    format!("{} {}", if transport.ca_only { "only" } else { "also" }, file.display())
}

/// The proxy, if the settings name it, or it runs on this machine. One of the network that the environment
/// names is there in one shell and not in the next, and sees no more than the network does.
fn road(transport: &Transport) -> String {
    match &transport.proxy {
        Some(Proxy::Url(url)) => url.expose().to_owned(),
        Some(proxy @ Proxy::UrlExcept(url, _)) if proxy.is_here() => url.expose().to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use ibkr_auth_core::{
        Secret, SignError,
        testing::{FakeKey, config},
    };

    use super::*;

    struct OtherKey;

    impl Sign for OtherKey {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            Ok(Vec::new())
        }

        fn public_key_pem(&self) -> Option<String> {
            Some("another".to_owned())
        }
    }

    #[test]
    fn another_way_or_tier_or_trust_is_another_session() {
        let plain = Transport::default();
        let proxy = Transport { proxy: Some(Proxy::Url(Secret::new("http://p:1"))), ..plain.clone() };
        let trusting = Transport { ca_file: Some("ca.pem".into()), ..plain.clone() };
        let alone = Transport { ca_only: true, ..trusting.clone() };
        let mut names: Vec<String> = [&plain, &proxy, &trusting, &alone]
            .map(|transport| SessionIdentity::of(&config(), transport).file_name())
            .into();
        let read_only = config().with_tier(Tier::ReadOnly);
        names.push(SessionIdentity::of(&read_only, &plain).file_name());
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }

    #[test]
    fn another_key_is_another_try_of_the_same_session() {
        let identity = SessionIdentity::of(&config(), &Transport::default());
        assert_ne!(identity.settings(&FakeKey), identity.settings(&OtherKey));
        assert!(!format!("{identity:?}").contains("TESTCLIENT"));
    }

    /// Files of before are found.
    #[test]
    fn a_file_is_named_as_ever() {
        let identity = SessionIdentity::of(&config(), &Transport::default());
        assert_eq!(identity.file_name(), "8e2b9bc00a6f13f4");
    }
}
