//! Checking a session, and healing or making it, while no other invocation does.

use ibkr_auth_blocking::{Error, ErrorKind};
use ibkr_auth_store::{FailureKind, KeptSession, Locked};

use super::{
    Listener, SessionOptions, SessionOrigin, Sessions, guard::failed, none, overheard, pace::pace_or_force,
    renewed,
};
use crate::{exit::Exit, failure::Failure};

impl Sessions {
    pub(super) fn make(
        &self,
        locked: Locked,
        options: &SessionOptions,
        listener: Listener,
    ) -> Result<(KeptSession, SessionOrigin), Failure> {
        self.warn_of_damage(&locked.record);
        match locked.record.kept.clone() {
            Some(kept) if !options.fresh => {
                Ok((self.revive(locked, &kept, options, listener)?, SessionOrigin::Revived))
            }
            _ if options.no_login => Err(none()),
            _ => Ok((self.log_in(locked, options, listener)?, SessionOrigin::LoggedIn)),
        }
    }

    /// Asks IBKR whether the kept session is good, and heals it if not.
    fn revive(
        &self,
        mut locked: Locked,
        before: &KeptSession,
        options: &SessionOptions,
        listener: Listener,
    ) -> Result<KeptSession, Failure> {
        let mut client = self.client(&locked.record, before, self.compete(options))?;
        let heard = overheard(&mut client, listener);
        let outcome = client.tickle();
        let is_enough = match &outcome {
            Ok(tickle) => {
                client.is_connected()
                    || (options.read_only && tickle.auth_status.competing && !self.compete(options))
            }
            Err(_) => false,
        };
        if let (true, Some(saved)) = (is_enough, client.save()) {
            let kept = renewed(before, &saved, &client);
            (locked.record.kept, locked.record.failed) = (Some(kept.clone()), None);
            locked.record.history.quiet_until = None;
            self.note(&mut locked, None);
            return Ok(kept);
        }
        let failure = match outcome {
            Err(error) => Failure::from(error),
            Ok(tickle) if tickle.auth_status.competing => competing(),
            Ok(_) => lost(),
        };
        let held_elsewhere = failure.is(Exit::Competing) && !self.compete(options);
        let may_heal = !(options.no_login || held_elsewhere || failure.is(Exit::Network));
        locked.record.kept = Some(before.doubted());
        if !may_heal
            && !locked
                .record
                .failed
                .as_ref()
                .is_some_and(|failed| failed.failure.kind == FailureKind::Refused)
        {
            // For those who wait for this lock: it is their outcome too.
            locked.record.failed = Some(failed(None, "", &failure));
        }
        self.note(&mut locked, Some(&failure));
        if !may_heal || failure.pause.is_some() {
            return Err(failure);
        }
        if failure.is(Exit::Server) {
            // The first that follows is another tickle.
            pace_or_force(&mut locked.record, options.force)?;
        }
        self.heal(locked, before, options, (client, &heard))
    }

    pub(super) fn compete(&self, options: &SessionOptions) -> bool {
        options.compete || self.profile.config.compete()
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
