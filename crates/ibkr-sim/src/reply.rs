//! What comes out of the simulator: a response, why it is a refusal, and how it is to be delivered.

use std::{net::IpAddr, time::Duration};

use crate::{Endpoint, Refusal, SocketId};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address that the connection comes from. Loopback callers are seen at the configured public
    /// address.
    pub ip: IpAddr,
}

impl Peer {
    /// A caller from this machine.
    pub const LOOPBACK: Self = Self { ip: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST) };
}

/// The simulator's answer to one request.
#[derive(Debug)]
pub struct Reply {
    /// What the client gets to read.
    pub response: http::Response<Vec<u8>>,
    /// Which endpoint answered.
    pub endpoint: Endpoint,
    /// Why the request was refused; empty when it was not. Never shown to the client.
    pub refusals: Vec<Refusal>,
    /// The fault that struck, as its script line.
    pub fault: Option<String>,
    /// How the response travels.
    pub delivery: Delivery,
    /// The socket that the connection is from now on, by the answer 101. Ask [`Sim`](crate::Sim) by this what
    /// is said on it, and tell it when it is closed.
    pub socket: Option<SocketId>,
}

impl Reply {
    /// Whether the request was refused under this [rule](Refusal::rule).
    ///
    /// # Panics
    /// When it is none of [`Refusal::RULES`]: no request is refused under it.
    #[track_caller]
    pub fn refused_for(&self, rule: &str) -> bool {
        Refusal::assert_rule(rule);
        self.refusals.iter().any(|refusal| refusal.rule == rule)
    }
}

/// How a response travels. The server obeys; a virtual-time driver should too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Wait this long first, in real time.
    pub delay: Duration,
    /// What becomes of the bytes.
    pub manner: Manner,
    /// The connection is closed when they have arrived, though nothing in them says so.
    pub closes_after: bool,
}

/// What becomes of a response's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// They arrive.
    #[default]
    Whole,
    /// They never arrive; the connection stays open.
    Hang,
    /// The connection is reset before any of them.
    Reset,
    /// The connection is closed with a farewell before any of them.
    Close,
    /// The connection closes after this many bytes of the body, of which the header promised more.
    Truncate(usize),
    /// One byte of the body at a time, with this pause before each.
    Drip(Duration),
    /// The body is this many spaces, made while they are sent: [`Reply::response`] holds none of them.
    Huge(u64),
}
