//! The state machine: commands in, requests out, answers in, outcomes out.

mod background;
mod drive;
mod exchange;
mod facts;
mod guard;
mod history;
mod keeper;
mod output;
mod plan;
mod progress;
pub(crate) mod retry;
mod saved;
mod snapshot;
mod task;
mod ticket;

use core::net::Ipv4Addr;
use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use http::HeaderMap;
use ibkr_jws::Sign;

pub use background::{Background, Control};
pub use history::History;
pub use keeper::{KeepConnected, LoginBudget, OnCompeting, Phase};
pub use output::{Output, RequestId, Transmit, Wait};
pub use saved::SavedSession;
pub use snapshot::Snapshot;
pub use ticket::{Connected, Outcome, Ticket};

use crate::{
    AccessToken, AuthStatus, Authorization, BearerToken, ClockSkew, Config, Error, Event, Host, LiveSession,
    Now, Request, Response, Secret, SessionToken, SsoDetails, Tickle, TransportError,
    stream::{self, Upgrade},
};
use exchange::{InFlight, Signer};
use facts::Facts;
use guard::Guard;
use keeper::Keeper;
use plan::Command;
use retry::Jitter;
use task::Task;

/// One login of one username. See the [crate's documentation](crate) for how to drive it.
///
/// Commands queue work and return a [`Ticket`]; the outcome is in the ticket once [`poll`](Self::poll) has
/// nothing more to send. Single steps are sent once and never repeated, but for the two signed ones when the
/// clock was wrong (see [`get_access_token`](Self::get_access_token)); [`connect`](Self::connect) repeats
/// what may pass.
pub struct Session {
    config: Arc<Config>,
    /// The server of the configuration: `config.host` is another one while that fails.
    home: Host,
    signer: Signer,
    jitter: Jitter,
    facts: Facts,
    /// Commands that are under way.
    tasks: Vec<Task>,
    in_flight: InFlight,
    events: Events,
    /// The automatic mode.
    keeper: Option<Keeper>,
    guard: Arc<Guard>,
}

/// What has happened and was not told yet.
#[derive(Default)]
struct Events(VecDeque<Event>);

impl Events {
    fn emit(&mut self, event: Event) {
        event.log();
        self.0.push_back(event);
    }
}

impl Session {
    /// A session that is not logged in yet. `seed` decides over the jitter of waits and of an assertion's
    /// begin and end: use a different one in each process, or the same one to repeat a run exactly.
    pub fn new(config: Config, key: impl Sign + 'static, seed: u64) -> Self {
        Self {
            home: config.host.clone(),
            config: Arc::new(config),
            signer: Signer { key: Box::new(key), seed },
            jitter: Jitter::new(seed),
            facts: Facts::default(),
            tasks: Vec::new(),
            in_flight: InFlight::default(),
            events: Events::default(),
            keeper: None,
            guard: Arc::default(),
        }
    }

    /// The whole flow: access token and public address at once, and bearer token; for the brokerage tier
    /// `ssodh/init`, and waiting until the session is established. `sso/validate` is the last step of the
    /// read-only tier; in the brokerage tier it fills the time of waiting, if there is any. Steps that fail
    /// in a way that may pass are repeated, each time freshly signed; what repeating cannot cure ends it at
    /// once.
    ///
    /// Nothing is sent while the logins of late are as many as are safe: see [`History`] and
    /// [`ErrorKind::LoginsSpent`](crate::ErrorKind::LoginsSpent).
    ///
    /// While a `connect` is under way, another one joins it.
    pub fn connect(&mut self) -> Ticket<Connected> {
        match self.tasks.iter().find(|task| task.command() == Command::Connect) {
            Some(task) => task.ticket(),
            None => self.begin(Command::Connect),
        }
    }

    /// Exchanges a signed assertion for an access token. When IBKR refuses it and the answer shows that our
    /// clock is wrong, one more assertion follows, with the time corrected.
    pub fn get_access_token(&mut self) -> Ticket<AccessToken> {
        self.begin(Command::GetAccessToken)
    }

    /// Exchanges the access token and the public address for a bearer token, looking up the address first
    /// unless it is fixed. Needs `get_access_token`, and its token still to be good.
    pub fn get_bearer_token(&mut self) -> Ticket<BearerToken> {
        self.begin(Command::GetBearerToken)
    }

    /// With OAuth 1.0a: signs a Diffie-Hellman exchange, and computes the live session token that every later
    /// request is signed with. It counts as a login, and opens `/v1/api`.
    pub fn get_live_session_token(&mut self) -> Ticket<LiveSession> {
        self.begin(Command::GetLiveSessionToken)
    }

    /// Asks about the SSO session, which also extends it. At most once a minute: while one is under way,
    /// whoever asked for it, its answer is waited for. Needs `get_bearer_token`.
    pub fn validate_sso(&mut self) -> Ticket<SsoDetails> {
        self.begin(Command::ValidateSso)
    }

    /// Opens the brokerage session. It is ready when [`AuthStatus::is_ready`] says so, which may take
    /// seconds. Needs `get_bearer_token`.
    pub fn ssodh_init(&mut self) -> Ticket<AuthStatus> {
        self.begin(Command::SsodhInit)
    }

    /// Asks for the state of the brokerage session. Needs `get_bearer_token`.
    pub fn status(&mut self) -> Ticket<AuthStatus> {
        self.begin(Command::Status)
    }

    /// Keeps the session alive; about every 60 s. Needs `get_bearer_token`. IBKR takes one a second of a
    /// username and blocks who sends more: it is sent 2 s after the last at the soonest, whoever asked for
    /// that.
    pub fn tickle(&mut self) -> Ticket<Tickle> {
        self.begin(Command::Tickle)
    }

    /// Ends the session, and the automatic mode; what is begun after it waits for it. Without a session there
    /// is nothing to do. Whatever else is under way ends with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub fn logout(&mut self) -> Ticket<()> {
        self.keeper = None;
        self.cancel_all();
        self.begin(Command::Logout)
    }

    /// Logs in, unless that is done, and stays logged in: tickles, extends, renews, and heals what breaks
    /// with the cheapest step that can. It goes on for ever, or until [`logout`](Self::logout), unless IBKR
    /// refuses the client, its key or the user: then it stops at once, because repeating that gets accounts
    /// locked; or, where IBKR knew them before, after a few tries over two hours.
    pub fn keep_connected(&mut self, policy: KeepConnected) {
        Arc::make_mut(&mut self.guard).set_limit(policy.logins());
        self.cancel(|task| task.attempt().is_some());
        let connect = self.tasks.iter_mut().find(|task| task.command() == Command::Connect);
        let keeper = Keeper::new(
            policy,
            connect.is_some(),
            &self.home,
            (&self.config, &self.facts),
            self.jitter.fork(),
        );
        if let (Some(connect), Some(login)) = (connect, keeper.attempt()) {
            connect.adopt(login);
        }
        self.keeper = Some(keeper);
        self.tell_command_phase(Phase::Connecting);
    }

    /// Logs out, so that the user can log in elsewhere, and waits for [`resume`](Self::resume). Without the
    /// automatic mode it does nothing; one that has stopped logs out, and stays stopped until
    /// [`keep_connected`](Self::keep_connected).
    pub fn pause(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            let pauses = keeper.pause();
            self.facts.forget_holder();
            self.cancel_all();
            // It waits for a bearer token that is on its way, and sends nothing where there is none.
            self.tasks.push(Task::for_pause(&self.config));
            if pauses {
                self.tell_command_phase(Phase::Paused);
            }
        }
    }

    /// Comes back after [`pause`](Self::pause), leaving another login alone as the policy says; and takes the
    /// brokerage session back from another login that it was left to.
    pub fn resume(&mut self) {
        if self.keeper.as_mut().is_some_and(|keeper| keeper.resume(self.facts.bearer.is_some())) {
            self.cancel(|task| task.attempt().is_some());
            self.tell_command_phase(Phase::Connecting);
        }
    }

    /// Ends the automatic mode and leaves the session as it is, for another process to go on with: see
    /// [`save`](Self::save). A bearer token that is on its way is still taken.
    pub fn detach(&mut self) {
        self.keeper = None;
        self.cancel_all();
    }

    /// Looks now instead of at its time: for when a request of your own was refused. However often it is
    /// called, two looks are 2 s apart. While the session is left to another login it does nothing: see
    /// [`ask_again`](Self::ask_again).
    pub fn check(&mut self) {
        if let (Some(keeper), true) = (&mut self.keeper, self.facts.bearer_is_good()) {
            keeper.check();
        }
    }

    /// Asks now, instead of at its time, whether another login still has the session that was left to it, and
    /// takes nothing. It is for a person: IBKR refuses logins of programs that ask over and over, so two are
    /// 10 s apart.
    pub fn ask_again(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.ask_again();
        }
    }

    /// Where the automatic mode stands.
    pub fn phase(&self) -> Phase {
        self.keeper.as_ref().map_or(Phase::Off, Keeper::told)
    }

    /// Why the automatic mode stopped by itself, if it did.
    pub fn stopped_by(&self) -> Option<&Error> {
        self.keeper.as_ref()?.stopped_by()
    }

    /// What to do next. Call it until it returns [`Output::Wait`].
    pub fn poll(&mut self, now: Now) -> Output {
        self.next_output(now)
    }

    /// The answer to a request, or why there is none.
    pub fn receive(&mut self, now: Now, id: RequestId, result: Result<Response, TransportError>) {
        self.take_answer(now, id, result);
    }

    /// What another process needs to go on with this session; `None` before there is a bearer token.
    pub fn save(&self, now: Now) -> Option<SavedSession> {
        SavedSession::of(&self.config, &self.home, &self.facts.kept()?, now)
    }

    /// Goes on with a saved session: no login is needed if it is still good. Follow with
    /// [`keep_connected`](Self::keep_connected), which heals it if not, or [`tickle`](Self::tickle) to see.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when it is damaged, or that of another client,
    /// username or server. Nothing is changed then: log in.
    pub fn restore(&mut self, saved: &SavedSession, now: Now) -> Result<(), Error> {
        let host = saved.restore(&self.config, &self.home, &mut self.facts, now)?;
        Arc::make_mut(&mut self.config).host = host;
        Ok(())
    }

    /// Counts what was done before this session began: logins, and whatever else must not be done too often.
    pub fn recall(&mut self, history: &History, now: Now) {
        let history = history.clone().seen_at(now.wall);
        Arc::make_mut(&mut self.guard).recall(&history, now);
        self.facts.remember_validation(history.validated.and_then(|at| history::instant(at, now)));
        self.signer.seed = history.seed.unwrap_or(self.signer.seed);
    }

    /// What the next session has to [`recall`](Self::recall).
    pub fn history(&self, now: Now) -> History {
        History::of(&self.guard, self.facts.validated(), self.signer.seed, now)
    }

    /// For a person who takes the risk: neither the logins so far nor a pause that IBKR has asked for hold
    /// the next login back any more. The history still tells of those logins.
    pub fn override_guard(&mut self) {
        Arc::make_mut(&mut self.guard).forgive();
    }

    /// Whether a login may begin now.
    ///
    /// # Errors
    /// As [`connect`](Self::connect) without sending anything:
    /// [`ErrorKind::LoginsSpent`](crate::ErrorKind::LoginsSpent), or
    /// [`ErrorKind::RateLimited`](crate::ErrorKind::RateLimited) during a pause that IBKR has asked for.
    pub fn may_log_in(&self, now: Now) -> Result<(), Error> {
        self.guard.may_log_in(&self.config.host, now.mono)
    }

    /// What the rest of a program may know.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self)
    }

    /// Uses another server from the next request on.
    pub fn set_host(&mut self, host: Host) {
        Arc::make_mut(&mut self.config).host = host.clone();
        self.events.emit(Event::HostChanged(host));
    }

    /// The configuration as it is now.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether IBKR has a session of this login, or is making one: after a `connect` that failed or was given
    /// up, [`logout`](Self::logout) ends it.
    pub fn has_session(&self) -> bool {
        self.facts.bearer.is_some() || self.in_flight.awaits_bearer()
    }

    /// Whether the last word of IBKR was that the session is good for the configured tier.
    pub fn is_connected(&self) -> bool {
        self.facts.is_connected(self.config.tier)
    }

    /// `Authorization`, `User-Agent` and `Cookie: api=…` for your own requests to `/v1/api`, the secret ones
    /// marked sensitive. `None` before there is a bearer token.
    pub fn headers(&self) -> Option<HeaderMap> {
        self.facts.authorization()?.headers(&self.config)
    }

    /// Makes a request of your own to `/v1/api` ready to be sent: the session's headers, `Content-Length`,
    /// and the host in front of a bare path. Send it once: an order that is sent twice may be executed twice.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfOrder`](crate::ErrorKind::OutOfOrder) before there is a bearer token, and
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a URL on another host, which would be sent the
    /// token.
    pub fn authorize(&self, request: Request, now: Now) -> Result<Request, Error> {
        let wall = self.facts.clock.skew().correct(now.wall);
        self.authorization()?.authorize(&self.config, request, wall)
    }

    /// The request that opens the WebSocket: see [`stream`]. `nonce` are 16 random bytes, new ones for each
    /// request.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfOrder`](crate::ErrorKind::OutOfOrder) before there is a bearer token, and
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when the host cannot stand in a URL.
    pub fn websocket(&self, nonce: [u8; 16]) -> Result<Upgrade, Error> {
        stream::request(&self.config, &self.authorization()?, nonce)
    }

    fn authorization(&self) -> Result<Authorization, Error> {
        let missing = || task::out_of_order(self.config.login.opening_step());
        self.facts.authorization().ok_or_else(missing)
    }

    /// The bearer token, if there is one. OAuth 1.0a has none.
    pub fn bearer(&self) -> Option<&Secret> {
        match self.facts.bearer.as_ref()? {
            SessionToken::Bearer(token) => Some(token),
            SessionToken::Live(_) => None,
        }
    }

    /// The session id: the WebSocket's cookie `api`. Known from the first answer that brings it, at the
    /// latest a tickle's.
    pub fn session_id(&self) -> Option<&Secret> {
        self.facts.session_id.as_ref()
    }

    /// The public address that the bearer token was made for.
    pub fn public_ip(&self) -> Option<Ipv4Addr> {
        self.facts.bearer_ip
    }

    /// The last state of the brokerage session that IBKR reported.
    pub fn auth_status(&self) -> Option<&AuthStatus> {
        self.facts.auth_status.as_ref()
    }

    /// How long until IBKR takes the next `sso/validate`: it punishes the second within a minute.
    #[doc(hidden)]
    pub fn validate_allowed_in(&self, now: Now) -> Duration {
        let ago = self.facts.last_validated(now);
        ago.map_or(Duration::ZERO, |ago| facts::VALIDATE_PAUSE.saturating_sub(ago))
    }

    /// How far IBKR's clock is from this machine's.
    pub fn clock_skew(&self) -> ClockSkew {
        self.facts.clock.skew()
    }

    fn begin<T: Outcome>(&mut self, command: Command) -> Ticket<T> {
        let task = Task::new(command, &self.config).asking_first(self.facts.ip_service);
        let ticket = task.ticket();
        let login = &self.config.login;
        match (command.belongs_to(login), self.facts.missing_for(command, login)) {
            (Err(error), _) => task.finish(Err(error)),
            (Ok(()), Some(first)) => task.finish(Err(task::out_of_order(first))),
            (Ok(()), None) => self.tasks.push(task),
        }
        ticket
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
