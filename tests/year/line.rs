//! One line of the story that is told of a long recovery. Made into text only if it is told.

use std::fmt;

use ibkr_auth_core::Event;
use ibkr_sim::{Endpoint, Refusal};

use crate::world::Change;

#[derive(Debug)]
pub(crate) enum Line {
    /// Something happened.
    Change(Change),
    /// IBKR's doors opened or closed.
    Up(bool),
    /// The client told this.
    Event(Event),
    /// A server answered.
    Answer {
        /// `None` for a look-up service.
        host: Option<&'static str>,
        endpoint: Endpoint,
        status: u16,
        refusals: Vec<Refusal>,
        lost: bool,
    },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change) => write!(f, "** {change:?}"),
            Self::Up(true) => f.write_str("** the servers are up"),
            Self::Up(false) => f.write_str("** the servers are down"),
            Self::Event(event) => write!(f, "{event}"),
            Self::Answer { host, endpoint, status, refusals, lost } => {
                write!(f, "   server: {} {endpoint} {status}", host.unwrap_or("somebody"))?;
                refusals.iter().try_for_each(|refusal| write!(f, ", {}", refusal.why))?;
                f.write_str(if *lost { " (lost on the way back)" } else { "" })
            }
        }
    }
}
