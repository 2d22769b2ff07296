//! A request, what came back on it, and the finding of one that failed.

use std::{thread, time::Instant};

use ibkr_auth_blocking::{Error, Outcome, Request, Response, Session, TransportError};
use ibkr_auth_core::{Output, Ticket, request, wire};
use serde_json::Value;

use super::{
    call::{Call, send_unless},
    context::Context,
    finding::{Finding, INTERRUPTED},
    meaning::{self, At},
};

/// A request that brought nothing that can be used.
pub(super) struct Trouble {
    pub(super) at: At,
    pub(super) error: Error,
    pub(super) call: Option<Call>,
    /// The answer was not waited for.
    pub(super) is_interrupted: bool,
}

/// A request's outcome.
pub(super) type Asked<T> = Result<T, Box<Trouble>>;

/// Takes one step of the session that is looked at.
pub(super) fn step<T: Outcome>(
    context: &mut Context<'_>,
    at: At,
    begin: impl FnOnce(&mut Session) -> Ticket<T>,
) -> Asked<T> {
    let trouble = |error, call| Box::new(Trouble { at, error, call, is_interrupted: false });
    let mut session = context.session.take().ok_or_else(|| trouble(nobody(), None))?;
    let ticket = begin(&mut session);
    let outcome = drive(context, at, &mut session, &ticket);
    context.session = Some(session);
    outcome
}

fn drive<T: Outcome>(context: &Context<'_>, at: At, session: &mut Session, ticket: &Ticket<T>) -> Asked<T> {
    let mut call = None;
    loop {
        match session.poll(context.moment()) {
            Output::Send(transmit) => {
                let (sent, answer) = send(context, at, transmit.request)?;
                session.receive(context.moment(), transmit.id, answer);
                call = Some(sent);
            }
            Output::Event(_) => {}
            Output::Wait(wait) => match ticket.outcome() {
                Some(outcome) => return outcome.map_err(|error| failed(context, at, error, call)),
                None => thread::sleep(wait.remaining(Instant::now())),
            },
        }
    }
}

/// A GET below `/v1/api`, with the session's headers; the JSON of its answer.
pub(super) fn get(context: &Context<'_>, at: At, path: &str) -> Asked<Value> {
    let session = context.session.as_ref().ok_or_else(nobody);
    let request = request::get(path).and_then(|request| session?.authorize(request, context.moment()));
    let request = request.map_err(|error| failed(context, at, error, None))?;
    let (call, answer) = send(context, at, request)?;
    let read = |response: Response| {
        if !response.status().is_success() {
            // Errors of all endpoints have the same shapes.
            wire::status::parse(&context.config, &response)?;
        }
        let unreadable = |_| {
            let what = format!("cannot read the answer ({})", response.status());
            Error::config(what, "look for a proxy in between")
        };
        serde_json::from_slice(response.body()).map_err(unreadable)
    };
    let read = answer.map_err(|failure| Error::transport(None, &failure)).and_then(read);
    read.map_err(|error| failed(context, at, error, Some(call)))
}

/// Sends a request once.
fn send(context: &Context<'_>, at: At, request: Request) -> Asked<(Call, Result<Response, TransportError>)> {
    let http = context.http.as_ref().map_err(|error| failed(context, at, error.clone(), None))?;
    let is_given_up = || context.is_interrupted() && !at.is_for_the_end();
    send_unless(is_given_up, http, request, context.limit()).ok_or_else(|| {
        let error = Error::config(INTERRUPTED, "");
        Box::new(Trouble { at, error, call: None, is_interrupted: true })
    })
}

fn failed(context: &Context<'_>, at: At, error: Error, call: Option<Call>) -> Box<Trouble> {
    if let Some(pause) = error.pause() {
        context.pause.set(Some(pause.as_secs()));
    }
    Box::new(Trouble { at, error, call, is_interrupted: false })
}

fn nobody() -> Error {
    Error::config("there is no session", "log in")
}

impl Trouble {
    /// What happened, what it means at IBKR, what to do.
    pub(super) fn finding(self) -> Finding {
        if self.is_interrupted {
            return Finding::skip(INTERRUPTED);
        }
        let said = self.error.excerpt().map_or_else(String::new, |excerpt| format!(": {excerpt}"));
        let text = format!("{}{said}", self.error.message());
        let (means, help) = meaning::of(&self);
        let finding = Finding::fail(text, means, help);
        match self.call {
            Some(call) => finding.with_call(call),
            None => finding,
        }
    }
}
