//! The state machine: commands in, requests out, answers in, outcomes out.

mod known;
mod output;
mod plan;
mod progress;
mod receive;
mod retry;
mod saved;
mod send;
mod snapshot;
mod task;
mod ticket;
mod upkeep;

use core::net::Ipv4Addr;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

use http::HeaderMap;
use ibkr_jws::Sign;

pub use output::{Output, RequestId, Transmit, Wait};
pub use saved::SavedSession;
pub use snapshot::Snapshot;
pub use ticket::{Connected, Outcome, Ticket};
pub use upkeep::{KeepConnected, LoginBudget, OnCompeting, Phase};

use crate::{
    AccessToken, AuthStatus, BearerToken, ClockSkew, Config, Error, Event, Host, Now, Request, Response,
    Secret, SsoDetails, Step, Tickle, TransportError,
    wire::{Authorization, spread::Spread},
};
use known::Known;
use plan::Command;
use retry::Jitter;
use send::Exchange;
use task::Task;
use upkeep::Upkeep;

/// One login of one username. See the [crate's documentation](crate) for how to drive it.
///
/// Commands queue work and return a [`Ticket`]; the outcome is in the ticket once [`poll`](Self::poll) has nothing more
/// to send. Single steps are sent once and never repeated, but for the two signed
/// ones when the clock was wrong (see [`get_access_token`](Self::get_access_token)); [`connect`](Self::connect) repeats what may pass.
pub struct Session {
    config: Config,
    /// The server of the configuration: `config.host` is another one while that fails.
    home: Host,
    key: Box<dyn Sign>,
    jitter: Jitter,
    spread: Spread,
    known: Known,
    tasks: Vec<Task>,
    in_flight: BTreeMap<RequestId, Exchange>,
    events: VecDeque<Event>,
    next_request: u64,
    upkeep: Option<Upkeep>,
    stopped_by: Option<Error>,
}

impl Session {
    /// A session that is not logged in yet. `seed` decides over the jitter of waits and of an assertion's
    /// begin and end: use a different one in each process, or the same one to repeat a run exactly.
    pub fn new(config: Config, key: impl Sign + 'static, seed: u64) -> Self {
        Self {
            home: config.host.clone(),
            config,
            key: Box::new(key),
            jitter: Jitter::new(seed),
            spread: Spread::from_seed(seed),
            known: Known::default(),
            tasks: Vec::new(),
            in_flight: BTreeMap::new(),
            events: VecDeque::new(),
            next_request: 0,
            upkeep: None,
            stopped_by: None,
        }
    }

    /// The whole flow: access token and public address at once, bearer token, `sso/validate`, and for the brokerage
    /// tier `ssodh/init` and waiting until the session is established. Steps that fail in a way that may pass are
    /// repeated, each time freshly signed; what repeating cannot cure ends it at once.
    ///
    /// While a `connect` is under way, another one joins it.
    pub fn connect(&mut self) -> Ticket<Connected> {
        match self.tasks.iter().find(|task| task.command() == Command::Connect) {
            Some(task) => task.ticket(),
            None => self.begin(Command::Connect),
        }
    }

    /// Exchanges a signed assertion for an access token. When IBKR refuses it and the answer shows that our clock is
    /// wrong, one more assertion follows, with the time corrected.
    pub fn get_access_token(&mut self) -> Ticket<AccessToken> {
        self.begin(Command::GetAccessToken)
    }

    /// Exchanges the access token and the public address for a bearer token, looking up the address first unless it is
    /// fixed. Needs `get_access_token`, and its token still to be good.
    pub fn get_bearer_token(&mut self) -> Ticket<BearerToken> {
        self.begin(Command::GetBearerToken)
    }

    /// Asks about the SSO session, which also extends it. At most once a minute. Needs `get_bearer_token`.
    pub fn validate_sso(&mut self) -> Ticket<SsoDetails> {
        self.begin(Command::ValidateSso)
    }

    /// Opens the brokerage session. It is ready when [`AuthStatus::is_ready`] says so, which may take seconds. Needs
    /// `get_bearer_token`.
    pub fn ssodh_init(&mut self) -> Ticket<AuthStatus> {
        self.begin(Command::SsodhInit)
    }

    /// Asks for the state of the brokerage session. Needs `get_bearer_token`.
    pub fn status(&mut self) -> Ticket<AuthStatus> {
        self.begin(Command::Status)
    }

    /// Keeps the session alive; about every 60 s. Needs `get_bearer_token`.
    pub fn tickle(&mut self) -> Ticket<Tickle> {
        self.begin(Command::Tickle)
    }

    /// Ends the session, and the automatic mode; what is begun after it waits for it. Without a session there is nothing to do.
    /// Whatever else is under way ends with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub fn logout(&mut self) -> Ticket<()> {
        (self.upkeep, self.stopped_by) = (None, None);
        self.cancel_all();
        self.begin(Command::Logout)
    }

    /// What to do next. Call it until it returns [`Output::Wait`].
    pub fn poll(&mut self, now: Now) -> Output {
        self.expire(now);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Output::Event(event);
            }
            self.keep_up(now);
            match self.next_request(now) {
                Some(Ok(transmit)) => return Output::Send(transmit),
                Some(Err(())) => {}
                None if self.events.is_empty() => return Output::Wait(self.wait(now)),
                None => {}
            }
        }
    }

    /// The answer to a request, or why there is none.
    pub fn receive(&mut self, now: Now, id: RequestId, result: Result<Response, TransportError>) {
        if let Some(exchange) = self.in_flight.remove(&id) {
            self.settle(now, id, &exchange, result);
        }
    }

    /// Uses another server from the next request on.
    pub fn set_host(&mut self, host: Host) {
        self.config.host = host.clone();
        self.tell(Event::HostChanged(host));
    }

    /// The configuration as it is now.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the last word of IBKR was that the session is good for the configured tier.
    pub fn is_connected(&self) -> bool {
        self.known.is_connected(self.config.tier)
    }

    /// `Authorization`, `User-Agent` and `Cookie: api=…` for your own requests to `/v1/api`, the secret ones marked
    /// sensitive. `None` before there is a bearer token.
    pub fn headers(&self) -> Option<HeaderMap> {
        Some(self.authorization()?.headers(&self.config))
    }

    /// Makes a request of your own to `/v1/api` ready to be sent: the session's headers, `Content-Length`, and the host in
    /// front of a bare path. Send it once: an order that is sent twice may be executed twice.
    ///
    /// # Errors
    /// [`ErrorKind::Order`](crate::ErrorKind::Order) before there is a bearer token, and
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a URL on another host, which would be sent the token.
    pub fn authorize(&self, request: Request) -> Result<Request, Error> {
        let authorization = self.authorization().ok_or_else(|| task::out_of_order(Step::GetBearerToken))?;
        authorization.authorize(&self.config, request)
    }

    /// The bearer token, if there is one.
    pub fn bearer(&self) -> Option<&Secret> {
        self.known.bearer.as_ref().map(|bearer| &bearer.token)
    }

    /// The session id: the WebSocket's cookie `api`. Known from the first answer that brings it, at the latest a tickle's.
    pub fn session_id(&self) -> Option<&Secret> {
        self.known.session_id.as_ref()
    }

    /// The public address that the bearer token was made for.
    pub fn public_ip(&self) -> Option<Ipv4Addr> {
        self.known.bearer_ip
    }

    /// The last state of the brokerage session that IBKR reported.
    pub fn auth_status(&self) -> Option<&AuthStatus> {
        self.known.auth_status.as_ref()
    }

    /// How long until IBKR takes the next `sso/validate`: it punishes the second within a minute.
    pub fn validate_allowed_in(&self, now: Now) -> Duration {
        let ago = self.known.last_validated(now);
        ago.map_or(Duration::ZERO, |ago| known::VALIDATE_PAUSE.saturating_sub(ago))
    }

    /// `sso/validate` was asked about this username so long ago, by another session: `connect` does without, and the
    /// automatic mode waits, until IBKR takes the next.
    pub fn note_validation(&mut self, ago: Duration, now: Now) {
        self.known.remember_validation(now.mono.checked_sub(ago));
    }

    /// How far IBKR's clock is from this machine's.
    pub fn clock_skew(&self) -> ClockSkew {
        self.known.clock.skew()
    }

    /// Ends all commands. A bearer token that is on its way is still taken: IBKR has made that session.
    fn cancel_all(&mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.finish(Err(task::cancelled()));
        }
        self.in_flight.retain(|_, exchange| exchange.step == Step::GetBearerToken);
    }

    /// Ends what the automatic mode has under way.
    fn cancel_upkeep(&mut self) {
        let tasks = std::mem::take(&mut self.tasks).into_iter();
        let (mine, others): (Vec<_>, Vec<_>) = tasks.partition(|task| task.is_upkeep);
        self.tasks = others;
        for task in mine {
            self.in_flight.retain(|id, exchange| exchange.step == Step::GetBearerToken || !task.awaits(*id));
            task.finish(Err(task::cancelled()));
        }
    }

    fn begin<T: Outcome>(&mut self, command: Command) -> Ticket<T> {
        let task = Task::new(command, &self.config).asking_first(self.known.ip_service);
        let ticket = task.ticket();
        match self.known.missing_for(command) {
            Some(first) => task.finish(Err(task::out_of_order(first))),
            None => self.tasks.push(task),
        }
        ticket
    }

    fn authorization(&self) -> Option<Authorization> {
        let bearer = self.known.bearer.as_ref()?.token.clone();
        Some(Authorization { bearer, session_id: self.known.session_id.clone() })
    }

    fn tell(&mut self, event: Event) {
        event.log();
        self.events.push_back(event);
    }

    fn wait(&self, now: Now) -> Wait {
        let deadlines = self.in_flight.values().map(|exchange| exchange.deadline);
        let waits = self.eligible().filter_map(|(_, task)| task.next_wake(now));
        Wait {
            until: deadlines.chain(waits).chain(self.upkeep_wake()).min(),
            in_flight: self.in_flight.len(),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("config", &self.config)
            .field("connected", &self.is_connected())
            .field("tasks", &self.tasks.len())
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}
