//! What a stream wants done, and what it tells.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

use super::Key;

/// What the driver has to do. Exhaustive on purpose: a new duty must not go unnoticed in a driver.
#[derive(PartialEq)]
#[must_use = "what is not done is not asked for again"]
pub enum Output {
    /// Open a connection with an [`Upgrade`](super::Upgrade) of this moment, then say
    /// [`opened`](super::Stream::opened), or [`closed`](super::Stream::closed) if that fails.
    Open,
    /// Give up the connection, or the attempt to open one, and say nothing more of it.
    Close,
    /// Send this as a text frame. It may hold the session id, which `Debug` hides: do not log it.
    Send(String),
    /// Tell whoever wants to know.
    Event(Event),
    /// Nothing to do until then, or until a frame, a wish or the end of a connection comes.
    Wait(Option<Instant>),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("Open"),
            Self::Close => f.write_str("Close"),
            Self::Send(text) if text.starts_with('{') => f.write_str("Send([redacted])"),
            Self::Send(text) => f.debug_tuple("Send").field(text).finish(),
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::Wait(until) => f.debug_tuple("Wait").field(until).finish(),
        }
    }
}

/// Something that happened. Holds no secret; `Display` is a line for people.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Everything is served, and what is wished for is being asked for.
    Ready,
    /// `spl`, `ssd` and `sld` are served alone: there is no brokerage session any more, or none yet. It is
    /// for the session's owner to heal it; on this connection there is nothing to do.
    PortfolioOnly {
        /// Whether another login holds it.
        competing: bool,
        /// What IBKR says, redacted.
        reason: Option<String>,
    },
    /// Messages of a subscription may be missing. It has just been asked for again.
    Gap(Gap),
    /// The connection is lost.
    Lost {
        /// How that shows.
        why: Loss,
        /// The next one is tried after this time.
        again_in: Duration,
    },
}

/// A time in which messages of a subscription may have been missed. What IBKR keeps can be asked for over
/// HTTPS: orders, trades, bars.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Which one.
    pub key: Key,
    /// When IBKR was last heard, or said that the brokerage session has ended.
    pub since: SystemTime,
    /// When it was asked for again.
    pub until: SystemTime,
}

/// How the loss of a connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// It was closed, or could not be opened.
    Closed,
    /// No frame has come for [`SILENCE`](super::SILENCE).
    Silent,
    /// It has served nothing within [`READY_WITHIN`](super::READY_WITHIN).
    NotReady,
    /// IBKR wants the session id, which is not known yet: a tickle brings it.
    NoSessionId,
    /// [`reopen`](super::Stream::reopen) was called.
    Reopened,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("WebSocket ready"),
            Self::PortfolioOnly { competing, reason } => {
                f.write_str("WebSocket without a brokerage session")?;
                if *competing {
                    f.write_str(": another login holds it")?;
                }
                reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
            }
            Self::Gap(Gap { key, since, until }) => {
                let seconds = until.duration_since(*since).unwrap_or_default().as_secs_f64();
                write!(f, "{key}: messages of {seconds:.1} s may be missing")
            }
            Self::Lost { why, again_in } => {
                write!(f, "WebSocket lost: {why}; again in {:.1} s", again_in.as_secs_f64())
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "it was closed, or could not be opened",
            Self::Silent => "nothing was heard of IBKR",
            Self::NotReady => "IBKR did not take the session in time",
            Self::NoSessionId => "IBKR wants the session id, which is not known yet",
            Self::Reopened => "a new one is wanted",
        })
    }
}

impl Event {
    /// Tells the log.
    pub(super) fn log(&self) {
        match self {
            Self::PortfolioOnly { .. } | Self::Lost { .. } => tracing::warn!("{self}"),
            Self::Ready => tracing::info!("{self}"),
            Self::Gap(_) => tracing::debug!("{self}"),
        }
    }
}
