//! One user of one machine, and IBKR.

use std::{
    collections::BTreeMap,
    ops::Deref,
    time::{Duration, Instant},
};

use ibkr_sim::{Endpoint, Server, SimConfig, User, demo};

use super::{Folder, program::LONGEST};

/// A second username, for profiles.
pub(crate) const OTHER: &str = "otheruser";

/// The settings that lead to the simulator.
pub(crate) const HOSTS: [&str; 5] = ["base_url", "ip_services", "ca_file", "ca_only", "proxy"];

/// A simulator, and a folder with settings for it.
pub(crate) struct World {
    pub(crate) simulator: Server,
    folder: Folder,
}

impl Deref for World {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a simulator that is changed first.
    pub(crate) fn with(change: impl FnOnce(&mut SimConfig)) -> Self {
        let mut config = SimConfig::default();
        config.rules.established_after = Duration::ZERO;
        config.clients[0].credentials.push(OTHER.to_owned());
        config.users.push(User::live(OTHER));
        change(&mut config);
        let mut world = Self { simulator: Server::start(config).unwrap(), folder: Folder::new() };
        // A file in the current folder is not read of itself.
        world.folder.variables.push(("IBKR_AUTH_CONFIG", "config.yaml".into()));
        world.write("ca.pem", world.simulator.ca_pem());
        world.write("private.pem", demo::PRIVATE_KEY_PEM);
        world.configure("");
        world
    }

    /// Settings without [`HOSTS`], and an environment that leads IBKR's real ones to the simulator.
    pub(crate) fn behind_proxy() -> Self {
        let mut world = Self::new();
        let authority = world.path("ca.pem").into();
        let proxy = world.simulator.proxy_url().into();
        world.folder.variables.extend([("HTTPS_PROXY", proxy), ("SSL_CERT_FILE", authority)]);
        world.configure_without(&HOSTS, "");
        world
    }

    /// The usual settings and some more lines, which take the place of usual ones with the same keys.
    pub(crate) fn configure(&self, more: &str) {
        self.configure_without(&[], more);
    }

    /// The same, and some of the usual settings are left out.
    pub(crate) fn configure_without(&self, keys: &[&str], more: &str) {
        let key_of = |line: &str| line.split(':').next().map(str::to_owned);
        let is_usual = |line: &&str| {
            let key = key_of(line);
            !keys.iter().copied().chain(more.lines()).any(|other| key_of(other) == key)
        };
        let usual = self.settings();
        self.write("config.yaml", usual.split_inclusive('\n').filter(is_usual).collect::<String>() + more);
    }

    pub(crate) fn settings(&self) -> String {
        format!(
            "client_id: {}\nclient_key_id: {}\ncredential: {}\nprivate_key_file: private.pem\n\
             base_url: {}\nip_services: {}\nca_file: ca.pem\nca_only: true\nproxy: none\n",
            demo::CLIENT_ID,
            demo::KEY_ID,
            demo::CREDENTIAL,
            self.simulator.base_url(),
            self.simulator.lookup_url()
        )
    }

    /// The bearer token, as a script gets it from the kept session.
    pub(crate) fn token(&self) -> String {
        self.succeed(["token"]).out.trim_end().to_owned()
    }

    pub(crate) fn fault(&self, script: &str) {
        self.simulator.handle().fault(script).unwrap();
    }

    /// So many requests have come to this endpoint.
    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        self.simulator.handle().count(endpoint)
    }

    /// Waits until so many requests have come to this endpoint.
    pub(crate) fn await_request(&self, endpoint: Endpoint, count: u64) {
        let begin = Instant::now();
        while self.count(endpoint) < count {
            assert!(begin.elapsed() < LONGEST, "{endpoint} was asked {} times", self.count(endpoint));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What came since the last time, by the endpoints' names.
    pub(crate) fn sent_since(&self, before: &BTreeMap<Endpoint, u64>) -> BTreeMap<&'static str, u64> {
        let mut now = self.sent();
        for (endpoint, count) in &mut now {
            *count -= before.get(endpoint).copied().unwrap_or_default();
        }
        now.into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(endpoint, count)| (endpoint.name(), count))
            .collect()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.sent().values().sum()
    }

    /// Every request so far.
    pub(crate) fn sent(&self) -> BTreeMap<Endpoint, u64> {
        self.simulator.handle().counters().requests
    }
}
