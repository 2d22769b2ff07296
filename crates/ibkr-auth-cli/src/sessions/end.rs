//! The end of the kept session.

use ibkr_auth_blocking::{Error, ErrorKind};
use ibkr_auth_store::{KeptSession, Locked};

use super::{
    Sessions,
    pace::{pace, pace_or_force},
};
use crate::failure::Failure;

impl Sessions {
    /// Ends the kept session, if there is one, and says whether there was. It is kept where it could not be
    /// ended.
    ///
    /// Where nothing can be written it is ended all the same: a session that goes on is worse than a record
    /// of one that has ended, which is found out at its first use.
    pub(crate) fn end_kept(&self, locked: &mut Locked) -> Result<bool, Failure> {
        let Some(kept) = doubted(locked) else { return Ok(false) };
        pace(&locked.record)?;
        let failure = self.log_out(locked, &kept)?;
        if failure.is_none() {
            locked.record.kept = None;
        }
        self.note(locked, failure.as_ref());
        failure.map_or(Ok(true), Err)
    }

    /// The same before a login: a full disk, on which no login could be kept, costs no session.
    pub(super) fn make_room(&self, locked: &mut Locked, is_forced: bool) -> Result<(), Failure> {
        let Some(kept) = doubted(locked) else { return Ok(()) };
        pace_or_force(&mut locked.record, is_forced)?;
        self.keep(locked, None)?;
        let failure = self.log_out(locked, &kept)?;
        if failure.is_none() {
            locked.record.kept = None;
        }
        self.keep(locked, failure.as_ref())?;
        failure.map_or(Ok(()), Err)
    }

    fn log_out(&self, locked: &Locked, kept: &KeptSession) -> Result<Option<Failure>, Failure> {
        Ok(match self.client(&locked.record, kept, false)?.logout() {
            Err(error) if !is_gone(&error) => Some(unended(error)),
            _ => None,
        })
    }
}

/// The kept session, which passes for a good one no longer.
fn doubted(locked: &mut Locked) -> Option<KeptSession> {
    let kept = locked.record.kept.as_ref().map(KeptSession::doubted)?;
    locked.record.kept = Some(kept.clone());
    Some(kept)
}

/// Whether IBKR does not know the session any more.
fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::NoBrokerageSession | ErrorKind::Gone)
}

fn unended(error: Error) -> Failure {
    Failure::from(error).why("the kept session could not be ended, and stays kept")
}
