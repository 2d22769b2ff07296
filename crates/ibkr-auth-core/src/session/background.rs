//! A session that is kept by a thread or task of its own: everything about it but the waiting.

use super::{Session, Snapshot, Ticket, Wait};
use crate::{Error, Host, KeepConnected};

/// What the rest of a program asks of such a session.
#[derive(Debug, Clone)]
pub enum Control {
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

/// Applies controls, and knows when nothing is left to look after. A driver polls the session, publishes
/// the [`status`](Self::status), waits for an answer or a control, and goes on until that has
/// [ended](Snapshot::ended).
///
/// ```
/// use std::time::Duration;
/// use ibkr_auth_core::{Background, Control, KeepConnected, Output, Session, testing::{self, Bench}};
///
/// let mut session = Session::new(testing::config(), testing::FakeKey, 0);
/// session.keep_connected(KeepConnected::default());
/// let (mut bench, mut background) = (Bench::new(), Background::default());
/// bench.until(&mut session, Session::is_connected, testing::healthy);
///
/// background.apply(Control::Stop, &mut session);
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
    Open,
    Detached,
    LoggingOut(Ticket<()>),
}

impl Background {
    /// Does what is asked. The first end that is asked for counts.
    pub fn apply(&mut self, control: Control, session: &mut Session) {
        match (control, &self.end) {
            (Control::KeepConnected(policy), End::Open) => session.keep_connected(policy),
            (Control::Pause, _) => session.pause(),
            (Control::Resume, _) => session.resume(),
            (Control::Check, _) => session.check(),
            (Control::AskAgain, _) => session.ask_again(),
            (Control::SetHost(host), _) => session.set_host(host),
            (Control::Detach, End::Open) => {
                session.detach();
                self.end = End::Detached;
            }
            (Control::Stop, End::Open | End::Detached) => self.end = End::LoggingOut(session.logout()),
            (Control::KeepConnected(_) | Control::Detach | Control::Stop, _) => {}
        }
    }

    /// How the session stands, after it was polled until it had nothing more to do than to wait.
    pub fn status(&self, session: &Session, wait: &Wait) -> Snapshot {
        session.snapshot().with_end(self.ended(wait))
    }

    /// The outcome, once nothing is left to be looked after. A detached session waits for what is on its way.
    fn ended(&self, wait: &Wait) -> Option<Result<(), Error>> {
        match &self.end {
            End::Open => None,
            End::Detached => (wait.in_flight == 0).then_some(Ok(())),
            End::LoggingOut(logout) => logout.outcome(),
        }
    }
}
