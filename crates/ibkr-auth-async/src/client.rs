//! The client: a session, something that sends requests, and the loop between them.

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, RandomState},
    path::Path,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::HeaderMap;
use ibkr_auth_config::{Settings, Transport};
use ibkr_auth_core::{
    AccessToken, AuthStatus, BearerToken, Config, Connected, Error, Event, Host, Now, Outcome, Output,
    Request, RequestId, Response, Session, Sign, SsoDetails, Ticket, Tickle, Transmit, TransportError, Wait,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::transport;

type Answer = Result<Response, TransportError>;
type Http = dyn Fn(Request, Duration) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;
type Listener = dyn FnMut(&Event) + Send;

/// One login of one username.
pub struct Client {
    session: Session,
    http: Arc<Http>,
    answers: JoinSet<(RequestId, Answer)>,
    listener: Option<Box<Listener>>,
}

impl Client {
    /// Reads `config.yaml` (that of `ibauth` will do) and the environment (`IBKR_AUTH_…`). Nothing is sent yet.
    ///
    /// # Errors
    /// When the file, the key or the trust store cannot be used; the text says which line and what to do.
    pub fn from_yaml(path: impl AsRef<Path>) -> Result<Self, Error> {
        let Settings { config, key, transport, .. } = Settings::from_yaml(path)?;
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
    /// When the trust store or the proxy cannot be used.
    pub fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error> {
        let http = transport::client(transport)?;
        let session = Session::new(config, key, RandomState::new().hash_one(0));
        Ok(Self::with_http(session, move |request, _| transport::send(http.clone(), request)))
    }

    /// A client that sends through `http`, called with each request and the time it may take. It must send the request
    /// at once and once, and must not follow redirects.
    pub fn with_http<F>(
        session: Session,
        http: impl Fn(Request, Duration) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response, TransportError>> + Send + 'static,
    {
        let http: Arc<Http> = Arc::new(move |request, limit| Box::pin(http(request, limit)));
        Self { session, http, answers: JoinSet::new(), listener: None }
    }

    /// Calls `listener` with everything that happens. It runs between requests: keep it short.
    pub fn on_event(&mut self, listener: impl FnMut(&Event) + Send + 'static) {
        self.listener = Some(Box::new(listener));
    }

    /// The whole login. See [`Session::connect`].
    ///
    /// # Errors
    /// The error of the step that failed for good.
    pub async fn connect(&mut self) -> Result<Connected, Error> {
        let ticket = self.session.connect();
        self.run(&ticket).await
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

    /// Sends a request of your own to `/v1/api`, once, with the session's headers; a path is enough for a URL. Any status
    /// is an answer, not an error. See [`Session::authorize`].
    ///
    /// # Errors
    /// When there is no bearer token, the URL is on another host, or no answer came. A request without an answer may have
    /// been executed: for an order, ask IBKR what became of it.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let request = self.session.authorize(request)?;
        let limit = self.session.config().timeout();
        let answer = timeout(limit, (self.http)(request, limit)).await;
        answer
            .unwrap_or_else(|_| Err(TransportError::timeout()))
            .map_err(|failure| Error::transport(None, &failure))
    }

    /// Uses another server from the next request on.
    pub fn set_host(&mut self, host: Host) {
        self.session.set_host(host);
    }

    /// Headers for your own requests to `/v1/api`; `None` before there is a bearer token.
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

    async fn run<T: Outcome>(&mut self, ticket: &Ticket<T>) -> Result<T, Error> {
        loop {
            match self.session.poll(now()) {
                Output::Send(transmit) => self.transmit(transmit),
                Output::Event(event) => {
                    if let Some(listener) = &mut self.listener {
                        listener(&event);
                    }
                }
                Output::Wait(wait) => match ticket.outcome() {
                    Some(outcome) => return outcome,
                    None => self.wait(wait).await,
                },
            }
        }
    }

    fn transmit(&mut self, Transmit { id, timeout: limit, request, .. }: Transmit) {
        let answer = (self.http)(request, limit);
        self.answers.spawn(async move {
            let answer = timeout(limit, answer).await.unwrap_or_else(|_| Err(TransportError::timeout()));
            (id, answer)
        });
    }

    async fn wait(&mut self, wait: Wait) {
        let remaining = wait.remaining(Instant::now());
        if self.answers.is_empty() {
            sleep(remaining).await;
        } else if let Ok(Some(Ok((id, answer)))) = timeout(remaining, self.answers.join_next()).await {
            self.session.receive(now(), id, answer);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}

fn now() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
}
