//! A `Session` that keeps itself connected.

use std::time::{Duration, Instant};

use ibkr_auth_core::{
    Config, Connected, Now, Output, RequestId, Response, Session, Ticket, Tickle, TransportError,
    testing::FakeKey,
};

use super::{Move, Strategy, host_name};

/// Stand-in: connect, tickle.
#[derive(Debug)]
pub struct Ours {
    session: Session,
    connect: Option<Ticket<Connected>>,
    tickle: Option<Ticket<Tickle>>,
    next: Option<Instant>,
}

impl Ours {
    pub fn new(config: Config, seed: u64) -> Self {
        Self { session: Session::new(config, FakeKey, seed), connect: None, tickle: None, next: None }
    }
}

impl Strategy for Ours {
    type Id = RequestId;

    fn poll(&mut self, now: Now) -> Move<RequestId> {
        loop {
            match self.session.poll(now) {
                Output::Send(transmit) => return Move::Send(transmit.id, transmit.timeout, transmit.request),
                Output::Event(event) => return Move::Say(event.to_string()),
                Output::Wait(wait) => {
                    if let Some(outcome) = self.connect.as_ref().and_then(Ticket::outcome) {
                        self.connect = None;
                        self.next =
                            Some(now.mono + Duration::from_secs(if outcome.is_ok() { 60 } else { 10 }));
                    } else if let Some(outcome) = self.tickle.as_ref().and_then(Ticket::outcome) {
                        self.tickle = None;
                        if !outcome.is_ok_and(|tickle| tickle.auth_status.is_ready()) {
                            self.connect = Some(self.session.connect());
                            continue;
                        }
                        self.next = Some(now.mono + Duration::from_secs(60));
                    }
                    if self.connect.is_none() && self.tickle.is_none() {
                        if self.next.is_none_or(|next| next <= now.mono) {
                            if self.session.is_connected() {
                                self.tickle = Some(self.session.tickle());
                            } else {
                                self.connect = Some(self.session.connect());
                            }
                            continue;
                        }
                        return Move::Wait(self.next);
                    }
                    return Move::Wait(wait.until);
                }
            }
        }
    }

    fn receive(&mut self, now: Now, id: RequestId, result: Result<Response, TransportError>) {
        self.session.receive(now, id, result);
    }

    fn bearer(&self) -> Option<&str> {
        self.session.bearer().map(ibkr_auth_core::Secret::expose)
    }

    fn host(&self) -> &str {
        host_name(self.session.config().host().base_url())
    }
}
