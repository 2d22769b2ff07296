//! The client: a session, something that sends requests, and the loop between them.

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, RandomState},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::HeaderMap;
use ibkr_auth_config::{Settings, Transport};
use ibkr_auth_core::{
    AccessToken, AuthStatus, BearerToken, Config, Connected, Control, Error, Event, History, Host,
    KeepConnected, LastError, LiveSession, Now, Outcome, Output, Request, RequestId, Response, SavedSession,
    Session, Sign, SsoDetails, Ticket, Tickle, Transmit, TransportError, TransportKind, Wait, request, wire,
};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::{Handle, Http};

type Answer = Result<Response, TransportError>;
pub(crate) type Sending =
    dyn Fn(Request, Duration) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;
pub(crate) type Listener = dyn FnMut(&Session, &Event) + Send;

/// One login of one username.
///
/// A client belongs to whoever drives it: its steps change the login, take `&mut self`, and one may end what
/// another waits for. To share a login between tasks, call [`keep_connected`](Self::keep_connected): a
/// [`Handle`] is cheap to clone, and sends from anywhere.
pub struct Client {
    pub(crate) session: Session,
    pub(crate) http: Arc<Sending>,
    pub(crate) inbox: Inbox,
    /// Aborts what is under way when the client is dropped.
    requests: JoinSet<()>,
    pub(crate) listener: Option<Box<Listener>>,
    /// Of the `connect` that is under way.
    last_error: LastError,
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
        let http = Http::for_limit(transport, config.timeout())?;
        let session = Session::new(config, key, RandomState::new().hash_one(0));
        Ok(Self::with_http(session, move |request, limit| http.send(request, limit)))
    }

    /// A client that sends through `http`, called with each request and the time it may take. It must send
    /// the request at once and once, and must not follow redirects.
    pub fn with_http<F>(
        session: Session,
        http: impl Fn(Request, Duration) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response, TransportError>> + Send + 'static,
    {
        let http: Arc<Sending> = Arc::new(move |request, limit| Box::pin(http(request, limit)));
        Self {
            session,
            http,
            inbox: Inbox::new(),
            requests: JoinSet::new(),
            listener: None,
            last_error: LastError::default(),
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
    pub async fn connect(&mut self) -> Result<Connected, Error> {
        let ticket = self.session.connect();
        self.run(&ticket).await
    }

    /// [`connect`](Self::connect), given up after this time; the next `connect` goes on from there.
    ///
    /// # Errors
    /// As there, and [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), which names what failed last.
    pub async fn connect_within(&mut self, within: Duration) -> Result<Connected, Error> {
        self.last_error = LastError::default();
        let outcome = timeout(within, self.connect()).await;
        outcome.unwrap_or_else(|_| Err(Error::not_connected_within(within, self.last_error.get())))
    }

    /// Signed assertion for access token. See [`Session::get_access_token`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub async fn get_access_token(&mut self) -> Result<AccessToken, Error> {
        let ticket = self.session.get_access_token();
        self.run(&ticket).await
    }

    /// Access token and public address for bearer token. See [`Session::get_bearer_token`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub async fn get_bearer_token(&mut self) -> Result<BearerToken, Error> {
        let ticket = self.session.get_bearer_token();
        self.run(&ticket).await
    }

    /// With OAuth 1.0a: the token that every later request is signed with. See
    /// [`Session::get_live_session_token`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub async fn get_live_session_token(&mut self) -> Result<LiveSession, Error> {
        let ticket = self.session.get_live_session_token();
        self.run(&ticket).await
    }

    /// Asks about the SSO session, at most once a minute. See [`Session::validate_sso`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub async fn validate_sso(&mut self) -> Result<SsoDetails, Error> {
        let ticket = self.session.validate_sso();
        self.run(&ticket).await
    }

    /// Opens the brokerage session. See [`Session::ssodh_init`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub async fn ssodh_init(&mut self) -> Result<AuthStatus, Error> {
        let ticket = self.session.ssodh_init();
        self.run(&ticket).await
    }

    /// State of the brokerage session. See [`Session::status`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub async fn status(&mut self) -> Result<AuthStatus, Error> {
        let ticket = self.session.status();
        self.run(&ticket).await
    }

    /// Keeps the session alive, about every 60 s. See [`Session::tickle`].
    ///
    /// # Errors
    /// The step's error; nothing is repeated.
    pub async fn tickle(&mut self) -> Result<Tickle, Error> {
        let ticket = self.session.tickle();
        self.run(&ticket).await
    }

    /// Ends the session. See [`Session::logout`].
    ///
    /// # Errors
    /// When IBKR did not confirm it.
    pub async fn logout(&mut self) -> Result<(), Error> {
        let ticket = self.session.logout();
        self.run(&ticket).await
    }

    /// Sends a request of your own to `/v1/api`, once, with the session's headers as they are now; a path is
    /// enough for a URL. Any status is an answer, not an error. See [`Session::authorize`]. An answer above 1
    /// MiB is an error: ask for less at once.
    ///
    /// The future does not borrow the client, and can be spawned.
    ///
    /// # Errors
    /// When there is no bearer token, the URL is on another host, or no answer came. A request without an
    /// answer may have been executed: for an order, ask IBKR what became of it.
    pub fn send(&self, request: Request) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        self.sending(Ok(request))
    }

    /// [`send`](Self::send) for the `GET` of a path such as `/v1/api/portfolio/accounts`.
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, path: &str) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        self.sending(request::get(path))
    }

    /// [`send`](Self::send) for the `POST` of JSON to a path.
    ///
    /// # Errors
    /// As there.
    pub fn post_json(
        &self,
        path: &str,
        json: Vec<u8>,
    ) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        self.sending(request::post_json(path, json))
    }

    fn sending(
        &self,
        request: Result<Request, Error>,
    ) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        let snapshot = self.session.snapshot();
        let authorized =
            request.and_then(|request| Ok((self.session.authorize(request.clone(), now())?, request)));
        let (http, limit) = (Arc::clone(&self.http), self.session.config().timeout());
        async move {
            let (ready, request) = authorized?;
            send(&http, ready, limit, || snapshot.authorize(request, now())).await
        }
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

    /// Stays logged in from now on, on a task of its own. See [`Session::keep_connected`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn keep_connected(mut self, policy: KeepConnected) -> Handle {
        self.session.keep_connected(policy);
        Handle::start(self)
    }

    async fn run<T: Outcome>(&mut self, ticket: &Ticket<T>) -> Result<T, Error> {
        loop {
            let wait = self.drain();
            if let Some(outcome) = ticket.outcome() {
                return outcome;
            }
            if let Some(Input::Answer(id, answer)) = self.inbox.next(wait).await {
                self.session.receive(now(), id, answer);
            }
        }
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
        while self.requests.try_join_next().is_some() {}
        let http = Arc::clone(&self.http);
        let mut reply = Reply { id, answer: None, outbox: self.inbox.outbox.clone() };
        self.requests.spawn(async move {
            reply.give(within(limit, http(request, limit)).await);
        });
    }
}

/// Gives the session the answer to a request, whatever became of the task that asked for it.
struct Reply {
    id: RequestId,
    answer: Option<Answer>,
    outbox: mpsc::UnboundedSender<Input>,
}

impl Reply {
    fn give(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let panicked = || Err(TransportError::new(TransportKind::Panicked, ""));
        let answer = self.answer.take().unwrap_or_else(panicked);
        // Nobody listens any more once the client is gone.
        let _ = self.outbox.send(Input::Answer(self.id, answer));
    }
}

/// What a client waits for.
pub(crate) enum Input {
    Answer(RequestId, Answer),
    Control(Control),
}

/// Where answers and controls arrive.
pub(crate) struct Inbox {
    pub(crate) outbox: mpsc::UnboundedSender<Input>,
    arriving: mpsc::UnboundedReceiver<Input>,
}

impl Inbox {
    fn new() -> Self {
        let (outbox, arriving) = mpsc::unbounded_channel();
        Self { outbox, arriving }
    }

    /// The next input, or `None` when it is time to poll.
    pub(crate) async fn next(&mut self, wait: Wait) -> Option<Input> {
        timeout(wait.remaining(now().mono), self.arriving.recv()).await.ok().flatten()
    }
}

/// Sends a user's own request, which is authorized, once. What OAuth 1.0a has refused for its time alone was
/// not executed, and goes out once more, signed anew: another request may have overtaken it.
pub(crate) async fn send(
    http: &Arc<Sending>,
    request: Request,
    limit: Duration,
    again: impl FnOnce() -> Result<Request, Error>,
) -> Result<Response, Error> {
    let method = request.method().clone();
    let unanswered = |failure: TransportError| Error::unanswered(&method, &failure);
    let answer = within(limit, http(request, limit)).await.map_err(unanswered)?;
    match wire::refused_for_its_time(&answer) {
        true => within(limit, http(again()?, limit)).await.map_err(unanswered),
        false => Ok(answer),
    }
}

async fn within(limit: Duration, answer: impl Future<Output = Answer>) -> Answer {
    timeout(limit, answer).await.unwrap_or_else(|_| Err(TransportError::timeout_after(limit)))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Both clocks. tokio's stands still in a test that has paused it; the wall clock then goes with it.
pub(crate) fn now() -> Now {
    let (mono, machine, wall) = (tokio::time::Instant::now().into_std(), Instant::now(), SystemTime::now());
    let wall = match mono.checked_duration_since(machine) {
        Some(ahead) => wall + ahead,
        None => wall - (machine - mono),
    };
    Now { mono, wall }
}
