//! One username: its session, and everything that its clients share.

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::HeaderMap;
use ibkr_auth_async::{
    Authorization, Client, Config, Error, Event, GatewaySettings, Handle, Http, KeepConnected, LoginBudget,
    Phase, Session, Sign, Snapshot, Step, Transport,
    core::{Now, is_this_machine},
    flow::Flow,
    request,
};
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};

use crate::{
    audit::Audit,
    body::Content,
    ear::Ear,
    guard::Guard,
    journal::{Journal, Level},
    keeping::{Keeping, Kept, Told},
    pace::Pace,
    page::random,
    route::PAGE,
    ws::Shared,
};

/// So many requests wait for the session at most; further ones are told so at once.
const MOST_WAITING: usize = 256;
/// The session's own first tickle comes within this time.
const FIRST_TICKLE_WITHIN: Duration = Duration::from_secs(2);

/// One username: who logs in, and how the session is kept and served.
pub struct Login {
    /// What the session is called: the profile, or `default`.
    pub name: String,
    /// Who logs in where.
    pub config: Config,
    /// What signs.
    pub key: Arc<dyn Sign>,
    /// Trust and proxy.
    pub transport: Transport,
    /// How the session is kept.
    pub policy: KeepConnected,
    /// Where and how it is served.
    pub gateway: GatewaySettings,
    /// Where the session is kept for other programs, and for the next start; `None`: nowhere.
    pub kept: Option<Kept>,
    /// Without IBKR's limits, at a server of this machine alone: to measure what the gateway itself can do.
    #[doc(hidden)]
    pub unpaced: bool,
}

impl Login {
    /// With the trust of the system, the proxy of the environment, and the defaults of everything else.
    pub fn new(name: impl Into<String>, config: Config, key: impl Sign + 'static) -> Self {
        Self {
            name: name.into(),
            config,
            key: Arc::new(key),
            transport: Transport::default(),
            policy: KeepConnected::default(),
            gateway: GatewaySettings::default(),
            kept: None,
            unpaced: false,
        }
    }
}

/// What may be changed while the gateway runs.
struct Rules {
    settings: Arc<GatewaySettings>,
    guard: Arc<Guard>,
}

impl Rules {
    fn new(settings: GatewaySettings) -> Result<Arc<Self>, Error> {
        let token = settings.client_token()?;
        let guard = Arc::new(Guard::new(&settings, token.as_ref()));
        Ok(Arc::new(Self { settings: Arc::new(settings), guard }))
    }
}

/// A username at work.
pub(crate) struct Seat {
    pub(crate) name: String,
    rules: RwLock<Arc<Rules>>,
    pub(crate) handle: Handle,
    pub(crate) flow: Flow<Content>,
    pub(crate) ear: Arc<Ear>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) journal: Journal,
    pub(crate) waiting: Semaphore,
    pub(crate) started: SystemTime,
    pub(crate) audit: Audit,
    /// What the status page shows to be the one that was served.
    pub(crate) csrf: String,
    pub(crate) shared: Shared,
    /// What signs for a client.
    pub(crate) key: Arc<dyn Sign>,
    /// Held by each request that changes something, until it is known what became of it.
    pub(crate) changing: Arc<()>,
    policy: KeepConnected,
    keeping: std::sync::Mutex<Option<Keeping>>,
    tickling: Mutex<()>,
    /// The brokerage session whose accounts were asked for.
    prepared: AtomicU64,
    preparing: Mutex<()>,
    /// A person has paused it: no client resumes it.
    held: AtomicBool,
}

impl Seat {
    /// Begins to keep the session.
    pub(crate) fn start(login: Login) -> Result<Arc<Self>, Error> {
        let Login { name, config, key, transport, policy, gateway, kept, unpaced } = login;
        if unpaced && !config.host().is_loopback() {
            return Err(Error::config(
                "IBKR's limits are not for turning off",
                "use a simulator of this machine",
            ));
        }
        transport.admit_key(&config, &key)?;
        let rules = Rules::new(gateway)?;
        let gateway = Arc::clone(&rules.settings);
        let flow = Flow::new(&transport, gateway.answer_within)?;
        let pace = Arc::new(if unpaced { Pace::unlimited() } else { Pace::default() });
        let ear = Ear::new(Http::new(&transport)?, Arc::clone(&pace));
        let signer = Arc::clone(&key);
        let mut session = Session::new(config, key, RandomState::new().hash_one(0));
        if let Some(kept) = &kept {
            session.recall(kept.history(), now());
            if let Some(Err(error)) = kept.saved().map(|saved| session.restore(&saved, now())) {
                tracing::warn!("the kept session cannot be used, so a login follows: {error}");
            }
        }
        let sending = Arc::clone(&ear);
        let mut client = Client::with_http(session, move |request, limit| {
            let ear = Arc::clone(&sending);
            async move { ear.send(request, limit).await }
        });
        let audit = Audit::open(gateway.audit_file.as_deref()).map_err(|error| {
            Error::config(
                format!("the audit file cannot be written: {error}"),
                "correct its path and permissions",
            )
        })?;
        let csrf = random()
            .ok_or_else(|| Error::config("this machine gives no random numbers", "look at its system log"))?;
        let told = Told::new();
        client.on_event(told.listener());
        let handle = client.keep_connected(policy.clone());
        let keeping = kept.map(|kept| told.follow(kept, &handle));
        Ok(Arc::new(Self {
            name,
            rules: RwLock::new(rules),
            handle,
            flow,
            ear,
            pace,
            journal: Journal::default(),
            waiting: Semaphore::new(MOST_WAITING),
            started: SystemTime::now(),
            audit,
            csrf,
            shared: Shared::default(),
            key: signer,
            changing: Arc::default(),
            policy,
            keeping: std::sync::Mutex::new(keeping),
            tickling: Mutex::default(),
            prepared: AtomicU64::new(0),
            preparing: Mutex::default(),
            held: AtomicBool::new(false),
        }))
    }

    /// Where and how it is served.
    pub(crate) fn settings(&self) -> Arc<GatewaySettings> {
        Arc::clone(&self.rules().settings)
    }

    /// Whom it serves.
    pub(crate) fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.rules().guard)
    }

    /// Other settings from now on, and the key as it is now. Where it listens cannot be changed; whether that
    /// was asked for.
    ///
    /// # Errors
    /// When what clients have to show cannot be read: everything stays as it is.
    pub(crate) fn reload(&self, settings: GatewaySettings) -> Result<bool, Error> {
        let now = self.settings();
        let fixed = GatewaySettings {
            listen: now.listen.clone(),
            prefix: now.prefix.clone(),
            plain: now.plain,
            health_port: now.health_port,
            audit_file: now.audit_file.clone(),
            ..settings.clone()
        };
        let is_moved = (&settings.listen, &settings.prefix, settings.plain)
            != (&now.listen, &now.prefix, now.plain)
            || (settings.health_port, &settings.audit_file) != (now.health_port, &now.audit_file);
        let rules = Rules::new(fixed)?;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        self.key.reload();
        self.journal.say(Level::Info, "the settings were read anew");
        Ok(is_moved)
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes down what happens, until the session has ended.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut events = self.handle.events();
        // The task must not keep the session: who drops the gateway logs out.
        let seat = Arc::downgrade(&self);
        drop(self);
        while let Some(event) = events.next().await {
            let Some(seat) = seat.upgrade() else { return };
            seat.journal.hear(&event);
            if matches!(event, Event::Phase { phase: Phase::Connected, .. }) {
                seat.prepare().await;
            }
        }
    }

    /// The end: logged out, or left open for another program.
    pub(crate) async fn end(&self, is_left_open: bool) -> Result<(), Error> {
        let (saved, outcome) = match is_left_open {
            true => (self.handle.detach().await, Ok(())),
            false => {
                let outcome = self.handle.stop().await;
                (outcome.is_err().then(|| self.handle.save()).flatten(), outcome)
            }
        };
        let keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeping) = keeping {
            keeping.leave(saved).await;
        }
        outcome
    }

    /// A brokerage session serves orders and market data only once its accounts were asked for. Clients did
    /// that in the session before, and do not know that this is another one.
    pub(crate) async fn prepare(&self) {
        let opened = self.ear.opened();
        if self.prepared.load(Ordering::Acquire) >= opened {
            return;
        }
        let _alone = self.preparing.lock().await;
        if self.prepared.load(Ordering::Acquire) < opened {
            // What it brings is for nobody; where it brings nothing, whoever asks next is told so by IBKR.
            for _ in 0..2 {
                let asked = self.handle.get("/v1/api/iserver/accounts").await;
                if asked.is_ok_and(|answer| !answer.status().is_server_error()) {
                    self.prepared.store(opened, Ordering::Release);
                    return;
                }
            }
        }
    }

    /// Clients ask for what only a tickle brings. The session sends one soon after a login; where none comes,
    /// one is sent for them.
    pub(crate) async fn first_tickle(&self) {
        let snapshot = self.handle.snapshot();
        let Some(mark) = snapshot.authorization().map(Authorization::mark) else { return };
        if self.ear.has_tickle_of(mark, FIRST_TICKLE_WITHIN).await {
            return;
        }
        let _alone = self.tickling.lock().await;
        if self.ear.has_tickle_of(mark, Duration::ZERO).await {
            return;
        }
        let request = request::post_json("/v1/api/tickle", Vec::new())
            .and_then(|request| snapshot.authorize(request, now()));
        if let Ok(request) = request {
            // What it brings is heard; what it does not bring, the session finds out.
            let _ = self.ear.send(request, snapshot.config().timeout()).await;
        }
    }

    /// The session as far as it can be used now.
    pub(crate) fn standing(&self) -> Standing {
        let snapshot = self.handle.snapshot();
        let has_session = snapshot.authorization().is_some();
        match snapshot.phase() {
            Phase::Connected => Standing::Good(snapshot),
            // What needs no brokerage session goes on.
            Phase::Yielded if has_session => Standing::Good(snapshot),
            Phase::Waiting { about } => Standing::Silent(about),
            Phase::Paused | Phase::Stopped | Phase::Off | Phase::Yielded | Phase::LoginsSpent { .. } => {
                Standing::None(snapshot)
            }
            _ => Standing::Soon(snapshot),
        }
    }

    /// Whether it is still to be known what became of a request, though its client may have left.
    pub(crate) fn is_changing(&self) -> bool {
        Arc::strong_count(&self.changing) > 1
    }

    /// A person wants no session for a while.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::Release);
        self.handle.pause();
    }

    /// A person wants the session back.
    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::Release);
        self.handle.resume();
    }

    /// A person wants to know now. Nothing is taken from another login.
    pub(crate) fn reconnect(&self) {
        match self.handle.phase() {
            Phase::Stopped | Phase::Off => self.handle.keep_connected(self.policy.clone()),
            Phase::Yielded => self.handle.ask_again(),
            _ => self.handle.check(),
        }
    }

    /// Whether a button was pressed on our own page: no other page can read what that one holds.
    pub(crate) fn is_own_page(&self, headers: &HeaderMap) -> bool {
        headers.get("x-csrf").is_some_and(|shown| shown.as_bytes() == self.csrf.as_bytes())
    }

    /// Where programs find this session.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let settings = self.settings();
        settings
            .listen
            .iter()
            .map(|address| format!("{}{}", origin(*address, &settings), settings.prefix))
            .collect()
    }

    /// The status page of this session, as a link on that of another one.
    pub(crate) fn page_address(&self, from: &Self) -> String {
        let settings = self.settings();
        let elsewhere = settings.listen.first().filter(|_| settings.listen != from.settings().listen);
        let origin = elsewhere.map(|address| origin(*address, &settings)).unwrap_or_default();
        format!("{origin}{}{PAGE}", settings.prefix)
    }

    /// How many logins there may be; those at a simulator have no limit.
    pub(crate) fn most_logins(&self) -> Option<LoginBudget> {
        let host = self.handle.snapshot().config().host().base_url().parse::<http::Uri>().ok()?;
        (!is_this_machine(host.host()?)).then(LoginBudget::default)
    }

    /// A client ends the session; done when it is paused.
    pub(crate) async fn sleep(&self) {
        self.handle.pause();
        self.is_when(|phase| phase == Phase::Paused).await;
    }

    /// A client asks for the session again, which another client has ended; done when it is on its way.
    pub(crate) async fn wake(&self) {
        if self.handle.phase() == Phase::Paused && !self.held.load(Ordering::Acquire) {
            self.handle.resume();
            self.is_when(|phase| phase != Phase::Paused).await;
        }
    }

    /// Waits until the session has heard what it was told.
    async fn is_when(&self, is_so: impl Fn(Phase) -> bool) {
        let mut events = self.handle.events();
        let heard = async { while !is_so(self.handle.phase()) && events.next().await.is_some() {} };
        // One that does not hear answers clients as it stands.
        let _ = tokio::time::timeout(self.settings().wait, heard).await;
    }

    /// What came of looking at the session once more: it was seen good after the look, or the time is over.
    pub(crate) async fn look(&self, until: Instant) {
        let mut events = self.handle.events();
        self.handle.check();
        let looked = async {
            while let Some(event) = events.next().await {
                let has_looked = match event {
                    Event::Done { step, .. } => matches!(step, Step::Tickle | Step::Status),
                    event => matches!(event, Event::Failed { .. } | Event::Phase { .. }),
                };
                if has_looked {
                    return;
                }
            }
        };
        // Whoever does not take it for good has looked.
        if self.handle.phase() == Phase::Connected {
            let _ = tokio::time::timeout_at(until, looked).await;
        }
        if let Standing::Soon(_) = self.standing() {
            let left = until.saturating_duration_since(Instant::now());
            // Whoever asks next sees what came of it.
            let _ = self.handle.ready(left).await;
        }
    }
}

/// What stands before the path where this machine calls an address of its own.
pub(crate) fn origin(address: SocketAddr, settings: &GatewaySettings) -> String {
    let scheme = if settings.plain { "http" } else { "https" };
    match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => format!("{scheme}://localhost:{}", address.port()),
        _ => format!("{scheme}://{address}"),
    }
}

/// How far the session can be used.
pub(crate) enum Standing {
    /// Requests may go on.
    Good(Snapshot),
    /// It is on its way.
    Soon(Snapshot),
    /// Nothing will come of waiting.
    None(Snapshot),
    /// IBKR wants to hear nothing for about this long.
    Silent(Duration),
}

pub(crate) fn now() -> Now {
    Now { mono: std::time::Instant::now(), wall: SystemTime::now() }
}
