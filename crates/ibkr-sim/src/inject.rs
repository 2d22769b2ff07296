//! Faults at work: which rule strikes a request, and what its action makes of the answer.

use std::time::Duration;

use serde_json::Value;

use crate::{Action, Delivery, Endpoint, Fault, Manner, Moment, On, answer::Answer, gzip, ids::Dice};

/// The faults in force.
#[derive(Debug)]
pub(crate) struct FaultBook {
    rules: Vec<Rule>,
    dice: Dice,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    /// How many requests it has selected so far.
    calls: u64,
    struck_first: Option<Moment>,
    /// What it lasts until has happened.
    over: bool,
}

/// What may be struck.
pub(crate) struct Target<'a> {
    pub(crate) on: On,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
}

impl FaultBook {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let mut book = Self { rules: Vec::new(), dice: Dice::new(seed) };
        faults.into_iter().for_each(|fault| book.add(fault));
        book
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.rules.push(Rule { fault, calls: 0, struck_first: None, over: false });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Fault> {
        self.rules.iter().map(|rule| &rule.fault)
    }

    /// The first rule that strikes. Every rule that selects the target counts it.
    pub(crate) fn pick(&mut self, target: &Target<'_>, now: Moment) -> Option<Fault> {
        let mut struck = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.selects(target)) {
            rule.calls += 1;
            if rule.in_force(now)
                && rule.fault.chance.is_none_or(|chance| self.dice.strikes(chance))
                && struck.is_none()
            {
                rule.struck_first.get_or_insert(now);
                struck = Some(rule.fault.clone());
            }
        }
        struck
    }

    /// A request to this endpoint succeeded.
    pub(crate) fn succeeded(&mut self, endpoint: Endpoint) {
        for rule in self.rules.iter_mut().filter(|rule| rule.fault.until == Some(endpoint)) {
            rule.over = true;
        }
    }
}

impl Rule {
    fn selects(&self, target: &Target<'_>) -> bool {
        let Fault { on, host, path, .. } = &self.fault;
        let here = match on {
            On::Any => !matches!(target.on, On::Stage(_)),
            on => *on == target.on,
        };
        here && host.as_deref().is_none_or(|only| only == target.host)
            && path.as_deref().is_none_or(|pattern| fits(pattern, target.path))
    }

    fn in_force(&self, now: Moment) -> bool {
        let lasts = self.fault.for_s.map(Duration::from_secs);
        let is_past = self.struck_first.zip(lasts).is_some_and(|(first, lasts)| now.since(first) >= lasts);
        self.fault.calls.contains(self.calls) && !self.over && !is_past
    }
}

/// Whether a path fits a pattern in which each `*` stands for anything.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == path };
    let Some(path) = path.strip_prefix(head) else { return false };
    rest.is_empty() || path.char_indices().any(|(at, _)| fits(rest, &path[at..])) || fits(rest, "")
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
        Some(Value::String(text)) => Answer::text(status, text),
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

/// What an action makes of an answer.
pub(crate) fn spoil(action: &Action, answer: &mut Answer) {
    if let Some(patch) = &action.patch
        && let Ok(mut body) = serde_json::from_slice(&answer.body)
    {
        merge(&mut body, patch);
        answer.body = body.to_string().into_bytes();
    }
    if action.gzip && !answer.body.is_empty() {
        answer.body = gzip::stored(&answer.body);
        answer.headers.push(("content-encoding", "gzip".into()));
    }
    if let Some(seconds) = action.retry_after {
        answer.headers.push(("retry-after", seconds.to_string()));
    }
}

/// A merge patch (RFC 7396).
fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = value else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// How an action wants the answer delivered.
pub(crate) fn delivery(action: &Action) -> Delivery {
    let manner = if action.hang {
        Manner::Hang
    } else if action.reset {
        Manner::Reset
    } else if action.close {
        Manner::Close
    } else if let Some(bytes) = action.truncate {
        Manner::Truncate(bytes)
    } else if let Some(pause) = action.drip_ms {
        Manner::Drip(Duration::from_millis(pause))
    } else if let Some(bytes) = action.huge {
        Manner::Huge(bytes)
    } else {
        Manner::Whole
    };
    Delivery {
        delay: Duration::from_millis(action.delay_ms.unwrap_or(0)),
        manner,
        closes_after: action.close_after,
    }
}
