//! Ours: a `Session` that keeps itself connected.

use std::{collections::BTreeSet, sync::Mutex};

use ibkr_auth_core::{
    Config, Host, KeepConnected, LoginBudget, Now, OnCompeting, Output, RequestId, Response, Secret, Session,
    Step, TransportError, oauth1::Random, testing::FakeKey,
};
use ibkr_auth_tests::{chance::Chance, lab};
use serde_json::Value;

use super::{Move, Strategy, config, host_name};
use crate::world::HOSTS;

/// A session in the automatic mode, with all of IBKR's hosts to turn to, that takes the brokerage session
/// back.
#[derive(Debug)]
pub(crate) struct Ours {
    session: Session,
    /// The live session token that is in use, by OAuth 1.0a.
    live: Option<String>,
    /// Requests whose answers bring one.
    asked: BTreeSet<RequestId>,
}

impl Ours {
    /// What it may spend on logins: the default.
    pub(crate) fn budget() -> LoginBudget {
        LoginBudget::default()
    }

    pub(crate) fn new(seed: u64) -> Self {
        Self::with(config(), seed)
    }

    /// With a login by OAuth 1.0a.
    pub(crate) fn by_oauth1(seed: u64) -> Self {
        // The same year each time.
        let random = Mutex::new(Chance::new(seed));
        let random = Random::from_fn(move |bytes| {
            let mut random = random.lock().expect("nobody panics with it");
            bytes.iter_mut().for_each(|byte| *byte = random.number() as u8);
            Ok(())
        });
        Self::with(lab::oauth1_config().with_random(random).expect("it is by OAuth 1.0a"), seed)
    }

    fn with(config: Config, seed: u64) -> Self {
        let hosts = HOSTS[1..].iter().filter_map(|name| name.parse::<Host>().ok());
        let policy = KeepConnected::default()
            .with_hosts(hosts)
            .with_competing(OnCompeting::Take)
            .with_logins(Self::budget());
        let mut session = Session::new(config, FakeKey, seed);
        session.keep_connected(policy);
        Self { session, live: None, asked: BTreeSet::new() }
    }

    /// As it is saved: nothing else shows it.
    fn live_session_token(&self, now: Now) -> Option<String> {
        let saved: Value = serde_json::from_str(self.session.save(now)?.expose()).ok()?;
        saved["bearer"].as_str().map(str::to_owned)
    }
}

impl Strategy for Ours {
    type Id = RequestId;

    fn poll(&mut self, now: Now) -> Move<RequestId> {
        match self.session.poll(now) {
            Output::Send(transmit) => {
                if transmit.step == Step::GetLiveSessionToken {
                    self.asked.insert(transmit.id);
                }
                Move::Send(transmit.id, transmit.timeout, transmit.request)
            }
            Output::Event(event) => Move::Say(event),
            Output::Wait(wait) => Move::Wait(wait.until),
        }
    }

    fn receive(&mut self, now: Now, id: RequestId, result: Result<Response, TransportError>) {
        self.session.receive(now, id, result);
        if self.asked.contains(&id) {
            self.live = self.live_session_token(now);
        }
    }

    fn bearer(&self) -> Option<&str> {
        self.session.bearer().map(Secret::expose).or(self.live.as_deref())
    }

    fn host(&self) -> &str {
        host_name(self.session.config().host().base_url())
    }
}
