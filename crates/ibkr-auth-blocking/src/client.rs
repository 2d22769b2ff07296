//! The client: a session, something that sends requests, and the loop between them.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use http::HeaderMap;
use ibkr_auth_config::{Settings, Transport};
use ibkr_auth_core::{
    AccessToken, AuthStatus, BearerToken, Config, Connected, Control, Error, Event, History, Host,
    KeepConnected, LastError, LiveSession, Now, Outcome, Output, Request, RequestId, Response, SavedSession,
    Session, Sign, SsoDetails, Ticket, Tickle, Transmit, TransportError, TransportKind, Wait, catch_panic,
    request, wire,
};

use crate::{
    Handle, Http,
    cancel::{Current, Number},
};

type Answer = Result<Response, TransportError>;
pub(crate) type Sending = dyn Fn(Request, Duration) -> Answer + Send + Sync;
pub(crate) type Listener = dyn FnMut(&Session, &Event) + Send;

/// One login of one username.
///
/// A client belongs to whoever drives it: its steps change the login, take `&mut self`, and one may end what
/// another waits for. To share a login between threads, call [`keep_connected`](Self::keep_connected): a
/// [`Handle`] is cheap to clone, and sends from anywhere.
pub struct Client {
    pub(crate) session: Session,
    pub(crate) http: Arc<Sending>,
    pub(crate) inbox: Inbox,
    pub(crate) listener: Option<Box<Listener>>,
    /// Of the `connect` that is under way.
    last_error: LastError,
    pub(crate) current: Current,
}

impl Client {
    /// Reads `config.yaml` (that of `ibauth` will do) and the environment (`IBKR_AUTH_…`). Nothing is sent
    /// yet.
    ///
    /// # Errors
    /// When the file, the key or the trust store cannot be used; the text says which line and what to do.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(path: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let Settings { config, key, transport, .. } = Settings::from_yaml(path)?;
        Self::new(config, key, &transport)
    }

    /// Like [`from_yaml`](Self::from_yaml), with this profile of the file: one client for each account.
    ///
    /// # Errors
    /// As there, and when the file has no such profile.
    #[cfg(feature = "yaml")]
    pub fn from_yaml_profile(path: impl AsRef<std::path::Path>, profile: &str) -> Result<Self, Error> {
        let Settings { config, key, transport, .. } = Settings::from_yaml_profile(path, profile)?;
        Self::new(config, key, &transport)
    }

    /// Reads the environment (`IBKR_AUTH_…`) alone. Nothing is sent yet.
    ///
    /// # Errors
    /// When a variable, the key or the trust store cannot be used; the text says which and what to do.
    pub fn from_env() -> Result<Self, Error> {
        let Settings { config, key, transport, .. } = Settings::from_env()?;
        Self::new(config, key, &transport)
    }

    /// A client with this configuration and key, which may be anything that signs. Nothing is sent yet.
    ///
    /// # Errors
    /// When the trust store or the proxy cannot be used, or the key is the simulator's and the server is not
    /// on this machine.
    pub fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error> {
        transport.admit_key(&config, &key)?;
        let http = Http::new(transport)?;
        let session = Session::new(config, key, RandomState::new().hash_one(0));
        Ok(Self::with_http(session, move |request, limit| http.send(request, limit)))
    }

    /// A client that sends through `http`, called with each request and the time it may take. It must send
    /// the request at once and once, must not follow redirects, and must return within that time. Requests
    /// that overlap are sent from threads of their own.
    pub fn with_http(
        session: Session,
        http: impl Fn(Request, Duration) -> Result<Response, TransportError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            session,
            http: Arc::new(http),
            inbox: Inbox::new(),
            listener: None,
            last_error: LastError::default(),
            current: Current::default(),
        }
    }

    /// Calls `listener` with everything that happens. It runs between requests: keep it short. If it panics,
    /// a session that is [kept](Self::keep_connected) stops.
    pub fn on_event(&mut self, mut listener: impl FnMut(&Event) + Send + 'static) {
        self.listener = Some(Box::new(move |_, event| listener(event)));
    }

    /// The whole login. See [`Session::connect`].
    ///
    /// # Errors
    /// The error of the step that failed for good.
    pub fn connect(&mut self) -> Result<Connected, Error> {
        let ticket = self.session.connect();
        self.run(&ticket)
    }

    /// [`connect`](Self::connect), given up after this time; the next `connect` goes on from there.
    ///
    /// # Errors
    /// As there, and [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), which names what failed last.
    pub fn connect_within(&mut self, within: Duration) -> Result<Connected, Error> {
        self.last_error = LastError::default();
        let ticket = self.session.connect();
        let outcome = self.run_until(&ticket, Instant::now().checked_add(within));
        outcome.unwrap_or_else(|| Err(Error::not_connected_within(within, self.last_error.get())))
    }

    /// Signed assertion for access token. See [`Session::get_access_token`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub fn get_access_token(&mut self) -> Result<AccessToken, Error> {
        let ticket = self.session.get_access_token();
        self.run(&ticket)
    }

    /// Access token and public address for bearer token. See [`Session::get_bearer_token`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub fn get_bearer_token(&mut self) -> Result<BearerToken, Error> {
        let ticket = self.session.get_bearer_token();
        self.run(&ticket)
    }

    /// With OAuth 1.0a: the token that every later request is signed with. See
    /// [`Session::get_live_session_token`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub fn get_live_session_token(&mut self) -> Result<LiveSession, Error> {
        let ticket = self.session.get_live_session_token();
        self.run(&ticket)
    }

    /// Asks about the SSO session, at most once a minute. See [`Session::validate_sso`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub fn validate_sso(&mut self) -> Result<SsoDetails, Error> {
        let ticket = self.session.validate_sso();
        self.run(&ticket)
    }

    /// Opens the brokerage session. See [`Session::ssodh_init`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub fn ssodh_init(&mut self) -> Result<AuthStatus, Error> {
        let ticket = self.session.ssodh_init();
        self.run(&ticket)
    }

    /// State of the brokerage session. See [`Session::status`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub fn status(&mut self) -> Result<AuthStatus, Error> {
        let ticket = self.session.status();
        self.run(&ticket)
    }

    /// Keeps the session alive, about every 60 s. See [`Session::tickle`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub fn tickle(&mut self) -> Result<Tickle, Error> {
        let ticket = self.session.tickle();
        self.run(&ticket)
    }

    /// Ends the session. See [`Session::logout`].
    ///
    /// # Errors
    /// When IBKR did not confirm it.
    pub fn logout(&mut self) -> Result<(), Error> {
        let ticket = self.session.logout();
        self.run(&ticket)
    }

    /// Sends a request of your own to `/v1/api`, once, with the session's headers; a path is enough for a
    /// URL. Any status is an answer, not an error. See [`Session::authorize`]. An answer above 1 MiB is an
    /// error: ask for less at once.
    ///
    /// # Errors
    /// When there is no bearer token, the URL is on another host, or no answer came. A request without an
    /// answer may have been executed: for an order, ask IBKR what became of it.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let limit = self.session.config().timeout();
        send(&self.http, request, limit, |request| self.session.authorize(request, now()))
    }

    /// [`send`](Self::send) for the `GET` of a path such as `/v1/api/portfolio/accounts`.
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, path: &str) -> Result<Response, Error> {
        self.send(request::get(path)?)
    }

    /// [`send`](Self::send) for the `POST` of JSON to a path.
    ///
    /// # Errors
    /// As there.
    pub fn post_json(&self, path: &str, json: Vec<u8>) -> Result<Response, Error> {
        self.send(request::post_json(path, json)?)
    }

    /// Uses another server from the next request on.
    pub fn set_host(&mut self, host: Host) {
        self.session.set_host(host);
    }

    /// What another process needs to go on with this session: see [`Session::save`].
    pub fn save(&self) -> Option<SavedSession> {
        self.session.save(now())
    }

    /// Goes on with a saved session: see [`Session::restore`].
    ///
    /// # Errors
    /// When it is damaged or belongs to somebody else; nothing is changed then.
    pub fn restore(&mut self, saved: &SavedSession) -> Result<(), Error> {
        self.session.restore(saved, now())
    }

    /// Counts what was done before: see [`History`], which shows how a program that is started over and over
    /// keeps from logging in over and over.
    pub fn recall(&mut self, history: &History) {
        self.session.recall(history, now());
    }

    /// What the next process has to [`recall`](Self::recall).
    pub fn history(&self) -> History {
        self.session.history(now())
    }

    /// For a person who takes the risk: see [`Session::override_guard`].
    pub fn override_guard(&mut self) {
        self.session.override_guard();
    }

    /// Headers for your own requests to `/v1/api`; `None` before there is a bearer token, and with OAuth
    /// 1.0a, which signs each request by itself: [`send`](Self::send) it.
    pub fn headers(&self) -> Option<HeaderMap> {
        self.session.headers()
    }

    /// Whether the last word of IBKR was that the session is good for the configured tier.
    pub fn is_connected(&self) -> bool {
        self.session.is_connected()
    }

    /// What is known about the login.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Stays logged in from now on, on a thread of its own. See [`Session::keep_connected`].
    pub fn keep_connected(mut self, policy: KeepConnected) -> Handle {
        self.session.keep_connected(policy);
        Handle::start(self)
    }

    fn run<T: Outcome>(&mut self, ticket: &Ticket<T>) -> Result<T, Error> {
        let outcome = self.run_until(ticket, None);
        outcome.unwrap_or_else(|| Err(Error::cancelled()))
    }

    /// `None` when `end` has come.
    fn run_until<T: Outcome>(
        &mut self,
        ticket: &Ticket<T>,
        end: Option<Instant>,
    ) -> Option<Result<T, Error>> {
        let number = self.current.begin();
        let outcome = loop {
            let mut wait = self.drain();
            if let Some(outcome) = ticket.outcome() {
                break Some(outcome);
            }
            if end.is_some_and(|end| end <= Instant::now()) {
                break None;
            }
            wait.until = wait.until.into_iter().chain(end).min();
            match self.inbox.next(wait) {
                Some(Input::Answer(id, answer)) => self.session.receive(now(), id, answer),
                Some(Input::Cancel(cancelled)) if cancelled == number => break Some(Err(Error::cancelled())),
                _ => {}
            }
        };
        self.current.end();
        outcome
    }

    /// Does what is to be done now; returns until when there is nothing more.
    pub(crate) fn drain(&mut self) -> Wait {
        loop {
            match self.session.poll(now()) {
                Output::Send(transmit) => self.transmit(transmit),
                Output::Event(event) => {
                    self.last_error.hear(&event);
                    if let Some(listener) = &mut self.listener {
                        listener(&self.session, &event);
                    }
                }
                Output::Wait(wait) => return wait,
            }
        }
    }

    fn transmit(&mut self, Transmit { id, timeout: limit, request, .. }: Transmit) {
        let (http, outbox) = (Arc::clone(&self.http), self.inbox.outbox.clone());
        let thread = thread::Builder::new().name("ibkr-auth request".to_owned()).spawn(move || {
            // Nobody listens any more once the client is gone.
            let _ = outbox.send(Input::Answer(id, catch_panic(|| http(request, limit))));
        });
        if thread.is_err() {
            let failure = TransportError::new(TransportKind::Connect, "the system gives no more threads");
            self.session.receive(now(), id, Err(failure));
        }
    }
}

/// What a client waits for.
pub(crate) enum Input {
    Answer(RequestId, Answer),
    Control(Control),
    /// Of the command with this number.
    Cancel(Number),
}

/// Where answers and controls arrive.
pub(crate) struct Inbox {
    pub(crate) outbox: Sender<Input>,
    arriving: Receiver<Input>,
}

impl Inbox {
    fn new() -> Self {
        let (outbox, arriving) = channel();
        Self { outbox, arriving }
    }

    /// The next input, or `None` when it is time to poll.
    pub(crate) fn next(&mut self, wait: Wait) -> Option<Input> {
        self.arriving.recv_timeout(wait.remaining(Instant::now())).ok()
    }
}

/// Sends a user's own request, made ready by `authorize`, once. What OAuth 1.0a has refused for its time
/// alone was not executed, and goes out once more, signed anew: another request may have overtaken it.
pub(crate) fn send(
    http: &Arc<Sending>,
    request: Request,
    limit: Duration,
    authorize: impl Fn(Request) -> Result<Request, Error>,
) -> Result<Response, Error> {
    let (method, again) = (request.method().clone(), request.clone());
    let send = |request| http(request, limit).map_err(|failure| Error::unanswered(&method, &failure));
    let answer = send(authorize(request)?)?;
    match wire::refused_for_its_time(&answer) {
        true => send(authorize(again)?),
        false => Ok(answer),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}

pub(crate) fn now() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
}
