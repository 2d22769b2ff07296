//! Steering and questioning running servers from the same process.

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde_json::Value;

use super::shared::{Connections, Shared};
use crate::{
    Counters, Endpoint, Entry, Fault, HostState, Moment, PlacedOrder, Rules, Sim, SocketEnd, SocketStats,
};

/// Steers a running [`Server`](super::Server). Clones steer the same one.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Does anything with the simulator between two requests. The action must not use the handle itself: it
    /// would wait for its own end.
    pub fn with<T>(&self, action: impl FnOnce(&mut Sim) -> T) -> T {
        let done = action(&mut self.shared.sim());
        self.shared.change();
        done
    }

    /// What the servers' clock shows.
    pub fn now(&self) -> Moment {
        let now = self.shared.clock().now();
        self.with(|sim| sim.now(now))
    }

    /// Sets the servers' clock forward.
    pub fn advance(&self, by: Duration) {
        self.step_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }

    /// Sets the servers' clock forward or back by milliseconds.
    pub fn step_millis(&self, millis: i64) {
        self.shared.clock().step(millis);
        self.shared.change();
    }

    /// Lets the servers' clock run this many times as fast as true time; 0 stops it.
    pub fn set_scale(&self, scale: f64) {
        self.shared.clock().set_scale(scale);
        self.shared.change();
    }

    /// How fast the servers' clock runs.
    pub fn scale(&self) -> f64 {
        self.shared.clock().scale()
    }

    /// Adds the faults of a [script](Fault::parse_script).
    ///
    /// # Errors
    /// When the script cannot be read; then none is added.
    pub fn fault(&self, script: &str) -> Result<(), serde_json::Error> {
        let faults = Fault::parse_script(script)?;
        self.with(|sim| faults.into_iter().for_each(|fault| sim.add_fault(fault)));
        Ok(())
    }

    /// Adds a fault.
    pub fn add_fault(&self, fault: Fault) {
        self.with(|sim| sim.add_fault(fault));
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.with(Sim::clear_faults);
    }

    /// From now on callers from loopback are seen at this address.
    pub fn set_ip(&self, ip: IpAddr) {
        self.with(|sim| sim.set_ip(ip));
    }

    /// Makes a host bad, or well again with `None`.
    pub fn set_host(&self, host: &str, state: Option<HostState>) {
        self.with(|sim| sim.set_host(host, state));
    }

    /// Somebody logs in elsewhere and takes the brokerage session of this username, or of all with `None`.
    pub fn kick(&self, credential: Option<&str>) {
        self.with(|sim| sim.kick(credential));
    }

    /// Forgets every token and session.
    pub fn restart(&self) {
        self.with(Sim::restart);
    }

    /// What the servers check and how long things live.
    pub fn rules(&self) -> Rules {
        self.with(|sim| sim.config().rules.clone())
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.with(|sim| sim.counters().clone())
    }

    /// Requests to one endpoint so far.
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.with(|sim| sim.counters().of(endpoint))
    }

    /// The orders that were executed so far, first ones first, and how often each was.
    pub fn orders(&self) -> Vec<PlacedOrder> {
        self.with(|sim| sim.placed_orders().cloned().collect())
    }

    /// The WebSockets: how many are open and were opened, what clients have sent, and what of it too early.
    pub fn sockets(&self) -> SocketStats {
        self.with(|sim| sim.sockets())
    }

    /// Resets all open WebSockets.
    pub fn drop_sockets(&self) {
        self.end_sockets(SocketEnd::Reset);
    }

    /// Ends all open WebSockets, or lets them fall silent.
    pub fn end_sockets(&self, end: SocketEnd) {
        self.with(|sim| sim.end_sockets(end));
    }

    /// Says this on all open WebSockets that have a session.
    pub fn push(&self, frame: &Value) {
        self.with(|sim| sim.push(frame));
    }

    /// Connections so far.
    pub fn connections(&self) -> Connections {
        self.shared.connections().clone()
    }

    /// The last requests, oldest first.
    pub fn requests(&self) -> Vec<Entry> {
        self.with(|sim| sim.requests().cloned().collect())
    }
}
