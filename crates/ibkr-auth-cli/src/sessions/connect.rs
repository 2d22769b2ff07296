//! The whole login, for no longer than it may take, and its end when it comes to nothing.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_blocking::{Error, Event, Http, Response, Session, TransportError, TransportKind};
use ibkr_auth_core::{Output, RequestId, Step, Ticket, Transmit, catch_panic};

use super::{
    Listener,
    interrupt::{Interrupt, LOOK_AGAIN},
    moment,
    reason::Reason,
};

struct Answer {
    id: RequestId,
    result: Result<Response, TransportError>,
}

/// A login that can be ended at any time: it sends what its session says.
pub(super) struct Login {
    pub(super) session: Session,
    http: Arc<Http>,
    listener: Listener,
    outbox: Sender<Answer>,
    answers: Receiver<Answer>,
    reason: Reason,
    /// There may be a session at IBKR.
    is_open: bool,
    is_given_up: bool,
}

impl Login {
    pub(super) fn new(session: Session, http: Http, listener: Listener) -> Self {
        let (outbox, answers) = channel();
        Self {
            session,
            http: Arc::new(http),
            listener,
            outbox,
            answers,
            reason: Reason::default(),
            is_open: false,
            is_given_up: false,
        }
    }

    /// Connects. After `within`, or a Ctrl-C, it is given up, with the error that was in the way.
    pub(super) fn connect(&mut self, within: Duration, interrupt: &Interrupt) -> Result<(), Error> {
        let ticket = self.session.connect();
        let begin = Instant::now();
        loop {
            let wait = self.drain();
            if let Some(outcome) = ticket.outcome() {
                return outcome.map(drop);
            }
            let left = within.saturating_sub(begin.elapsed());
            if left.is_zero() || interrupt.is_seen() {
                self.is_given_up = true;
                return Err(self.reason.take().unwrap_or_else(late));
            }
            self.receive(wait.min(left).min(LOOK_AGAIN));
        }
    }

    /// Ends what there is. No step is tried again; a bearer token that is on its way is waited for, because
    /// IBKR has made that session.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let ticket: Ticket<()> = self.session.logout();
        loop {
            let wait = self.drain();
            if let Some(outcome) = ticket.outcome() {
                return outcome;
            }
            self.receive(wait);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether it was ended before it had come to something.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Does what is to be done now; returns how long there is nothing more.
    fn drain(&mut self) -> Duration {
        loop {
            match self.session.poll(moment()) {
                Output::Send(transmit) => self.transmit(transmit),
                Output::Event(event) => self.hear(&event),
                Output::Wait(wait) => return wait.remaining(Instant::now()),
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        (self.listener)(event);
        self.reason.hear(event);
        match event {
            Event::Sent { step: Step::GetBearerToken } => self.is_open = true,
            Event::Failed { error, .. } => self.is_open &= error.step() != Some(Step::GetBearerToken),
            _ => {}
        }
    }

    fn transmit(&mut self, Transmit { id, timeout, request, .. }: Transmit) {
        let (http, outbox) = (Arc::clone(&self.http), self.outbox.clone());
        let thread = thread::Builder::new().name("ibkr-auth request".to_owned()).spawn(move || {
            // Nobody listens any more to what was given up.
            let result = catch_panic(|| http.send(request, timeout));
            let _ = outbox.send(Answer { id, result });
        });
        if thread.is_err() {
            let failure = TransportError::new(TransportKind::Connect, "the system gives no more threads");
            self.session.receive(moment(), id, Err(failure));
        }
    }

    fn receive(&mut self, within: Duration) {
        if let Ok(Answer { id, result }) = self.answers.recv_timeout(within) {
            self.session.receive(moment(), id, result);
        }
    }
}

fn late() -> Error {
    Error::transport(None, &TransportError::new(TransportKind::Timeout, "the login was given up"))
}
