//! What all connections share.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::{Notify, futures::Notified};
use tokio_rustls::rustls::{self, HandshakeKind};

use super::{Event, Observer, clock::Clock};
use crate::{Delivery, Manner, Peer, Reply, Sim, SimConfig, Stage};

/// Connections so far, the admin port's not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// TCP connections to the HTTPS, look-up and proxy ports.
    pub tcp: u64,
    /// TLS handshakes with a certificate.
    pub tls_full: u64,
    /// TLS handshakes that resumed an earlier session.
    pub tls_resumed: u64,
    /// TLS handshakes that failed: most often a client that does not trust the simulator's authority.
    pub tls_failed: u64,
    /// TLS handshakes by the name that the client asked for.
    pub tls_hosts: BTreeMap<String, u64>,
    /// Tunnels that the proxy opened.
    pub tunnels: u64,
    /// Tunnels that the proxy refused to open.
    pub tunnels_refused: u64,
}

pub(super) struct Shared {
    sim: Mutex<Sim>,
    clock: Mutex<Clock>,
    connections: Mutex<Connections>,
    /// Told when open sockets may have something to say.
    changes: Notify,
    pub(super) one_way_delay: Duration,
    pub(super) tls: Arc<rustls::ServerConfig>,
    /// Whether the API is served without TLS.
    pub(super) plain: bool,
    observer: Option<Observer>,
}

impl Shared {
    pub(super) fn new(
        sim: SimConfig,
        clock: Clock,
        one_way_delay: Duration,
        tls: Arc<rustls::ServerConfig>,
        plain: bool,
        observer: Option<Observer>,
    ) -> Self {
        Self {
            sim: Mutex::new(Sim::new(sim)),
            clock: Mutex::new(clock),
            connections: Mutex::new(Connections::default()),
            changes: Notify::new(),
            one_way_delay,
            tls,
            plain,
            observer,
        }
    }

    pub(super) fn sim(&self) -> MutexGuard<'_, Sim> {
        self.sim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has happened to the simulator or its clock.
    pub(super) fn change(&self) {
        self.changes.notify_waiters();
    }

    /// Returns at the next change.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changes.notified()
    }

    /// Asks the simulator and tells the observer.
    pub(super) fn ask(&self, ip: IpAddr, request: &http::Request<Vec<u8>>) -> Reply {
        let now = self.clock().now();
        let mut sim = self.sim();
        let reply = sim.handle(now, Peer { ip }, request);
        let entry = self.observer.as_ref().and_then(|_| sim.last_request().cloned());
        drop(sim);
        self.change();
        if let Some(entry) = entry {
            self.tell(Event::Request(&entry));
        }
        reply
    }

    /// What becomes of a connection at this stage, after the delay that a fault wants.
    pub(super) async fn reaches(&self, stage: Stage, host: &str) -> Manner {
        let now = self.clock().now();
        let delivery = self.sim().connection(now, stage, host);
        if delivery != Delivery::default() {
            self.tell(Event::ConnectionStruck(host));
        }
        tokio::time::sleep(delivery.delay).await;
        delivery.manner
    }

    pub(super) fn tell(&self, event: Event<'_>) {
        if let Some(observe) = &self.observer {
            observe(&event);
        }
    }

    pub(super) fn count_handshake(&self, host: Option<&str>, kind: Option<HandshakeKind>) {
        let mut connections = self.connections();
        match kind {
            Some(HandshakeKind::Resumed) => connections.tls_resumed += 1,
            _ => connections.tls_full += 1,
        }
        let host =
            host.filter(|host| crate::host::site(host, "") != crate::host::Site::Nobody).unwrap_or("other");
        *connections.tls_hosts.entry(host.to_owned()).or_default() += 1;
    }
}
