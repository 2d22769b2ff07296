//! One stream of IBKR's for all clients of a session: it is opened for the first and closed after the last.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use ibkr_auth_async::{
    Event, Events, Phase, Secret, SessionMark,
    core::stream::{self, Output, Stream},
};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{
    Socket, command, ended, farewell,
    hub::{Hub, Id, To},
    is_allowed, refused,
    upstream::{self, Opened},
};
use crate::seat::{Seat, now};

/// A client that is behind by so many frames is too slow.
const BEHIND: usize = 1_024;
/// So many commands wait for their turn; the sockets of further ones are not read meanwhile.
const COMMANDS: usize = 256;
/// After the last client the stream is kept for this long.
const LINGERING: Duration = Duration::from_secs(20);

/// The way to the one stream of a session.
#[derive(Default)]
pub(crate) struct Shared {
    inputs: Mutex<Option<mpsc::Sender<Input>>>,
    clients: AtomicU64,
}

enum Input {
    Join(Id, mpsc::Sender<Message>),
    Command(Id, String),
    Leave(Id),
}

impl Shared {
    /// Serves one client until it leaves, or is too slow.
    pub(super) async fn serve(&self, seat: &Arc<Seat>, client: &mut Socket) {
        let id = self.clients.fetch_add(1, Ordering::Relaxed);
        let (tell, mut told) = mpsc::channel(BEHIND);
        let Some(inputs) = self.join(seat, id, tell).await else { return };
        loop {
            tokio::select! {
                message = told.recv() => match message {
                    Some(message) => if client.send(message).await.is_err() { break },
                    None => {
                        farewell(client, CloseCode::Policy, "too slow").await;
                        break;
                    }
                },
                message = client.next() => match message {
                    Some(Ok(Message::Close(_))) => {
                        ended(client).await;
                        break;
                    }
                    Some(Err(_)) | None => break,
                    Some(Ok(message)) => {
                        let Some(text) = command(&message) else { continue };
                        if !is_allowed(seat.settings().read_only, text) {
                            if client.send(refused(text, "this gateway is read-only")).await.is_err() { break }
                        } else if inputs.send(Input::Command(id, text.to_owned())).await.is_err() {
                            break;
                        }
                    }
                },
            }
        }
        // One that has ended knows nobody any more.
        let _ = inputs.send(Input::Leave(id)).await;
    }

    /// Joins the stream that runs, or begins one.
    async fn join(
        &self,
        seat: &Arc<Seat>,
        id: Id,
        tell: mpsc::Sender<Message>,
    ) -> Option<mpsc::Sender<Input>> {
        let running = self.inputs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(inputs) = running
            && inputs.send(Input::Join(id, tell.clone())).await.is_ok()
        {
            return Some(inputs);
        }
        let inputs = {
            let mut running = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
            match running.as_ref().filter(|running| !running.is_closed()) {
                // Another client was faster.
                Some(inputs) => inputs.clone(),
                None => {
                    let (inputs, arriving) = mpsc::channel(COMMANDS);
                    tokio::spawn(run(Arc::downgrade(seat), arriving));
                    running.insert(inputs).clone()
                }
            }
        };
        inputs.send(Input::Join(id, tell)).await.is_ok().then_some(inputs)
    }
}

async fn run(seat: Weak<Seat>, mut inputs: mpsc::Receiver<Input>) {
    let Some(tier) = seat.upgrade().map(|seat| seat.handle.snapshot().config().tier()) else { return };
    let stream = Stream::new(tier, RandomState::new().hash_one(0));
    let mut state = State { hub: Hub::new(stream), clients: BTreeMap::new(), ibkr: None, mark: None };
    let Some(mut events) = seat.upgrade().map(|seat| seat.handle.events()) else { return };
    let mut alone_since = None;
    loop {
        let Some(held) = seat.upgrade() else { return };
        let wait = state.drive(&held).await;
        drop(held);
        alone_since = state.hub.is_empty().then(|| alone_since.unwrap_or_else(Instant::now));
        let leave = alone_since.map(|since| since + LINGERING);
        if leave.is_some_and(|leave| leave <= Instant::now()) {
            inputs.close();
            // Whoever has come meanwhile begins anew.
            while inputs.try_recv().is_ok() {}
            return;
        }
        let until = [wait, leave].into_iter().flatten().min().unwrap_or_else(|| Instant::now() + LINGERING);
        tokio::select! {
            input = inputs.recv() => match input {
                Some(input) => state.take(input),
                None => return,
            },
            message = next(&mut state.ibkr) => state.hear(message),
            () = good_again(&mut events) => match seat.upgrade() {
                Some(seat) => state.renew(&seat),
                None => return,
            },
            () = sleep_until(until) => {}
        }
    }
}

/// What the one task of a shared stream knows.
struct State {
    hub: Hub,
    clients: BTreeMap<Id, mpsc::Sender<Message>>,
    ibkr: Option<Socket>,
    /// What IBKR's stream was opened with.
    mark: Option<SessionMark>,
}

impl State {
    fn take(&mut self, input: Input) {
        let now = now();
        let out = match input {
            Input::Join(id, tell) => {
                self.clients.insert(id, tell);
                self.hub.join(id)
            }
            Input::Command(id, text) => self.hub.command(id, &text, now.mono),
            Input::Leave(id) => {
                self.clients.remove(&id);
                self.hub.leave(id, now.mono);
                Vec::new()
            }
        };
        self.tell(out);
    }

    fn hear(&mut self, message: Option<Message>) {
        let text: Bytes = match message {
            Some(Message::Text(text)) => text.into(),
            Some(Message::Binary(bytes)) => bytes,
            Some(_) => return,
            None => {
                self.ibkr = None;
                return self.hub.stream.closed(now());
            }
        };
        let out = self.hub.heard(now(), &text);
        self.tell(out);
    }

    /// The session is good again: a stream that waits for its next try, or is of the session before, is
    /// opened at once.
    fn renew(&mut self, seat: &Seat) {
        let is_open = matches!(self.hub.stream.state(), stream::State::Open(_));
        if !is_open || Opened::is_of_before(self.mark, seat) {
            self.hub.stream.reopen(now());
        }
    }

    /// Does what the stream wants; says until when there is nothing more.
    async fn drive(&mut self, seat: &Seat) -> Option<Instant> {
        let tidy = self.hub.tidy(now().mono);
        loop {
            match self.hub.stream.poll(now()) {
                Output::Open => match self.opened(seat).await {
                    Some(session_id) => self.hub.stream.opened(now(), session_id.as_ref()),
                    None => self.hub.stream.closed(now()),
                },
                Output::Close => self.ibkr = None,
                Output::Send(text) => {
                    let Some(ibkr) = &mut self.ibkr else { continue };
                    if ibkr.send(Message::text(text)).await.is_err() {
                        self.ibkr = None;
                        self.hub.stream.closed(now());
                    }
                }
                Output::Event(event) => {
                    if let stream::Event::Lost { .. } = event {
                        seat.handle.check();
                    }
                    let out = self.hub.event(&event);
                    self.tell(out);
                }
                Output::Wait(until) => return until.into_iter().chain(tidy).min().map(Instant::from_std),
            }
        }
    }

    async fn opened(&mut self, seat: &Seat) -> Option<Option<Secret>> {
        let Opened { socket, session_id, mark } = upstream::open(seat).await?;
        (self.ibkr, self.mark) = (Some(socket), mark);
        Some(session_id)
    }

    /// Nobody waits for a client that is slow.
    fn tell(&mut self, out: Vec<(To, Message)>) {
        for (to, message) in out {
            let ids: Vec<Id> = match to {
                To::All => self.clients.keys().copied().collect(),
                To::One(id) => vec![id],
                To::These(ids) => ids,
            };
            for id in ids {
                let Some(client) = self.clients.get(&id) else { continue };
                if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = client.try_send(message.clone())
                {
                    self.clients.remove(&id);
                    self.hub.leave(id, now().mono);
                }
            }
        }
    }
}

/// Until the session is good once more; for ever where there is none any more.
async fn good_again(events: &mut Events) {
    while let Some(event) = events.next().await {
        if let Event::Phase { phase: Phase::Connected, .. } = event {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// The next message; for ever where there is no stream.
async fn next(ibkr: &mut Option<Socket>) -> Option<Message> {
    match ibkr {
        Some(ibkr) => ibkr.next().await.and_then(Result::ok).filter(|message| !message.is_close()),
        None => std::future::pending().await,
    }
}
