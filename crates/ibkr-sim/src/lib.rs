//! A strict simulator of Interactive Brokers' Web API servers, for tests and development without an account.
//!
//! Two ways in. [`Server`] runs it on loopback with TLS, a CONNECT proxy, an address look-up and an admin
//! port, for clients in any language:
//!
//! ```
//! use ibkr_sim::{Endpoint, Server, SimConfig};
//!
//! let server = Server::start(SimConfig::default())?;
//! println!("{} with the authority\n{}", server.base_url(), server.ca_pem());
//! server.handle().fault(r#"{"on":"tickle","calls":"2..4","do":{"status":503}}"#)?;
//! // … run a client …
//! assert_eq!(server.handle().count(Endpoint::Tickle), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Sim`] is the core of it: a function of a request and a moment, for tests in virtual time:
//!
//! ```
//! use ibkr_sim::{Moment, Peer, Sim, SimConfig};
//!
//! let mut sim = Sim::new(SimConfig::default());
//! let request = http::Request::get("https://api.ibkr.com/v1/api/tickle").body(Vec::new())?;
//! let reply = sim.handle(Moment::from_secs(1_795_021_200), Peer::LOOPBACK, &request);
//!
//! assert_eq!(reply.response.status(), 403);
//! assert!(reply.refused_for("user-agent"), "{:?}", reply.refusals);
//! # Ok::<(), http::Error>(())
//! ```
//!
//! # Conventions
//!
//! * Requests are judged as they stand on the wire. A driver in virtual time adds `User-Agent` and
//!   `Content-Length` itself, as an HTTP client would.
//! * A client is told what IBKR would tell it. Why it was refused is in [`Reply::refusals`], on the command's
//!   terminal and on the admin port.
//! * Where IBKR's own documents and reports from the field disagree, the choice is a field of [`Rules`].
//! * Nothing that is printed, kept or counted holds a token, an assertion or a key.
//!
//! # Intentional omissions
//!
//! The local gateway's login pages, market data and account management beyond what shows the order of calls:
//! all prices are 100, on the socket too, and nothing is traded. Of OAuth 1.0a: the header of IBKR's staff
//! with an access token alone. Of the socket: compression, the limit of five histories at a time, and the
//! topics `blt`, `ntf`, `spd`, `sdr` and `shs`, though [`Sim::push`] says anything. It shares no code with
//! the clients of this workspace but the check of RSA signatures, so that a mistake in a path, a header, a
//! claim or a number cannot cancel itself out.

mod accounts;
mod answer;
mod assertion;
mod authority;
mod brokerage;
mod calendar;
mod call;
pub mod cli;
mod config;
mod consumer;
mod counters;
pub mod demo;
mod edge;
mod endpoint;
mod fault;
mod gzip;
mod host;
mod ids;
mod inject;
mod lookup;
mod market;
mod moment;
mod oauth;
mod oauth1;
mod orders;
mod own_file;
mod pace;
mod placed;
mod reply;
mod rules;
mod server;
mod sim;
mod socket;
mod sockets;
mod sso;
mod store;
mod tier;
mod trading;
mod upgrade;
mod zone;

pub use answer::Refusal;
pub use authority::Authority;
pub use calendar::{Calendar, Window};
pub use config::{Client, SimConfig, User};
pub use consumer::{AccessToken, Consumer, ConsumerError, DhParameters, EncryptionKey};
pub use counters::{Counters, Entry};
pub use endpoint::Endpoint;
pub use fault::{Action, Calls, Fault, On, Stage};
pub use host::{API_HOSTS, HostState, LOOKUP_HOSTS, PORTAL_HOSTS};
pub use moment::Moment;
pub use placed::PlacedOrder;
pub use reply::{Delivery, Manner, Peer, Reply};
pub use rules::{CompetingShown, Expires, Extension, Limit, Rule, RuleError, Rules, SignedQuery};
pub use server::{Connections, Event, Handle, Observer, Ports, Server, ServerConfig};
pub use sim::Sim;
pub use socket::{Frame, SocketEnd};
pub use sockets::{SocketId, SocketStats};
pub use zone::Region;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
