//! What came back on a request, and the finding of one that failed.

use ibkr_auth_blocking::{Advice, Config, Error, ErrorKind, Request, Response, TransportKind};
use ibkr_auth_core::wire;
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
    pub(super) transport: Option<TransportKind>,
    pub(super) call: Option<Call>,
    /// The answer was not waited for.
    pub(super) is_interrupted: bool,
}

/// Sends a step's request once, and reads its answer.
pub(super) fn ask<T>(
    context: &Context<'_>,
    at: At,
    request: Result<Request, Error>,
    read: impl FnOnce(&Config, &Response) -> Result<T, Error>,
) -> Result<T, Box<Trouble>> {
    let trouble =
        |error, transport, call| Box::new(Trouble { at, error, transport, call, is_interrupted: false });
    let request = request.map_err(|error| trouble(error, None, None))?;
    let http = context.http.as_ref().map_err(|error| trouble(error.clone(), None, None))?;
    let is_given_up = || context.is_interrupted() && !at.is_for_the_end();
    let Some((call, answer)) = send_unless(is_given_up, http, request, context.limit()) else {
        let trouble = trouble(Error::config(INTERRUPTED, ""), None, None);
        return Err(Box::new(Trouble { is_interrupted: true, ..*trouble }));
    };
    match answer {
        Ok(response) => read(&context.config, &response).map_err(|error| {
            if let (ErrorKind::RateLimited, Advice::RetryAfter(pause)) = (error.kind(), error.advice()) {
                context.pause.set(Some(pause.as_secs()));
            }
            trouble(error, None, Some(call))
        }),
        Err(failure) => {
            let error = Error::transport(at.step(), &failure);
            Err(trouble(error, Some(failure.kind()), Some(call)))
        }
    }
}

/// A GET below `/v1/api`, with the session's headers; the JSON of its answer.
pub(super) fn get(context: &Context<'_>, at: At, path: &str) -> Result<Value, Box<Trouble>> {
    let request = match &context.authorization {
        Some(authorization) => {
            let url = format!("{}{path}", context.config.host().base_url());
            let request = http::Request::get(url).body(Vec::new());
            let unbuilt = |_| Error::config("the URL cannot be built", "check base_url");
            request.map_err(unbuilt).map(|mut request| {
                *request.headers_mut() = authorization.headers(&context.config);
                request
            })
        }
        None => Err(Error::config("there is no session", "log in")),
    };
    ask(context, at, request, |config, response| {
        if !response.status().is_success() {
            // Errors of all endpoints have the same shapes.
            wire::status::parse(config, response)?;
        }
        let unreadable = |_| {
            let what = format!("cannot read the answer ({})", response.status());
            Error::config(what, "look for a proxy in between")
        };
        serde_json::from_slice(response.body()).map_err(unreadable)
    })
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
