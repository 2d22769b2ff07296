//! IBKR's WebSocket (`/v1/api/ws`) as a state machine: frames in, events out; wishes in, frames out.
//!
//! A [`Stream`] knows what IBKR's WebSocket wants: that nothing is asked for before it is ready, a `tic` each
//! minute, the session id when it asks for it, market data renewed before it ends. It notices silence, asks
//! for a new connection, subscribes again to everything that is wished for, and says which messages may be
//! missing. It has no clock and no socket: those are the driver's, as with a [`Session`](crate::Session).
//!
//! # The contract
//!
//! 1. After any `&mut` call, [`poll`](Stream::poll) until it returns [`Output::Wait`], and do what it says.
//! 2. Read both clocks anew for each call.
//! 3. Give every frame to [`receive`](Stream::receive), text and binary, as soon as it has come: one that
//!    waits unread passes for silence. Answer pings yourself.
//!
//! ```
//! use std::time::{Duration, Instant, SystemTime};
//! use ibkr_auth_core::{Now, Secret, Tier, stream::{Event, Frame, Output, Stream}};
//!
//! /// Does what the stream says, with what is a socket elsewhere. Returns the frames that were sent.
//! fn drive(stream: &mut Stream, now: &mut Now) -> Vec<String> {
//!     let mut sent = Vec::new();
//!     loop {
//!         match stream.poll(*now) {
//!             // `session.websocket(nonce)?.into_request()`, given to tungstenite's `connect`
//!             Output::Open => stream.opened(*now, Some(&Secret::new("bb665d0f55b6289d"))),
//!             Output::Close => {}
//!             Output::Send(text) => sent.push(text),
//!             Output::Event(event) => println!("{event}"),
//!             Output::Wait(_) => return sent,
//!         }
//!     }
//! }
//!
//! let mut now = Now { mono: Instant::now(), wall: SystemTime::now() };
//! let mut stream = Stream::new(Tier::Brokerage, 0);
//! stream.wish(r#"smd+265598+{"fields":["31"]}"#)?;
//! assert_eq!(drive(&mut stream, &mut now), ["tic"], "nothing else before it is ready");
//!
//! stream.receive(now, r#"{"topic":"sts","args":{"authenticated":true}}"#);
//! assert_eq!(drive(&mut stream, &mut now), [r#"smd+265598+{"fields":["31"]}"#]);
//!
//! match stream.receive(now, br#"{"31":"168.42","conid":265598,"topic":"smd+265598"}"#) {
//!     Frame::Message { topic, .. } => assert_eq!(topic, "smd+265598"),
//!     other => panic!("{other:?}"),
//! }
//!
//! // Nothing is heard for half a minute: a new connection, and the same subscription.
//! now.mono += Duration::from_secs(30);
//! drive(&mut stream, &mut now);
//! now.mono += Duration::from_secs(2);
//! assert_eq!(drive(&mut stream, &mut now), ["tic"]);
//! # Ok::<(), ibkr_auth_core::Error>(())
//! ```
//!
//! Who needs less takes a part: [`Frame`] and [`Command`] read what passes by, a [`Gate`] holds frames until
//! they are served.

mod arguments;
mod book;
mod command;
mod event;
mod frame;
mod gate;
mod timers;
mod upgrade;

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

pub use command::{Command, Key, Subscription};
pub use event::{Event, Gap, Loss, Output};
pub use frame::{Frame, Refusal, Status};
pub use gate::{Gate, HELD, Readiness};
pub use timers::{PATIENCE, READY_WITHIN, RENEW_AFTER, SILENCE, TIC_EVERY};
#[doc(hidden)]
pub use upgrade::nonce;
pub use upgrade::{Upgrade, request};

use crate::{Error, Now, Secret, Tier, excerpt};
use book::Book;
use timers::BackOff;

/// One WebSocket of one session, over all the connections that it takes. See the
/// [module's documentation](self) for how to drive it.
pub struct Stream {
    link: Link,
    gate: Gate,
    book: Book,
    back_off: BackOff,
    events: VecDeque<Event>,
    /// What the connection serves, as far as that was told.
    told: Readiness,
}

enum Link {
    /// Not before this time, if there is one.
    Closed(Option<Instant>),
    /// To be closed, then as above.
    Given(Option<Instant>),
    Opening,
    Open(Open),
}

struct Open {
    since: Instant,
    /// The last frame.
    heard: Now,
    next_tic: Instant,
    /// Since when it serves anything.
    ready: Option<Instant>,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// There is no connection; one is opened when its time has come.
    Closed,
    /// One is being opened.
    Opening,
    /// One is open, and serves this.
    Open(Readiness),
}

impl Stream {
    /// A stream without a connection: the first [`poll`](Self::poll) asks for one. `seed` decides over the
    /// jitter of waits, as in [`Session::new`](crate::Session::new).
    pub fn new(tier: Tier, seed: u64) -> Self {
        Self {
            link: Link::Closed(None),
            gate: Gate::new(tier),
            book: Book::default(),
            back_off: BackOff::new(seed),
            events: VecDeque::new(),
            told: Readiness::NotYet,
        }
    }

    /// A connection is open. `session_id` is that of the [`Upgrade`], which IBKR may ask for once more.
    pub fn opened(&mut self, now: Now, session_id: Option<&Secret>) {
        self.forget_connection();
        self.gate.opened(session_id);
        self.link = Link::Open(Open { since: now.mono, heard: now, next_tic: now.mono, ready: None });
    }

    /// The connection was closed by the other side, or could not be opened.
    pub fn closed(&mut self, now: Now) {
        if matches!(self.link, Link::Open(_) | Link::Opening) {
            let again = self.lose(now, Loss::Closed);
            self.link = Link::Closed(Some(again));
        }
    }

    /// Gives up whatever connection there is and opens another at once: after a new login, or when the
    /// session has become good again and the next try may be a minute away.
    pub fn reopen(&mut self, now: Now) {
        if matches!(self.link, Link::Open(_) | Link::Opening) {
            self.lose(now, Loss::Reopened);
            self.link = Link::Given(None);
        } else if let Link::Closed(again) | Link::Given(again) = &mut self.link {
            *again = None;
        }
        self.back_off.forget();
    }

    /// Takes a frame, text or binary, and says what it is. It is for the caller to read what a
    /// [`Message`](Frame::Message) says, and for [`poll`](Self::poll) what follows from it.
    pub fn receive<'a>(&mut self, now: Now, frame: &'a (impl AsRef<[u8]> + ?Sized)) -> Frame<'a> {
        let frame = Frame::parse(frame);
        if let Link::Open(open) = &mut self.link {
            open.heard = now;
            self.gate.saw(now.mono, &frame);
            self.book.learn(&frame);
            let reason = match &frame {
                Frame::Status(status) => status.reason.as_deref(),
                _ => None,
            };
            self.note_readiness(now, reason);
        }
        frame
    }

    /// A command as IBKR reads it. `s…` wishes for a subscription, and for more of it when it is wished for
    /// already; `u…` ends the wish. They hold over all connections. Anything else is sent once, as soon as it
    /// is served; a session frame is swallowed.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) when [`HELD`] commands that are no
    /// subscriptions wait already: it was not taken.
    pub fn wish(&mut self, command: &str) -> Result<(), Error> {
        match Command::parse(command) {
            Command::Subscribe(subscription) => self.book.subscribe(subscription),
            Command::Unsubscribe(key) => self.book.end(&key),
            other => return self.gate.hold_command(&other, command),
        }
        Ok(())
    }

    /// Ends the wish for a subscription, a history too, whose server id its client may not know.
    pub fn end(&mut self, key: &Key) {
        self.book.end(key);
    }

    /// What is wished for.
    pub fn wishes(&self) -> impl Iterator<Item = &Key> {
        self.book.keys()
    }

    /// The subscriptions that a message belongs to; none for any other frame.
    pub fn keys_of<'a>(&'a self, frame: &'a Frame<'a>) -> impl Iterator<Item = &'a Key> {
        self.book.keys_of(frame)
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        match self.link {
            Link::Closed(_) | Link::Given(_) => State::Closed,
            Link::Opening => State::Opening,
            Link::Open(_) => State::Open(self.told),
        }
    }

    /// What to do now. Until it says [`Output::Wait`] there is more.
    pub fn poll(&mut self, now: Now) -> Output {
        self.note_readiness(now, None);
        if let Some(why) = self.loss(now.mono) {
            let again = self.lose(now, why);
            self.link = Link::Given(Some(again));
        }
        if let Some(event) = self.events.pop_front() {
            return Output::Event(event);
        }
        match &mut self.link {
            Link::Given(again) => {
                self.link = Link::Closed(*again);
                Output::Close
            }
            Link::Closed(Some(again)) if *again > now.mono => Output::Wait(Some(*again)),
            Link::Closed(_) => {
                self.link = Link::Opening;
                Output::Open
            }
            Link::Opening => Output::Wait(None),
            Link::Open(open) if open.next_tic <= now.mono => {
                open.next_tic = now.mono + TIC_EVERY;
                Output::Send("tic".to_owned())
            }
            Link::Open(_) => self.send(now),
        }
    }

    fn send(&mut self, now: Now) -> Output {
        if let Some((text, gap)) = self.book.next(now, self.told) {
            gap.into_iter().for_each(|gap| self.emit(Event::Gap(gap)));
            return Output::Send(text);
        }
        match self.gate.release(now.mono) {
            Some(text) => Output::Send(text),
            None => Output::Wait(self.until(now.mono)),
        }
    }

    /// When something has to be done although nothing comes.
    fn until(&self, now: Instant) -> Option<Instant> {
        let Link::Open(open) = &self.link else { return None };
        let not_ready = (self.told == Readiness::NotYet).then(|| open.since + READY_WITHIN);
        let times = [Some(open.next_tic), Some(open.heard.mono + SILENCE), not_ready];
        times.into_iter().chain([self.gate.until(now), self.book.until()]).flatten().min()
    }

    fn loss(&self, now: Instant) -> Option<Loss> {
        let Link::Open(open) = &self.link else { return None };
        let past = |from: Instant, limit: Duration| now.saturating_duration_since(from) >= limit;
        match self.told {
            _ if past(open.heard.mono, SILENCE) => Some(Loss::Silent),
            _ if self.gate.lacks_session_id() => Some(Loss::NoSessionId),
            Readiness::NotYet if past(open.since, READY_WITHIN) => Some(Loss::NotReady),
            _ => None,
        }
    }

    /// Returns when the next connection may be tried.
    fn lose(&mut self, now: Now, why: Loss) -> Instant {
        let ready_for = match &self.link {
            Link::Open(open) => open.ready.map(|ready| now.mono.saturating_duration_since(ready)),
            _ => None,
        };
        let again_in = match why {
            Loss::Reopened => Duration::ZERO,
            _ => self.back_off.wait(ready_for),
        };
        self.forget_connection();
        self.emit(Event::Lost { why, again_in });
        now.mono + again_in
    }

    fn forget_connection(&mut self) {
        if let Link::Open(open) = &self.link {
            self.book.lost(open.heard.wall);
        }
        self.gate.closed();
        self.told = Readiness::NotYet;
    }

    /// Tells of it when the connection serves more or less than before.
    fn note_readiness(&mut self, now: Now, reason: Option<&str>) {
        let Link::Open(open) = &mut self.link else { return };
        let readiness = self.gate.readiness(now.mono);
        if readiness == self.told {
            return;
        }
        if self.told == Readiness::Ready {
            self.book.lost_brokerage(now.wall);
        }
        open.ready.get_or_insert(now.mono);
        self.told = readiness;
        self.emit(match readiness {
            Readiness::Ready => Event::Ready,
            _ => Event::PortfolioOnly {
                competing: self.gate.is_competing(),
                reason: reason.map(|said| excerpt::redact(said, &[])),
            },
        });
    }

    fn emit(&mut self, event: Event) {
        event.log();
        self.events.push_back(event);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("state", &self.state())
            .field("wishes", &self.wishes().count())
            .finish_non_exhaustive()
    }
}
