//! Frames wait here until IBKR takes them: what comes earlier is dropped without a word.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Command, Frame, Status, timers::PATIENCE};
use crate::{Advice, Error, ErrorKind, Secret, Tier};

/// So many frames are held.
pub const HELD: usize = 256;

/// What a connection serves. Ordered: each is more than the one before it. Exhaustive on purpose: there is
/// nothing between and beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Readiness {
    /// Nothing yet but `tic` and the session frame.
    #[default]
    NotYet,
    /// `spl`, `ssd` and `sld`: there is no brokerage session, or another login holds it.
    Portfolio,
    /// Everything.
    Ready,
}

/// Holds the frames for one connection until it serves them, and answers the question for the session id.
///
/// It is all that a program needs that connects one client with one socket of IBKR's; a
/// [`Stream`](super::Stream) has one inside.
///
/// ```
/// use std::time::Instant;
/// use ibkr_auth_core::{Secret, Tier, stream::{Frame, Gate}};
///
/// let mut gate = Gate::new(Tier::Brokerage);
/// gate.opened(Some(&Secret::new("bb665d0f55b6289d70bc7380089fc96f")));
/// gate.hold(r#"smd+265598+{"fields":["31"]}"#)?;
/// let now = Instant::now();
/// assert_eq!(gate.release(now), None);
/// gate.saw(now, &Frame::parse(r#"{"topic":"sts","args":{"authenticated":true}}"#));
/// assert!(gate.release(now).unwrap().starts_with("smd+265598"));
/// # Ok::<(), ibkr_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Gate {
    patience: Duration,
    held: VecDeque<(Readiness, String)>,
    connection: Connection,
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Connection {
    session_id: Option<Secret>,
    greeting: Greeting,
    /// Since when IBKR knows its session.
    known: Option<Instant>,
    authenticated: Option<bool>,
    competing: bool,
}

/// The frame `{"session":…}`: once on each connection, and only when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Greeting {
    #[default]
    Unasked,
    Asked,
    Sent,
}

impl Gate {
    /// A gate that is closed. Without a brokerage session there may be no `sts`, which in that tier is not
    /// waited for.
    pub fn new(tier: Tier) -> Self {
        let patience = match tier {
            Tier::Brokerage => PATIENCE,
            Tier::ReadOnly => Duration::ZERO,
        };
        Self { patience, held: VecDeque::new(), connection: Connection::default() }
    }

    /// A connection is open, and serves nothing yet. `session_id` is what it will ask for if its cookie does
    /// not do.
    pub fn opened(&mut self, session_id: Option<&Secret>) {
        self.connection = Connection { session_id: session_id.cloned(), ..Connection::default() };
    }

    /// The connection has ended. What is held stays, for the next one.
    pub fn closed(&mut self) {
        self.connection = Connection::default();
    }

    /// A frame of IBKR's has come.
    pub fn saw(&mut self, now: Instant, frame: &Frame<'_>) {
        let connection = &mut self.connection;
        match frame {
            Frame::Success => _ = connection.known.get_or_insert(now),
            Frame::Status(Status { authenticated, competing, .. }) => {
                connection.known.get_or_insert(now);
                connection.authenticated = authenticated.or(connection.authenticated);
                connection.competing = competing.unwrap_or(connection.competing);
            }
            Frame::WaitingForSession if connection.greeting == Greeting::Unasked => {
                connection.greeting = Greeting::Asked;
            }
            _ => {}
        }
    }

    /// Takes a frame of the client's, to be [released](Self::release) when it is served. A session frame is
    /// swallowed: the session id is another one here.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`] when [`HELD`] frames wait already: it was not taken.
    pub fn hold(&mut self, text: &str) -> Result<(), Error> {
        self.hold_command(&Command::parse(text), text)
    }

    pub(super) fn hold_command(&mut self, command: &Command<'_>, text: &str) -> Result<(), Error> {
        if *command == Command::Session {
            return Ok(());
        }
        if self.held.len() >= HELD {
            let what = format!("{HELD} frames wait for the WebSocket to be ready: this one was not taken");
            let soon = Advice::RetryAfter(PATIENCE);
            return Err(Error::plain(ErrorKind::NotConnected, None, what, "wait until it is ready", soon));
        }
        self.held.push_back((command.needs(), text.to_owned()));
        Ok(())
    }

    /// The next frame to send, if there is one: in order, but none waits for one that needs more. It may hold
    /// the session id: do not log it.
    pub fn release(&mut self, now: Instant) -> Option<String> {
        if let Connection { greeting: greeting @ Greeting::Asked, session_id: Some(id), .. } =
            &mut self.connection
        {
            *greeting = Greeting::Sent;
            return Some(session_frame(id));
        }
        let readiness = self.readiness(now);
        let served = self.held.iter().position(|(needs, _)| *needs <= readiness)?;
        self.held.remove(served).map(|(_, text)| text)
    }

    /// What the connection serves.
    pub fn readiness(&self, now: Instant) -> Readiness {
        let Connection { authenticated, known, competing, .. } = self.connection;
        match (authenticated, known) {
            (Some(true), _) if !competing => Readiness::Ready,
            (Some(_), _) => Readiness::Portfolio,
            (None, Some(known)) if now.saturating_duration_since(known) >= self.patience => {
                Readiness::Portfolio
            }
            (None, _) => Readiness::NotYet,
        }
    }

    /// When it may serve more although no frame has come.
    pub fn until(&self, now: Instant) -> Option<Instant> {
        let patient_until = self.connection.known.map(|known| known + self.patience);
        patient_until.filter(|until| *until > now)
    }

    /// Whether another login holds the brokerage session.
    pub(super) fn is_competing(&self) -> bool {
        self.connection.competing
    }

    /// Whether IBKR wants a session id, and none is known.
    pub fn lacks_session_id(&self) -> bool {
        self.connection.greeting == Greeting::Asked && self.connection.session_id.is_none()
    }
}

fn session_frame(id: &Secret) -> String {
    #[derive(Serialize)]
    struct Session<'a> {
        session: &'a str,
    }
    // Cannot fail: a map with one string.
    serde_json::to_string(&Session { session: id.expose() }).unwrap_or_default()
}
