//! A session that is kept connected in the background, and what the rest of a program does with it.

use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use http::HeaderMap;
use ibkr_auth_core::{
    Error, Event, Host, Phase, Request, Response, SavedSession, Secret, Session, Snapshot, request, wire,
};

use crate::client::{Client, Input, Sending, now, send};

/// So many events are kept for a listener that is slow; it misses the newest beyond that.
const EVENTS: usize = 256;
/// A logout ends before that: every request has a time limit.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// A session that is kept connected. Clones share it. When the last one is dropped, the session is logged out.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    http: Arc<Sending>,
    inputs: Sender<Input>,
    state: Arc<Watched>,
    /// Gone when the session has ended: then listeners are told that there is nothing more.
    listeners: Weak<Listeners>,
    check_wished: Arc<AtomicBool>,
}

#[derive(Default)]
struct Listeners(Mutex<Vec<SyncSender<Event>>>);

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, Vec<SyncSender<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: &Event) {
        let gone = |listener: &SyncSender<Event>| {
            matches!(listener.try_send(event.clone()), Err(TrySendError::Disconnected(_)))
        };
        self.lock().retain(|listener| !gone(listener));
    }
}

/// The state, and a bell that rings when it has changed.
struct Watched {
    state: Mutex<State>,
    changed: Condvar,
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    /// Waits until `settled` gives something; `None` when `within` has passed.
    fn wait_for<T>(&self, within: Duration, settled: impl Fn(&State) -> Option<T>) -> Option<T> {
        let begin = Instant::now();
        let mut state = self.lock();
        loop {
            if let Some(found) = settled(&state) {
                return Some(found);
            }
            let left = within.checked_sub(begin.elapsed())?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

struct State {
    snapshot: Snapshot,
    saved: Option<SavedSession>,
    /// The outcome of the last logout, once the background thread has ended.
    ended: Option<Result<(), Error>>,
}

impl State {
    fn of(session: &Session) -> Self {
        Self { snapshot: session.snapshot(), saved: session.save(now()), ended: None }
    }
}

impl Handle {
    pub(crate) fn start(mut client: Client) -> Self {
        let watched = Watched { state: Mutex::new(State::of(&client.session)), changed: Condvar::new() };
        let (state, told) = (Arc::new(watched), Arc::new(Listeners::default()));
        let (listeners, mut own) = (Arc::downgrade(&told), client.listener.take());
        let published = Arc::clone(&state);
        let ending = Ending { publish: Arc::clone(&state), told: Arc::clone(&told) };
        // Whoever hears of an event finds its consequences in the handle.
        client.listener = Some(Box::new(move |session, event| {
            published.publish(State::of(session));
            if let Some(own) = &mut own {
                own(session, event);
            }
            told.tell(event);
        }));
        let check_wished = Arc::new(AtomicBool::new(false));
        let (http, inputs) = (Arc::clone(&client.http), client.inbox.outbox.clone());
        let wished = Arc::clone(&check_wished);
        // Without a thread, what it would have run is dropped, which ends the session as it should.
        let _ =
            thread::Builder::new().name("ibkr-auth".to_owned()).spawn(move || keep(client, ending, &wished));
        Self { shared: Arc::new(Shared { http, inputs, state, listeners, check_wished }) }
    }

    /// Waits until the session is good.
    ///
    /// # Errors
    /// When it has stopped for good, with the reason; [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when it is not good
    /// `within` this time.
    pub fn ready(&self, within: Duration) -> Result<(), Error> {
        let settled = |state: &State| match &state.ended {
            Some(Err(error)) => Some(Err(error.clone())),
            _ => state.snapshot.readiness(),
        };
        let outcome = self.shared.state.wait_for(within, settled);
        outcome.unwrap_or_else(|| Err(self.snapshot().not_ready(within)))
    }

    /// Headers for your own requests to `/v1/api`; `None` before there is a bearer token.
    pub fn headers(&self) -> Option<HeaderMap> {
        self.snapshot().headers()
    }

    /// The bearer token, if there is one: the WebSocket wants it in its URL.
    pub fn bearer(&self) -> Option<Secret> {
        self.snapshot().authorization().map(|authorization| authorization.bearer.clone())
    }

    /// Where the session stands, and everything else that is known of it.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.state.lock().snapshot.clone()
    }

    /// Where the session stands.
    pub fn phase(&self) -> Phase {
        self.shared.state.lock().snapshot.phase()
    }

    /// What another process needs to go on with this session.
    pub fn save(&self) -> Option<SavedSession> {
        self.shared.state.lock().saved.clone()
    }

    /// Sends a request of your own to `/v1/api`, once: see [`Client::send`]. An answer that says that the session is
    /// lost makes it look after itself.
    ///
    /// # Errors
    /// As there, but [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) while there is no session: before it is
    /// [`ready`](Self::ready), paused or stopped.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let snapshot = self.snapshot();
        let answer = send(&self.shared.http, snapshot.authorize(request)?, snapshot.config().timeout())?;
        if wire::lost_session(&answer).is_some() {
            self.check();
        }
        Ok(answer)
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

    /// Everything that happens from now on.
    pub fn events(&self) -> Events {
        let (listener, events) = sync_channel(EVENTS);
        if let Some(listeners) = self.shared.listeners.upgrade() {
            listeners.lock().push(listener);
        }
        Events(events)
    }

    /// Logs out, so that the user can log in elsewhere.
    pub fn pause(&self) {
        self.wish(Input::Pause);
    }

    /// Comes back after `pause`, and from a login elsewhere.
    pub fn resume(&self) {
        self.wish(Input::Resume);
    }

    /// Looks at once whether the session is still good: for when a request of yours was refused.
    pub fn check(&self) {
        // A program whose requests are all refused asks often; once is enough until it was heard.
        if !self.shared.check_wished.swap(true, Ordering::AcqRel) {
            self.wish(Input::Check);
        }
    }

    /// Asks now whether another login still has the session that was left to it, and takes nothing: for a person who does
    /// not want to wait. A program that calls it over and over makes IBKR refuse its logins; two are 10 s apart.
    pub fn ask_again(&self) {
        self.wish(Input::AskAgain);
    }

    /// Uses another server from the next request on.
    pub fn set_host(&self, host: Host) {
        self.wish(Input::SetHost(host));
    }

    /// Logs out for good.
    ///
    /// # Errors
    /// When IBKR did not confirm it.
    pub fn stop(&self) -> Result<(), Error> {
        self.wish(Input::Stop);
        let ended = self.shared.state.wait_for(FOR_EVER, |state| state.ended.clone());
        ended.unwrap_or(Ok(()))
    }

    /// Stops looking after the session without logging out, and gives what another process needs to go on with it; `None` if
    /// there is no session. It waits for a login that is on its way.
    pub fn detach(&self) -> Option<SavedSession> {
        self.wish(Input::Detach);
        let saved = |state: &State| state.ended.as_ref().map(|_| state.saved.clone());
        self.shared.state.wait_for(FOR_EVER, saved).flatten()
    }

    fn wish(&self, input: Input) {
        // A session that has ended has no wishes left to fulfil.
        let _ = self.shared.inputs.send(input);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.inputs.send(Input::Stop);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("phase", &self.phase()).finish_non_exhaustive()
    }
}

/// Events as they happen. A listener that is slow misses the newest; it never holds the session up.
#[derive(Debug)]
pub struct Events(Receiver<Event>);

impl Iterator for Events {
    type Item = Event;

    /// Waits for the next event; `None` when the session has ended.
    fn next(&mut self) -> Option<Event> {
        self.0.recv().ok()
    }
}

/// However the background thread ends, nobody goes on waiting for it, or takes the session for good.
struct Ending {
    publish: Arc<Watched>,
    told: Arc<Listeners>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut state = self.publish.lock();
        if state.ended.is_some() {
            return;
        }
        let error = match thread::panicking() {
            true => Error::panicked(),
            false => Error::driver_gone("the system gives no more threads"),
        };
        let (snapshot, event) = state.snapshot.clone().abandoned(error.clone());
        (state.snapshot, state.ended) = (snapshot, Some(Err(error)));
        drop(state);
        self.publish.changed.notify_all();
        self.told.tell(&event);
    }
}

fn keep(mut client: Client, ending: Ending, check_wished: &AtomicBool) {
    let publish = &ending.publish;
    let (mut logout, mut detached) = (None, false);
    loop {
        let wait = client.drain();
        let ended = match logout.as_ref() {
            Some(logout) => ibkr_auth_core::Ticket::outcome(logout),
            None => (detached && wait.in_flight == 0).then_some(Ok(())),
        };
        let over = ended.is_some();
        publish.publish(State { ended, ..State::of(&client.session) });
        if over {
            return;
        }
        match client.inbox.next(wait) {
            Some(Input::Answer(id, answer)) => client.session.receive(now(), id, answer),
            Some(Input::Pause) => client.session.pause(),
            Some(Input::Resume) => client.session.resume(),
            Some(Input::Check) => {
                check_wished.store(false, Ordering::Release);
                client.session.check();
            }
            Some(Input::AskAgain) => client.session.ask_again(),
            Some(Input::SetHost(host)) => client.session.set_host(host),
            Some(Input::Detach) if logout.is_none() => {
                detached = true;
                client.session.detach();
            }
            Some(Input::Stop) if logout.is_none() => logout = Some(client.session.logout()),
            Some(Input::Stop | Input::Detach | Input::Cancel(_)) | None => {}
        }
    }
}
