//! A session that is kept connected in the background, and what the rest of a program does with it.

use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    thread,
    time::{Duration, Instant},
};

use http::HeaderMap;
use ibkr_auth_core::{
    Background, Control, Error, History, Host, KeepConnected, Phase, Request, Response, SavedSession, Secret,
    Snapshot, request,
    stream::{self, Upgrade},
    wire,
};

use crate::{
    client::{Client, Input, Sending, now, send},
    events::{Events, Listeners},
};

/// A logout ends before that: every request has a time limit.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// A session that is kept connected. Clones share it. When the last one is dropped, the session is logged
/// out.
#[derive(Clone)]
#[must_use = "a handle that is dropped logs its session out"]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    http: Arc<Sending>,
    inputs: Sender<Input>,
    status: Arc<Watched>,
    /// Gone when the session has ended: then listeners are told that there is nothing more.
    listeners: Weak<Listeners>,
    check_pending: Arc<AtomicBool>,
}

/// How the session stands, and a bell that rings when that has changed.
struct Watched {
    status: Mutex<Snapshot>,
    changed: Condvar,
}

impl Watched {
    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, status: Snapshot) {
        *self.lock() = status;
        self.changed.notify_all();
    }

    /// Waits until `settled` gives something; `None` when `within` has passed.
    fn wait_for<T>(&self, within: Duration, settled: impl Fn(&Snapshot) -> Option<T>) -> Option<T> {
        let begin = Instant::now();
        let mut status = self.lock();
        loop {
            if let Some(found) = settled(&status) {
                return Some(found);
            }
            let left = within.checked_sub(begin.elapsed())?;
            status = self.changed.wait_timeout(status, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Handle {
    pub(crate) fn start(mut client: Client) -> Self {
        let watched = Watched { status: Mutex::new(client.session.snapshot()), changed: Condvar::new() };
        let (status, told) = (Arc::new(watched), Arc::new(Listeners::default()));
        let (listeners, mut own) = (Arc::downgrade(&told), client.listener.take());
        let published = Arc::clone(&status);
        let ending = Ending { publish: Arc::clone(&status), told: Arc::clone(&told) };
        // Publish the status before the event is delivered.
        client.listener = Some(Box::new(move |session, event| {
            published.publish(session.snapshot());
            if let Some(own) = &mut own {
                own(session, event);
            }
            told.tell(event);
        }));
        let check_pending = Arc::new(AtomicBool::new(false));
        let (http, inputs) = (Arc::clone(&client.http), client.inbox.outbox.clone());
        let pending = Arc::clone(&check_pending);
        // Without a thread, what it would have run is dropped, which ends the session as it should.
        let _ =
            thread::Builder::new().name("ibkr-auth".to_owned()).spawn(move || keep(client, ending, &pending));
        Self { shared: Arc::new(Shared { http, inputs, status, listeners, check_pending }) }
    }

    /// Waits until the session is good.
    ///
    /// # Errors
    /// When it has stopped for good, with the reason; [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when
    /// it is not good `within` this time.
    pub fn ready(&self, within: Duration) -> Result<(), Error> {
        let outcome = self.shared.status.wait_for(within, Snapshot::readiness);
        outcome.unwrap_or_else(|| Err(self.snapshot().not_ready(within)))
    }

    /// Headers for your own requests to `/v1/api`; `None` before there is a bearer token, and with OAuth
    /// 1.0a, which signs each request by itself: [`send`](Self::send) it.
    pub fn headers(&self) -> Option<HeaderMap> {
        self.snapshot().headers()
    }

    /// The bearer token, if there is one. OAuth 1.0a has none.
    pub fn bearer(&self) -> Option<Secret> {
        self.snapshot().authorization()?.bearer().cloned()
    }

    /// The request that opens IBKR's WebSocket, for a library that speaks WebSocket: what it says is secret,
    /// and it is good for one connection. IBKR wants the session id in it, which the first tickle brings. See
    /// [`stream`](crate::core::stream) for what is said on it then.
    ///
    /// # Errors
    /// [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) while there is no session, and
    /// [`ErrorKind::Sign`](crate::ErrorKind::Sign) when this machine gives no random numbers.
    pub fn websocket(&self) -> Result<Upgrade, Error> {
        self.snapshot().websocket(stream::nonce()?)
    }

    /// Where the session stands, and everything else that is known of it.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.status.lock().clone()
    }

    /// Where the session stands.
    pub fn phase(&self) -> Phase {
        self.shared.status.lock().phase()
    }

    /// What another process needs to go on with this session.
    pub fn save(&self) -> Option<SavedSession> {
        self.shared.status.lock().save(now())
    }

    /// What the next process has to [recall](Client::recall).
    pub fn history(&self) -> History {
        self.shared.status.lock().history(now())
    }

    /// Sends a request of your own to `/v1/api`, once: see [`Client::send`]. An answer that says that the
    /// session is lost makes it look after itself.
    ///
    /// # Errors
    /// As there, but [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) while there is no session:
    /// before it is [`ready`](Self::ready), paused or stopped.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let snapshot = self.snapshot();
        let limit = snapshot.config().timeout();
        let answer = send(&self.shared.http, request, limit, |request| snapshot.authorize(request, now()))?;
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
        // Those of a session that has ended are told so at once.
        self.shared.listeners.upgrade().unwrap_or_default().subscribe()
    }

    /// Begins anew, with this policy. A session that has stopped begins again with it, once what stopped it
    /// was cured: repeating a refusal gets accounts locked.
    pub fn keep_connected(&self, policy: KeepConnected) {
        self.control(Control::KeepConnected(policy));
    }

    /// Logs out, so that the user can log in elsewhere.
    pub fn pause(&self) {
        self.control(Control::Pause);
    }

    /// Comes back after `pause`, and from a login elsewhere.
    pub fn resume(&self) {
        self.control(Control::Resume);
    }

    /// Looks at once whether the session is still good: for when a request of yours was refused.
    pub fn check(&self) {
        // A program whose requests are all refused asks often; once is enough until it was heard.
        if !self.shared.check_pending.swap(true, Ordering::AcqRel) {
            self.control(Control::Check);
        }
    }

    /// Asks now whether another login still has the session that was left to it, and takes nothing: for a
    /// person who does not want to wait. A program that calls it over and over makes IBKR refuse its logins;
    /// two are 10 s apart.
    pub fn ask_again(&self) {
        self.control(Control::AskAgain);
    }

    /// Uses another server from the next request on.
    pub fn set_host(&self, host: Host) {
        self.control(Control::SetHost(host));
    }

    /// Logs out for good.
    ///
    /// # Errors
    /// When IBKR did not confirm it.
    pub fn stop(&self) -> Result<(), Error> {
        self.control(Control::Stop);
        let ended = self.shared.status.wait_for(FOR_EVER, |status| status.ended().cloned());
        ended.unwrap_or(Ok(()))
    }

    /// Stops looking after the session without logging out, and gives what another process needs to go on
    /// with it; `None` if there is no session. It waits for a login that is on its way.
    pub fn detach(&self) -> Option<SavedSession> {
        self.control(Control::Detach);
        let saved = |status: &Snapshot| status.ended().map(|_| status.save(now()));
        self.shared.status.wait_for(FOR_EVER, saved).flatten()
    }

    fn control(&self, control: Control) {
        // A session that has ended is not controlled any more.
        let _ = self.shared.inputs.send(Input::Control(control));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.inputs.send(Input::Control(Control::Stop));
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("phase", &self.phase()).finish_non_exhaustive()
    }
}

/// However the background thread ends, nobody goes on waiting for it, or takes the session for good.
struct Ending {
    publish: Arc<Watched>,
    told: Arc<Listeners>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut status = self.publish.lock();
        if status.ended().is_some() {
            return;
        }
        let error = match thread::panicking() {
            true => Error::panicked(),
            false => Error::driver_gone("the system gives no more threads"),
        };
        let (abandoned, event) = status.clone().abandoned(error);
        *status = abandoned;
        drop(status);
        self.publish.changed.notify_all();
        self.told.tell(&event);
    }
}

fn keep(mut client: Client, ending: Ending, check_pending: &AtomicBool) {
    let mut background = Background::default();
    loop {
        let wait = client.drain();
        let status = background.status(&client.session, &wait);
        let is_over = status.ended().is_some();
        ending.publish.publish(status);
        if is_over {
            return;
        }
        match client.inbox.next(wait) {
            Some(Input::Answer(id, answer)) => client.session.receive(now(), id, answer),
            Some(Input::Control(control)) => {
                check_pending.fetch_and(!matches!(control, Control::Check), Ordering::AcqRel);
                background.apply(control, &mut client.session);
            }
            Some(Input::Cancel(_)) | None => {}
        }
    }
}
