//! Checking a session, and healing or making it, while no other invocation does.

use ibkr_auth_blocking::{Error, ErrorKind};

use super::{Listener, SessionOrigin, Sessions, Wish, guard::failed, none, overheard, renewed, turn::Turn};
use crate::{exit::Exit, failure::Failure, store::Kept};

impl Sessions {
    pub(super) fn make(
        &self,
        turn: Turn,
        wish: &Wish,
        listener: Listener,
    ) -> Result<(Kept, SessionOrigin), Failure> {
        self.warn_of_damage(&turn.record);
        match turn.record.kept.clone() {
            Some(kept) if !wish.fresh => {
                Ok((self.revive(turn, &kept, wish, listener)?, SessionOrigin::Revived))
            }
            _ if wish.no_login => Err(none()),
            _ => Ok((self.log_in(turn, wish, listener)?, SessionOrigin::LoggedIn)),
        }
    }

    /// Asks IBKR whether the kept session is good, and heals it if not.
    fn revive(
        &self,
        mut turn: Turn,
        before: &Kept,
        wish: &Wish,
        listener: Listener,
    ) -> Result<Kept, Failure> {
        let mut client = self.client(&turn.record, before, self.compete(wish))?;
        let heard = overheard(&mut client, listener);
        let outcome = client.tickle();
        let is_enough = match &outcome {
            Ok(tickle) => {
                client.is_connected()
                    || (wish.read_only && tickle.auth_status.competing && !self.compete(wish))
            }
            Err(_) => false,
        };
        if let (true, Some(saved)) = (is_enough, client.save()) {
            let kept = renewed(before, &saved, &client);
            (turn.record.kept, turn.record.failed) = (Some(kept.clone()), None);
            turn.record.history.quiet_until = None;
            self.note(&mut turn, None);
            return Ok(kept);
        }
        let failure = match outcome {
            Err(error) => Failure::from(error),
            Ok(tickle) if tickle.auth_status.competing => competing(),
            Ok(_) => lost(),
        };
        let held_elsewhere = failure.is(Exit::Competing) && !self.compete(wish);
        let may_heal = !(wish.no_login || held_elsewhere || failure.is(Exit::Network));
        turn.record.kept = Some(before.doubted());
        if !may_heal && !turn.record.failed.as_ref().is_some_and(|failed| failed.failure.is(Exit::Refused)) {
            // For those who wait for this turn: it is their outcome too.
            turn.record.failed = Some(failed(None, "", &failure));
        }
        self.note(&mut turn, Some(&failure));
        if !may_heal || failure.pause.is_some() {
            return Err(failure);
        }
        if failure.is(Exit::Server) {
            // The first that follows is another tickle.
            turn.pace_or_force(wish.force)?;
        }
        self.heal(turn, before, wish, (client, &heard))
    }

    pub(super) fn compete(&self, wish: &Wish) -> bool {
        wish.compete || self.profile.config.compete()
    }
}

fn lost() -> Failure {
    Failure::new(Exit::NoSession, "the kept session is no longer good").help("log in with `ibkr-auth login`")
}

/// Another login has the session: how to end it is ours to say.
pub(super) fn named(error: Error) -> Failure {
    if error.kind() == ErrorKind::Competing { competing() } else { Failure::from(error) }
}

pub(crate) fn competing() -> Failure {
    Failure::new(
        Exit::Competing,
        "another login of this username, such as TWS or the phone, has the brokerage session",
    )
    .help("log out there, or end that session with --compete; a lost session of your own ends after 5 idle minutes")
}
