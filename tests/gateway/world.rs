//! A gateway in front of a simulator, or of another upstream, on free ports.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use ibkr_auth_async::{Handle, Host, Phase};
use ibkr_auth_tests::lab::{Lab, key, key_of};
use ibkr_gateway::{Gateway, GatewaySettings, KeepConnected, Login, Process};
use ibkr_sim::Endpoint;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::raw::ask;

/// For a login, and for the echo of account management.
const SCOPE: &str = "sso-sessions.write echo.read echo.write";

/// What a gateway is started with.
pub(crate) struct Plan {
    pub(crate) lab: Lab,
    pub(crate) policy: KeepConnected,
    pub(crate) settings: GatewaySettings,
    /// The upstream, where it is not the simulator.
    pub(crate) upstream: Option<String>,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) most_connections: usize,
    /// What listens already.
    pub(crate) sockets: Vec<TcpListener>,
    /// Whether it logs in by OAuth 1.0a.
    pub(crate) oauth1: bool,
    /// Whether IBKR's limits are not held.
    pub(crate) unpaced: bool,
}

/// What a test has of a gateway.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) runtime: Runtime,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) address: SocketAddr,
    pub(crate) certificate: PathBuf,
    pub(crate) process: Process,
    pub(crate) folder: Arc<TempDir>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut GatewaySettings)) -> Self {
        Self::planned(|plan| change(&mut plan.settings))
    }

    /// In front of this upstream.
    pub(crate) fn before(upstream: &str) -> Self {
        Self::planned(|plan| plan.upstream = Some(upstream.to_owned())).ready()
    }

    /// At a socket that listens already.
    pub(crate) fn on(socket: TcpListener) -> Self {
        let address = socket.local_addr().unwrap();
        Self::planned(|plan| {
            plan.settings.listen = vec![address];
            plan.sockets = vec![socket];
        })
    }

    pub(crate) fn planned(change: impl FnOnce(&mut Plan)) -> Self {
        let settings = GatewaySettings {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            plain: true,
            ..GatewaySettings::default()
        };
        let mut plan = Plan {
            lab: Lab::new(),
            policy: KeepConnected::default(),
            settings,
            upstream: None,
            folder: Arc::new(tempfile::tempdir().unwrap()),
            most_connections: 1_000,
            sockets: Vec::new(),
            oauth1: false,
            unpaced: false,
        };
        change(&mut plan);
        most_files();
        let Plan { lab, policy, settings, upstream, folder, most_connections, sockets, oauth1, unpaced } =
            plan;
        // It is the gateway that makes it.
        let process = Process { folder: folder.path().join("state"), most_connections };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = match oauth1 {
            true => lab.oauth1_config(),
            false => lab.config().with_scope(SCOPE).unwrap(),
        };
        let config = match upstream {
            Some(url) => config.with_host(Host::custom(&url).unwrap()),
            None => config,
        };
        let key = key_of(&config);
        let login = Login {
            policy,
            unpaced,
            transport: lab.transport(),
            gateway: settings,
            ..Login::new("default", config, key)
        };
        let gateway = runtime.block_on(Gateway::start_on(&process, vec![login], sockets)).unwrap();
        let address = gateway.addresses()[0];
        let certificate = Gateway::certificate(&process);
        Self { lab, runtime, gateway: Some(gateway), address, certificate, process, folder }
    }

    /// The same once the session is good.
    pub(crate) fn ready(self) -> Self {
        let handle = self.session();
        self.runtime.block_on(handle.ready(Duration::from_secs(20))).unwrap();
        self
    }

    pub(crate) fn session(&self) -> Handle {
        self.gateway.as_ref().unwrap().session("default").unwrap().clone()
    }

    pub(crate) fn wait_for(&self, phase: Phase) {
        let handle = self.session();
        until(&format!("{phase}"), || handle.phase() == phase);
    }

    /// So often the simulator was asked.
    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        self.lab.server.handle().count(endpoint)
    }

    /// A number of the gateway's metrics.
    pub(crate) fn metric(&self, begin: &str) -> u64 {
        let text = ask(self.address, "GET", "/metrics", &[], "").text();
        let line = text.lines().find(|line| line.starts_with(begin));
        let line = line.unwrap_or_else(|| panic!("no {begin} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// The connections that are open, beside the one that asks.
    pub(crate) fn connections(&self) -> u64 {
        self.metric("ibkr_gateway_connections ") - 1
    }
}

/// The demo identity's, at this simulator.
pub(crate) fn login(lab: &Lab, gateway: GatewaySettings) -> Login {
    Login { transport: lab.transport(), gateway, ..Login::new("default", lab.config(), key()) }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            // A test that has failed already is told what it has to be told.
            let _ = self.runtime.block_on(gateway.stop());
        }
    }
}

/// How many files this process may have open: as many as it can get.
pub(crate) fn most_files() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if setrlimit(Resource::Nofile, limit).is_ok() {
            return limit.current.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        }
    }
    1_000
}

/// Waits for something that comes by itself.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
