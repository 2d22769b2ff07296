//! What a session tells while it works.

use core::net::Ipv4Addr;
use std::{fmt, time::Duration};

use crate::{ClockSkew, Error, Host, Phase, Step};

/// Something that happened. Holds no secret; `Display` is a line for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A request is on its way.
    Sent {
        /// Which one.
        step: Step,
    },
    /// A step succeeded.
    Done {
        /// Which one.
        step: Step,
        /// From request to answer.
        took: Duration,
    },
    /// A step failed. What follows is either `Retrying` or the error of the command.
    Failed {
        /// Which one, and why.
        error: Error,
        /// From request to answer, or to giving up.
        took: Duration,
    },
    /// A step will be tried again, freshly signed.
    Retrying {
        /// Which one.
        step: Step,
        /// After this time.
        after: Duration,
    },
    /// IBKR's clock was found to differ, or not to differ any more. What is signed from now on is corrected.
    ClockSkew(ClockSkew),
    /// The public address was found out, or found changed.
    PublicIp(Ipv4Addr),
    /// Another server is used from now on.
    HostChanged(Host),
    /// The login is complete.
    Connected,
    /// The session was ended by `logout`.
    LoggedOut,
    /// The automatic mode stands somewhere else now.
    Phase {
        /// Where.
        phase: Phase,
        /// The error that brought it there, if one did.
        because: Option<Error>,
    },
    /// The session is good again.
    Recovered {
        /// This long after it was first seen not to be.
        after: Duration,
    },
    /// The machine slept, or its clock was set.
    ClockJumped,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { step } => write!(f, "{step}: sent"),
            Self::Done { step, took } => write!(f, "{step}: done in {} ms", took.as_millis()),
            Self::Failed { error, took } => write!(f, "{error} (after {} ms)", took.as_millis()),
            Self::Retrying { step, after } => write!(f, "{step}: again in {:.1} s", after.as_secs_f64()),
            Self::ClockSkew(skew) if skew.millis() == 0 => {
                write!(f, "the clock agrees with the server's again")
            }
            Self::ClockSkew(skew) => {
                let seconds = skew.millis() / 1000;
                write!(f, "the server's clock is {seconds:+} s from ours: set this machine's clock")
            }
            Self::PublicIp(ip) => write!(f, "public address {ip}"),
            Self::HostChanged(host) => write!(f, "now using {host}"),
            Self::Connected => write!(f, "connected"),
            Self::LoggedOut => write!(f, "logged out"),
            Self::Phase { phase, because: Some(error) } => write!(f, "{phase}, because {error}"),
            Self::Phase { phase, because: None } => write!(f, "{phase}"),
            Self::Recovered { after } => write!(f, "good again after {:.1} s", after.as_secs_f64()),
            Self::ClockJumped => write!(f, "the machine slept, or its clock was set"),
        }
    }
}

impl Event {
    /// Tells the log. Levels: `warn` for what a person should look at, `info` once per login, else `debug`.
    pub(crate) fn log(&self) {
        match self {
            Self::Failed { .. } | Self::Retrying { .. } | Self::ClockSkew(_) => tracing::warn!("{self}"),
            Self::Connected
            | Self::LoggedOut
            | Self::HostChanged(_)
            | Self::Phase { .. }
            | Self::Recovered { .. }
            | Self::ClockJumped => tracing::info!("{self}"),
            Self::Sent { .. } | Self::Done { .. } | Self::PublicIp(_) => tracing::debug!("{self}"),
        }
    }
}
