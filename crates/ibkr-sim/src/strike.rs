//! Faults at work: which rule strikes a request, and what its action makes of the answer.

use std::time::Duration;

use crate::{Action, Delivery, Endpoint, Fault, Manner, answer::Answer, fault::On, gzip, ids::Dice};

/// The rules in force, each with the number of requests it has selected so far.
#[derive(Debug)]
pub(crate) struct FaultBook {
    rules: Vec<(Fault, u64)>,
    dice: Dice,
}

impl FaultBook {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self { rules: faults.into_iter().map(|fault| (fault, 0)).collect(), dice: Dice::new(seed) }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.rules.push((fault, 0));
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Fault> {
        self.rules.iter().map(|(fault, _)| fault)
    }

    /// The first rule that strikes this request. Every rule that selects it counts it.
    pub(crate) fn strike(&mut self, endpoint: Endpoint, host: &str) -> Option<Fault> {
        let mut struck = None;
        for (fault, calls) in &mut self.rules {
            let here = match fault.on {
                On::Any => true,
                On::Endpoint(on) => on == endpoint,
            };
            if !here || fault.host.as_deref().is_some_and(|only| only != host) {
                continue;
            }
            *calls += 1;
            let strikes =
                fault.calls.contains(*calls) && fault.chance.is_none_or(|chance| self.dice.strikes(chance));
            if strikes && struck.is_none() {
                struck = Some(fault.clone());
            }
        }
        struck
    }
}

/// The answer that an action puts in place of the real one.
pub(crate) fn replacement(action: &Action) -> Option<Answer> {
    let status = action.status;
    if let Some(place) = &action.redirect {
        return Some(Answer::empty(status.unwrap_or(302)).with_header("location", place.clone()));
    }
    if action.html {
        return Some(Answer::html(status.unwrap_or(200), "Welcome to the network"));
    }
    if action.garbage {
        let mut answer = Answer::json(status.unwrap_or(200), &());
        answer.body = b"\xff\xfe{\"session\":\x00\x9f\x92\x96,,]".to_vec();
        return Some(answer);
    }
    if action.huge.is_some() {
        return Some(Answer { body: Vec::new(), ..Answer::json(status.unwrap_or(200), &()) });
    }
    let status = status?;
    Some(match &action.body {
        Some(serde_json::Value::String(text)) => Answer::text(status, text),
        Some(json) => Answer::json(status, json),
        None => body_of(status),
    })
}

/// The body that IBKR sends with a status, as far as it is known.
fn body_of(status: u16) -> Answer {
    match status {
        401 => Answer::error(401, "not authenticated"),
        403 => Answer::html(403, "Access Denied"),
        410 => Answer::text(410, "gone"),
        429 => Answer::error_only(429, "Too Many Requests"),
        503 => Answer::error(503, "Service Unavailable"),
        status @ 400.. => Answer::error(status, "simulated fault"),
        status => Answer::empty(status),
    }
}

/// What an action adds to an answer.
pub(crate) fn spoil(action: &Action, answer: &mut Answer) {
    if action.gzip && !answer.body.is_empty() {
        answer.body = gzip::stored(&answer.body);
        answer.headers.push(("content-encoding", "gzip".into()));
    }
    if let Some(seconds) = action.retry_after {
        answer.headers.push(("retry-after", seconds.to_string()));
    }
}

/// How an action wants the answer delivered.
pub(crate) fn delivery(action: &Action) -> Delivery {
    let manner = if action.hang {
        Manner::Hang
    } else if action.reset {
        Manner::Reset
    } else if let Some(bytes) = action.truncate {
        Manner::Truncate(bytes)
    } else if let Some(pause) = action.drip_ms {
        Manner::Drip(Duration::from_millis(pause))
    } else if let Some(bytes) = action.huge {
        Manner::Huge(bytes)
    } else {
        Manner::Whole
    };
    Delivery { delay: Duration::from_millis(action.delay_ms.unwrap_or(0)), manner }
}
