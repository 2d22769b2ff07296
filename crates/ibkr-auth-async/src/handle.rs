//! A session that is kept connected in the background, and what the rest of a program does with it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use http::HeaderMap;
use ibkr_auth_core::{
    Background, Control, Error, Event, History, Host, KeepConnected, Phase, Request, Response, SavedSession,
    Secret, Snapshot, request,
    stream::{self, Upgrade},
    wire,
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::timeout,
};

use crate::{
    client::{Client, Input, Sending, now, send},
    events::Events,
};

/// So many events are kept for a listener that is slow; it misses the oldest beyond that.
const EVENTS: usize = 256;

/// A session that is kept connected. Clones share it. When the last one is dropped, the session is logged
/// out.
#[derive(Clone)]
#[must_use = "a handle that is dropped logs its session out"]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    http: Arc<Sending>,
    inputs: mpsc::UnboundedSender<Input>,
    status: watch::Receiver<Snapshot>,
    /// Gone when the session has ended: then listeners are told that there is nothing more.
    events: broadcast::WeakSender<Event>,
    check_pending: Arc<AtomicBool>,
}

impl Handle {
    pub(crate) fn start(mut client: Client) -> Self {
        let (told, _) = broadcast::channel(EVENTS);
        let events = told.downgrade();
        let ending = told.clone();
        let (publish, status) = watch::channel(client.session.snapshot());
        let mut own = client.listener.take();
        let publish = Arc::new(publish);
        let published = Arc::clone(&publish);
        let ending = Ending { publish: Arc::clone(&publish), told: ending };
        // Publish the status before the event is delivered.
        client.listener = Some(Box::new(move |session, event| {
            published.send_replace(session.snapshot());
            if let Some(own) = &mut own {
                own(session, event);
            }
            // Nobody may be listening.
            let _ = told.send(event.clone());
        }));
        let check_pending = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            http: Arc::clone(&client.http),
            inputs: client.inbox.outbox.clone(),
            status,
            events,
            check_pending: Arc::clone(&check_pending),
        };
        tokio::spawn(keep(client, ending, check_pending));
        Self { shared: Arc::new(shared) }
    }

    /// Waits until the session is good.
    ///
    /// # Errors
    /// When it has stopped for good, with the reason; [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when
    /// it is not good `within` this time.
    pub async fn ready(&self, within: Duration) -> Result<(), Error> {
        let mut status = self.shared.status.clone();
        let settled = timeout(within, status.wait_for(|status| status.readiness().is_some())).await;
        let outcome = settled.ok().and_then(Result::ok).and_then(|status| status.readiness());
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
        self.shared.status.borrow().clone()
    }

    /// Where the session stands.
    pub fn phase(&self) -> Phase {
        self.shared.status.borrow().phase()
    }

    /// What another process needs to go on with this session.
    pub fn save(&self) -> Option<SavedSession> {
        self.shared.status.borrow().save(now())
    }

    /// What the next process has to [recall](Client::recall).
    pub fn history(&self) -> History {
        self.shared.status.borrow().history(now())
    }

    /// Sends a request of your own to `/v1/api`, once: see [`Client::send`]. An answer that says that the
    /// session is lost makes it look after itself.
    ///
    /// # Errors
    /// As there, but [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) while there is no session:
    /// before it is [`ready`](Self::ready), paused or stopped.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let snapshot = self.snapshot();
        let answer = send(
            &self.shared.http,
            snapshot.authorize(request.clone(), now())?,
            snapshot.config().timeout(),
            || snapshot.authorize(request, now()),
        )
        .await?;
        if wire::lost_session(&answer).is_some() {
            self.check();
        }
        Ok(answer)
    }

    /// [`send`](Self::send) for the `GET` of a path such as `/v1/api/portfolio/accounts`.
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self, path: &str) -> Result<Response, Error> {
        self.send(request::get(path)?).await
    }

    /// [`send`](Self::send) for the `POST` of JSON to a path.
    ///
    /// # Errors
    /// As there.
    pub async fn post_json(&self, path: &str, json: Vec<u8>) -> Result<Response, Error> {
        self.send(request::post_json(path, json)?).await
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> Events {
        let events = self.shared.events.upgrade().map(|events| events.subscribe());
        Events::of(events.unwrap_or_else(|| broadcast::channel(1).1))
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
    pub async fn stop(&self) -> Result<(), Error> {
        self.control(Control::Stop);
        self.ended().await.and_then(|status| status.ended().cloned()).unwrap_or(Ok(()))
    }

    /// Stops looking after the session without logging out, and gives what another process needs to go on
    /// with it; `None` if there is no session. It waits for a login that is on its way.
    pub async fn detach(&self) -> Option<SavedSession> {
        self.control(Control::Detach);
        self.ended().await?.save(now())
    }

    async fn ended(&self) -> Option<Snapshot> {
        let mut status = self.shared.status.clone();
        let ended = status.wait_for(|status| status.ended().is_some()).await;
        ended.ok().map(|status| status.clone())
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

/// However the background task ends, nobody goes on waiting for it, or takes the session for good.
struct Ending {
    publish: Arc<watch::Sender<Snapshot>>,
    told: broadcast::Sender<Event>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.publish.borrow().ended().is_some() {
            return;
        }
        let error = match thread::panicking() {
            true => Error::panicked(),
            false => Error::driver_gone("the runtime that kept the session connected has ended"),
        };
        let last = self.publish.borrow().clone();
        let (status, event) = last.abandoned(error);
        self.publish.send_replace(status);
        // Nobody may be listening.
        let _ = self.told.send(event);
    }
}

async fn keep(mut client: Client, ending: Ending, check_pending: Arc<AtomicBool>) {
    let mut background = Background::default();
    loop {
        let wait = client.drain();
        let status = background.status(&client.session, &wait);
        let is_over = status.ended().is_some();
        ending.publish.send_replace(status);
        if is_over {
            return;
        }
        match client.inbox.next(wait).await {
            Some(Input::Answer(id, answer)) => client.session.receive(now(), id, answer),
            Some(Input::Control(control)) => {
                check_pending.fetch_and(!matches!(control, Control::Check), Ordering::AcqRel);
                background.apply(control, &mut client.session);
            }
            None => {}
        }
    }
}
