//! Ours: a `Session` that keeps itself connected.

use ibkr_auth_core::{
    Host, KeepConnected, LoginBudget, Now, OnCompeting, Output, RequestId, Response, Secret, Session,
    TransportError, testing::FakeKey,
};

use super::{Move, Strategy, config, host_name};
use crate::world::HOSTS;

/// A session in the automatic mode, with all of IBKR's hosts to turn to, that takes the brokerage session
/// back.
#[derive(Debug)]
pub(crate) struct Ours(Session);

impl Ours {
    /// What it may spend on logins: the default.
    pub(crate) fn budget() -> LoginBudget {
        LoginBudget::default()
    }

    pub(crate) fn new(seed: u64) -> Self {
        let hosts = HOSTS[1..].iter().filter_map(|name| name.parse::<Host>().ok());
        let policy = KeepConnected::default()
            .with_hosts(hosts)
            .with_competing(OnCompeting::Take)
            .with_logins(Self::budget());
        let mut session = Session::new(config(), FakeKey, seed);
        session.keep_connected(policy);
        Self(session)
    }
}

impl Strategy for Ours {
    type Id = RequestId;

    fn poll(&mut self, now: Now) -> Move<RequestId> {
        match self.0.poll(now) {
            Output::Send(transmit) => Move::Send(transmit.id, transmit.timeout, transmit.request),
            Output::Event(event) => Move::Say(event),
            Output::Wait(wait) => Move::Wait(wait.until),
        }
    }

    fn receive(&mut self, now: Now, id: RequestId, result: Result<Response, TransportError>) {
        self.0.receive(now, id, result);
    }

    fn bearer(&self) -> Option<&str> {
        self.0.bearer().map(Secret::expose)
    }

    fn host(&self) -> &str {
        host_name(self.0.config().host().base_url())
    }
}
