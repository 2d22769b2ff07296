//! A simulator on loopback, and what leads to it.

use std::{fs, net::Ipv4Addr, path::PathBuf, time::Duration};

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{Config, Host, Retry, Secret};
use ibkr_jws::RsaKey;
use ibkr_sim::{Server, ServerConfig, SimConfig, demo};
use tempfile::TempDir;

/// The address at which the simulator sees us.
pub const PUBLIC_IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// A simulator, and how to reach it.
pub struct Lab {
    /// The simulator.
    pub server: Server,
    folder: TempDir,
}

impl Lab {
    /// A healthy simulator whose brokerage sessions are established at once.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A simulator with changes.
    pub fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = ServerConfig::from(SimConfig::default());
        config.sim.rules.established_after = Duration::ZERO;
        change(&mut config);
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { server: Server::start(config).expect("loopback is there"), folder }
    }

    /// The demo identity, as the simulator knows it.
    pub fn config(&self) -> Config {
        let host = Host::custom(&self.server.base_url()).expect("a loopback URL");
        Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL)
            .and_then(|config| config.with_ip_services([self.server.lookup_url()]))
            .and_then(|config| config.with_retry(Retry { attempts: 3, ..Retry::default() }))
            .expect("the demo identity is complete")
            .with_host(host)
    }

    /// Trusts the simulator, and reaches it directly.
    pub fn transport(&self) -> Transport {
        self.transport_with(Proxy::Off)
    }

    /// Trusts the simulator, and reaches it under IBKR's real names through its proxy.
    pub fn transport_through_proxy(&self) -> Transport {
        self.transport_with(Proxy::Url(Secret::new(self.server.proxy_url())))
    }

    /// Writes `config.yaml`, the key and the CA certificate; returns the path of the first.
    pub fn config_yaml(&self) -> String {
        let Transport { ca_file, .. } = self.transport();
        let lines = [
            ("client_id", demo::CLIENT_ID.to_owned()),
            ("client_key_id", demo::KEY_ID.to_owned()),
            ("credential", demo::CREDENTIAL.to_owned()),
            ("private_key_file", "private.pem".to_owned()),
            ("base_url", self.server.base_url()),
            ("ip_services", self.server.lookup_url()),
            ("ca_file", ca_file.unwrap_or_default().display().to_string()),
            ("proxy", "none".to_owned()),
        ];
        let yaml: String = lines.iter().map(|(key, value)| format!("{key}: \"{value}\"\n")).collect();
        self.write("private.pem", demo::PRIVATE_KEY_PEM);
        self.write("config.yaml", &yaml).display().to_string()
    }

    fn transport_with(&self, proxy: Proxy) -> Transport {
        let ca_file = self.write("ca.pem", self.server.ca_pem());
        Transport { ca_file: Some(ca_file), ca_only: true, proxy: Some(proxy) }
    }

    /// For this user alone, whatever the umask.
    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("a temporary file");
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("a file of ours");
        path
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// The demo identity's key.
pub fn key() -> RsaKey {
    RsaKey::from_pem(demo::PRIVATE_KEY_PEM.as_bytes()).expect("the demo key is valid")
}
