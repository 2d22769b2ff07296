//! A session that is kept by a thread or task of its own: everything about it but the waiting.

use super::{Session, Snapshot, Ticket, Wait};
use crate::{Error, Host, KeepConnected};

/// What the rest of a program wishes of such a session.
#[derive(Debug, Clone)]
pub enum Wish {
    /// See [`Session::keep_connected`].
    KeepConnected(KeepConnected),
    /// See [`Session::pause`].
    Pause,
    /// See [`Session::resume`].
    Resume,
    /// See [`Session::check`].
    Check,
    /// See [`Session::ask_again`].
    AskAgain,
    /// See [`Session::set_host`].
    SetHost(Host),
    /// Stop looking after the session, and leave it as it is: see [`Session::detach`].
    Detach,
    /// Log out for good: see [`Session::logout`].
    Stop,
}

/// Fulfils wishes, and knows when there is nothing left to look after. A driver polls the session, publishes
/// the [`status`](Self::status), waits for an answer or a wish, and goes on until that has
/// [ended](Snapshot::ended).
///
/// ```
/// use std::time::Duration;
/// use ibkr_auth_core::{Background, KeepConnected, Output, Session, Wish, testing::{self, Bench}};
///
/// let mut session = Session::new(testing::config(), testing::FakeKey, 0);
/// session.keep_connected(KeepConnected::default());
/// let (mut bench, mut background) = (Bench::new(), Background::default());
/// bench.until(&mut session, Session::is_connected, testing::healthy);
///
/// background.fulfil(Wish::Stop, &mut session);
/// bench.live(&mut session, Duration::from_secs(1), testing::healthy);
/// let Output::Wait(wait) = session.poll(bench.now) else { unreachable!("nothing is left to be done") };
/// assert!(matches!(background.status(&session, &wait).ended(), Some(Ok(()))));
/// ```
#[derive(Debug, Default)]
pub struct Background {
    end: End,
}

/// How it is going to end.
#[derive(Debug, Default)]
enum End {
    #[default]
    Unwished,
    Detached,
    LoggingOut(Ticket<()>),
}

impl Background {
    /// Does what is wished. The first wish for an end counts.
    pub fn fulfil(&mut self, wish: Wish, session: &mut Session) {
        match (wish, &self.end) {
            (Wish::KeepConnected(policy), End::Unwished) => session.keep_connected(policy),
            (Wish::Pause, _) => session.pause(),
            (Wish::Resume, _) => session.resume(),
            (Wish::Check, _) => session.check(),
            (Wish::AskAgain, _) => session.ask_again(),
            (Wish::SetHost(host), _) => session.set_host(host),
            (Wish::Detach, End::Unwished) => {
                session.detach();
                self.end = End::Detached;
            }
            (Wish::Stop, End::Unwished | End::Detached) => self.end = End::LoggingOut(session.logout()),
            (Wish::KeepConnected(_) | Wish::Detach | Wish::Stop, _) => {}
        }
    }

    /// How the session stands, after it was polled until it had nothing more to do than to wait.
    pub fn status(&self, session: &Session, wait: &Wait) -> Snapshot {
        session.snapshot().with_end(self.ended(wait))
    }

    /// The outcome, once nothing is left to be looked after. A detached session waits for what is on its way.
    fn ended(&self, wait: &Wait) -> Option<Result<(), Error>> {
        match &self.end {
            End::Unwished => None,
            End::Detached => (wait.in_flight == 0).then_some(Ok(())),
            End::LoggingOut(logout) => logout.outcome(),
        }
    }
}
