//! The end of the kept session.

use ibkr_auth_blocking::{Error, ErrorKind};

use super::{Sessions, turn::Turn};
use crate::{failure::Failure, store::Kept};

impl Sessions {
    /// Ends the kept session, if there is one, and says whether there was. It is kept where it could not be ended.
    pub(crate) fn end_kept(&self, turn: &mut Turn) -> Result<bool, Failure> {
        let Some(kept) = turn.record.kept.as_ref().map(Kept::doubted) else { return Ok(false) };
        turn.pace()?;
        // Kept before anything is sent: a full disk leaves no dead session that passes for good.
        turn.record.kept = Some(kept.clone());
        self.keep(turn, None)?;
        let failure = match self.client(&kept, false)?.logout() {
            Err(error) if !is_gone(&error) => Some(unended(error)),
            _ => None,
        };
        if failure.is_none() {
            turn.record.kept = None;
        }
        self.keep(turn, failure.as_ref())?;
        failure.map_or(Ok(true), Err)
    }
}

/// Whether IBKR does not know the session any more.
fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::NoBrokerageSession | ErrorKind::Gone)
}

fn unended(error: Error) -> Failure {
    Failure::from(error).why("the kept session could not be ended, and stays kept")
}
