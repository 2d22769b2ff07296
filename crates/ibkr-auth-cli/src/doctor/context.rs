//! What the checks have learnt so far, and what a check may need of it.

use std::{
    cell::Cell,
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_blocking::{AuthStatus, Config, Error, Http, Session, Tickle, Transport};
use ibkr_auth_config::Unkeyed;
use ibkr_auth_core::Now;
use ibkr_auth_store::{Keeper, KeptSession};

use super::{DoctorArgs, call::Call};
use crate::{
    exit::Exit,
    failure::Failure,
    interrupt::Interrupt,
    mask::Secrets,
    options::Global,
    output::Output,
    sessions::{DoctorRun, Sessions},
};

/// No request may take longer, whatever the settings say: the whole has to end.
const LONGEST: Duration = Duration::from_secs(15);

/// Everything that is known.
pub(super) struct Context<'a> {
    pub(super) global: &'a Global,
    pub(super) output: Output,
    pub(super) args: &'a DoctorArgs,
    /// Those of the settings, or the defaults where there are none.
    pub(super) config: Config,
    pub(super) transport: Transport,
    pub(super) settings: Option<Unkeyed>,
    pub(super) sessions: Option<Sessions>,
    pub(super) http: Result<Arc<Http>, Error>,
    /// What other checks may count on.
    pub(super) there: BTreeSet<Need>,
    /// The first answer of the host, and its `Date`.
    pub(super) date: Option<(Call, SystemTime)>,
    /// Milliseconds that the server's clock is ahead of ours.
    pub(super) clock: i64,
    /// It differs by more than a login corrects.
    pub(super) clock_is_beyond: bool,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) keeper: Option<Keeper>,
    pub(super) kept: Option<KeptSession>,
    /// Whether the kept session is good: unknown where IBKR did not say.
    pub(super) kept_is_good: Option<bool>,
    pub(super) tickle: Option<Tickle>,
    /// The lock of the session.
    pub(super) run: Option<DoctorRun>,
    /// IBKR asked to be left alone for so many seconds: nothing more is sent.
    pub(super) pause: Cell<Option<u64>>,
    /// A step of a login that was refused a moment ago is not tried again: the name of its check.
    pub(super) refused: Option<(&'static str, Failure)>,
    /// The one that is kept, or is made here.
    pub(super) session: Option<Session>,
    /// Made here, and so to be logged out.
    pub(super) is_own: bool,
    /// Ctrl-C is waited for once there may be a session to log out.
    pub(super) interrupt: Option<Interrupt>,
    pub(super) status: Option<AuthStatus>,
    pub(super) secrets: Secrets,
}

/// What a check may need, by the name of the check that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Settings,
    Key,
    Proxy,
    Dns,
    Tls,
    PublicIp,
    AccessToken,
    Secret,
    Session,
    BrokerageAnswer,
    Brokerage,
}

impl Need {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Key => "key",
            Self::Proxy => "proxy",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::PublicIp => "public ip",
            Self::AccessToken => "access token",
            Self::Secret => "encryption key",
            Self::Session => "a session",
            Self::BrokerageAnswer => "an answer of the brokerage tier",
            Self::Brokerage => "brokerage tier",
        }
    }
}

impl<'a> Context<'a> {
    pub(super) fn new(global: &'a Global, output: Output, args: &'a DoctorArgs) -> Result<Self, Error> {
        // Enough to look at the network without settings; nothing is signed or sent in this name.
        let config = Config::new("none", "none", "none")?;
        Ok(Self {
            global,
            // What others would print stands in the report.
            output: Output { quiet: true, ..output },
            args,
            config,
            transport: Transport::default(),
            settings: None,
            sessions: None,
            http: Http::new(&Transport::default()).map(Arc::new),
            there: BTreeSet::new(),
            date: None,
            clock: 0,
            clock_is_beyond: false,
            address: None,
            keeper: None,
            kept: None,
            kept_is_good: None,
            tickle: None,
            run: None,
            pause: Cell::new(None),
            refused: None,
            session: None,
            is_own: false,
            interrupt: None,
            status: None,
            secrets: Secrets::default(),
        })
    }

    /// Unlocks the session for others, and notes what they have to know.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        match (&self.sessions, self.run.take()) {
            (Some(sessions), Some(run)) => sessions.end_run(run, self.pause.get()),
            _ => Ok(()),
        }
    }

    /// IBKR has asked an earlier invocation for a pause that is not over.
    pub(super) fn is_paused(&self) -> bool {
        let heeded = self.sessions.as_ref().map_or(Ok(()), Sessions::heed_pause);
        heeded.is_err_and(|failure| failure.is(Exit::Server))
    }

    /// Ctrl-C was pressed while there may be a session to log out.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupt.as_ref().is_some_and(Interrupt::is_seen)
    }

    pub(super) fn limit(&self) -> Duration {
        self.config.timeout().min(LONGEST)
    }

    pub(super) fn host_uri(&self) -> http::Uri {
        self.config.host().base_url().parse().unwrap_or_default()
    }

    /// By the server's clock, so that a wrong one here does not hide what else is wrong.
    pub(super) fn moment(&self) -> Now {
        let wall = SystemTime::now();
        let by = Duration::from_millis(self.clock.unsigned_abs());
        let corrected = if self.clock < 0 { wall.checked_sub(by) } else { wall.checked_add(by) };
        Now { mono: Instant::now(), wall: corrected.unwrap_or(wall) }
    }

    pub(super) fn missing(&self, needs: &[Need]) -> Vec<&'static str> {
        needs.iter().filter(|need| !self.there.contains(need)).map(|need| need.name()).collect()
    }
}
