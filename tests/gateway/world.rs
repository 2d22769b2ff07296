//! A gateway in front of a simulator, on free ports.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ibkr_auth_tests::lab::{Lab, key};
use ibkr_gateway::{Gateway, GatewaySettings, KeepConnected, Login, Process};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// For a login, and for the echo of account management.
const SCOPE: &str = "sso-sessions.write echo.read echo.write";

/// What a test has of a gateway.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) runtime: Runtime,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut GatewaySettings)) -> Self {
        Self::before(Lab::new(), KeepConnected::default(), change)
    }

    pub(crate) fn before(lab: Lab, policy: KeepConnected, change: impl FnOnce(&mut GatewaySettings)) -> Self {
        let mut settings = GatewaySettings {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            plain: true,
            ..GatewaySettings::default()
        };
        change(&mut settings);
        let folder = tempfile::tempdir().unwrap();
        let process = Process { folder: folder.path().to_owned(), most_connections: 1_000 };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let login = Login {
            name: "default".into(),
            config: lab.config().with_scope(SCOPE).unwrap(),
            key: Arc::new(key()),
            transport: lab.transport(),
            policy,
            gateway: settings,
            kept: None,
            client_token: None,
        };
        let gateway = runtime.block_on(Gateway::start(&process, vec![login])).unwrap();
        let address = gateway.addresses()[0];
        Self { lab, runtime, gateway: Some(gateway), address, _folder: folder }
    }

    /// The same once the session is good.
    pub(crate) fn ready(self) -> Self {
        let handle = self.gateway.as_ref().unwrap().session("default").unwrap().clone();
        self.runtime.block_on(handle.ready(Duration::from_secs(20))).unwrap();
        self
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            // A test that has failed already is told what it has to be told.
            let _ = self.runtime.block_on(gateway.stop());
        }
    }
}
