//! The end of the kept session.

use ibkr_auth_blocking::{Error, ErrorKind};

use super::{Sessions, turn::Turn};
use crate::{failure::Failure, store::Kept};

impl Sessions {
    /// Ends the kept session, if there is one, and says whether there was. It is kept where it could not be
    /// ended.
    ///
    /// Where nothing can be written it is ended all the same: a session that goes on is worse than a record
    /// of one that has ended, which is found out at its first use.
    pub(crate) fn end_kept(&self, turn: &mut Turn) -> Result<bool, Failure> {
        let Some(kept) = doubted(turn) else { return Ok(false) };
        turn.pace()?;
        let failure = self.log_out(turn, &kept)?;
        if failure.is_none() {
            turn.record.kept = None;
        }
        self.note(turn, failure.as_ref());
        failure.map_or(Ok(true), Err)
    }

    /// The same before a login: a full disk, on which no login could be kept, costs no session.
    pub(super) fn make_room(&self, turn: &mut Turn, is_forced: bool) -> Result<(), Failure> {
        let Some(kept) = doubted(turn) else { return Ok(()) };
        turn.pace_or_force(is_forced)?;
        self.keep(turn, None)?;
        let failure = self.log_out(turn, &kept)?;
        if failure.is_none() {
            turn.record.kept = None;
        }
        self.keep(turn, failure.as_ref())?;
        failure.map_or(Ok(()), Err)
    }

    fn log_out(&self, turn: &Turn, kept: &Kept) -> Result<Option<Failure>, Failure> {
        Ok(match self.client(&turn.record, kept, false)?.logout() {
            Err(error) if !is_gone(&error) => Some(unended(error)),
            _ => None,
        })
    }
}

/// The kept session, which passes for a good one no longer.
fn doubted(turn: &mut Turn) -> Option<Kept> {
    let kept = turn.record.kept.as_ref().map(Kept::doubted)?;
    turn.record.kept = Some(kept.clone());
    Some(kept)
}

/// Whether IBKR does not know the session any more.
fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::NoBrokerageSession | ErrorKind::Gone)
}

fn unended(error: Error) -> Failure {
    Failure::from(error).why("the kept session could not be ended, and stays kept")
}
