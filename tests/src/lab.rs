//! A simulator on loopback, and what leads to it.

use std::{fs, net::Ipv4Addr, path::PathBuf, time::Duration};

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{
    Config, Consumer, Host, Login, Retry, Secret,
    oauth1::{DecryptionKey, DhParameters},
};
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

    /// The demo consumer of OAuth 1.0a, as the simulator knows it.
    pub fn oauth1_config(&self) -> Config {
        let host = Host::custom(&self.server.base_url()).expect("a loopback URL");
        oauth1_config()
            .with_retry(Retry { attempts: 3, ..Retry::default() })
            .expect("three tries are some")
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

    /// The same with the demo consumer of OAuth 1.0a.
    pub fn oauth1_yaml(&self) -> String {
        let Transport { ca_file, .. } = self.transport();
        let lines = [
            ("oauth1_consumer_key", demo::oauth1::CONSUMER_KEY.to_owned()),
            ("oauth1_access_token", demo::oauth1::ACCESS_TOKEN.to_owned()),
            ("oauth1_access_token_secret", demo::oauth1::ACCESS_TOKEN_SECRET.to_owned()),
            ("private_key_file", "signature.pem".to_owned()),
            ("oauth1_encryption_key_file", "encryption.pem".to_owned()),
            ("oauth1_dh_param_file", "dhparam.pem".to_owned()),
            ("base_url", self.server.base_url()),
            ("ca_file", ca_file.unwrap_or_default().display().to_string()),
            ("proxy", "none".to_owned()),
        ];
        let yaml: String = lines.iter().map(|(key, value)| format!("{key}: \"{value}\"\n")).collect();
        self.write("signature.pem", demo::oauth1::SIGNATURE_KEY_PEM);
        self.write("encryption.pem", demo::oauth1::ENCRYPTION_KEY_PEM);
        self.write("dhparam.pem", demo::oauth1::DH_PARAM_PEM);
        self.write("oauth1.yaml", &yaml).display().to_string()
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

/// The demo consumer's signature key.
pub fn oauth1_key() -> RsaKey {
    RsaKey::from_pem(demo::oauth1::SIGNATURE_KEY_PEM.as_bytes()).expect("the demo key is valid")
}

/// The key that this configuration's login is signed with.
pub fn key_of(config: &Config) -> RsaKey {
    match config.login() {
        Login::OAuth2(_) => key(),
        Login::OAuth1(_) => oauth1_key(),
    }
}

/// A login of the demo consumer, at IBKR's own address.
pub fn oauth1_config() -> Config {
    let key = DecryptionKey::from_pem(demo::oauth1::ENCRYPTION_KEY_PEM.as_bytes()).expect("a valid key");
    let secret = key.decrypt(demo::oauth1::ACCESS_TOKEN_SECRET).expect("it is encrypted to this key");
    let consumer = Consumer {
        consumer_key: demo::oauth1::CONSUMER_KEY,
        access_token: demo::oauth1::ACCESS_TOKEN,
        access_token_secret: secret.into(),
        dh_parameters: DhParameters::from_pem(demo::oauth1::DH_PARAM_PEM.as_bytes()).expect("valid"),
    };
    Config::oauth1(consumer).expect("the demo consumer is complete")
}
