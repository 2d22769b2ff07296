//! Who has the brokerage session: IBKR allows one login of a username at a time.

use std::time::Instant;

/// Whose the brokerage session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contest {
    /// Nobody else is known to want it.
    Nobody,
    /// Another login has it, or may have it, and we leave it there.
    Left(Left),
    /// What holds it is what we have left behind ourselves: the next request that opens it ends that.
    Own,
    /// The policy takes it back now.
    Retake,
    /// The user has it taken back now, and until that has come to something.
    Claimed,
}

/// A session that is left to another login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) since: Instant,
    /// IBKR says that another login is there. Else it only refuses to open the session.
    pub(super) is_said: bool,
    /// When it is asked for again, without `compete`.
    pub(super) ask_at: Instant,
    /// When the policy takes it back.
    pub(super) retake_at: Option<Instant>,
}

impl Contest {
    pub(super) fn left(self) -> Option<Left> {
        match self {
            Self::Left(left) => Some(left),
            Self::Nobody | Self::Own | Self::Retake | Self::Claimed => None,
        }
    }

    pub(super) fn is_left(self) -> bool {
        self.left().is_some()
    }

    /// Whether opening the session now may end whoever has it.
    pub(super) fn may_take(self, now: Instant) -> bool {
        match self {
            Self::Nobody => false,
            Self::Left(left) => left.retake_at.is_some_and(|at| at <= now),
            Self::Own | Self::Retake | Self::Claimed => true,
        }
    }

    /// The session is being opened: what that may end is used up. Says whether the policy takes it back.
    pub(super) fn begin_opening(&mut self, now: Instant) -> bool {
        match self {
            Self::Left(left) => left.retake_at.take_if(|at| *at <= now).is_some(),
            Self::Own => {
                *self = Self::Nobody;
                false
            }
            Self::Retake => {
                *self = Self::Nobody;
                true
            }
            Self::Nobody | Self::Claimed => false,
        }
    }
}
