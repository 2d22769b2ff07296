//! What the session's own requests bring is heard on the way, so that clients who ask the same are answered
//! from it: IBKR takes a tickle once a second and `sso/validate` once a minute.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
};
use ibkr_auth_async::{Http, Request, Response, SessionMark, Step, TransportError};
use serde_json::{Map, Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};

use crate::pace::Pace;

/// IBKR takes one `sso/validate` a minute.
const VALIDATE_EVERY: Duration = Duration::from_secs(61);
/// Above this `EXPIRES` is a date, below it the milliseconds that are left.
const FIRST_DATE: u64 = 100_000_000_000;
/// So many tickles are shown on the status page: two hours.
const TICKLES: usize = 120;

/// Sends the session's own requests, and hears what they bring.
pub(crate) struct Ear {
    http: Http,
    pace: Arc<Pace>,
    heard: Mutex<Heard>,
    tickled: Notify,
    /// How often a brokerage session was opened.
    opened: AtomicU64,
    validated: tokio::sync::Mutex<Option<Validated>>,
}

#[derive(Default)]
struct Heard {
    tickle: Option<Map<String, Value>>,
    auth_status: Option<Value>,
    user_id: Option<Value>,
    session: Option<Shown>,
    tickles: VecDeque<TickleSeen>,
}

/// The session id that clients see. It stays as long as the SSO session does: a strict client starts over
/// when it changes, and IBKR changes it from answer to answer.
struct Shown {
    of: SessionMark,
    id: String,
}

struct Validated {
    of: SessionMark,
    at: Instant,
    /// `None` unless it was a good one.
    answer: Option<Response>,
}

/// A tickle as the status page shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TickleSeen {
    pub(crate) at: SystemTime,
    pub(crate) took: Duration,
    pub(crate) is_good: bool,
}

impl Ear {
    pub(crate) fn new(http: Http, pace: Arc<Pace>) -> Arc<Self> {
        Arc::new(Self {
            http,
            pace,
            heard: Mutex::default(),
            tickled: Notify::new(),
            opened: AtomicU64::new(0),
            validated: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a request of the session's own.
    pub(crate) async fn send(&self, request: Request, limit: Duration) -> Result<Response, TransportError> {
        let step = Step::of(&request);
        let mark = request.extensions().get().copied();
        if let (Some(Step::ValidateSso), Some(mark)) = (step, mark) {
            return self.validate(request, limit, mark).await;
        }
        if request.headers().contains_key(AUTHORIZATION) {
            self.own_turn(&request).await;
        }
        let begin = Instant::now();
        let answer = self.http.send(request, limit).await;
        if let Some(step) = step {
            self.hear(step, mark, answer.as_ref().ok(), begin.elapsed());
        }
        answer
    }

    /// Whoever asks within a minute of another gets that one's answer, or has to wait.
    async fn validate(
        &self,
        request: Request,
        limit: Duration,
        mark: SessionMark,
    ) -> Result<Response, TransportError> {
        let mut last = self.validated.lock().await;
        if let Some(last) = last.as_ref().filter(|last| last.at.elapsed() < VALIDATE_EVERY) {
            return Ok(last.shared(mark));
        }
        self.own_turn(&request).await;
        let at = Instant::now();
        // Whoever gives up waiting has asked nevertheless.
        *last = Some(Validated { of: mark, at, answer: None });
        let answer = self.http.send(request, limit).await?;
        if answer.status().is_success() {
            self.hear(Step::ValidateSso, Some(mark), Some(&answer), at.elapsed());
            *last = Some(Validated { of: mark, at, answer: Some(answer.clone()) });
        }
        Ok(answer)
    }

    async fn own_turn(&self, request: &Request) {
        let path = below_api(request.uri().path());
        sleep_until(self.pace.own_turn(request.method(), path, Instant::now())).await;
    }

    fn hear(&self, step: Step, mark: Option<SessionMark>, answer: Option<&Response>, took: Duration) {
        let good = answer.filter(|answer| answer.status() == StatusCode::OK);
        let body = good.and_then(|answer| serde_json::from_slice::<Map<String, Value>>(answer.body()).ok());
        let mut heard = self.heard();
        match (step, body) {
            (Step::Tickle, body) => {
                heard.note_tickle(took, body.is_some());
                if let (Some(body), Some(mark)) = (body, mark) {
                    heard.keep_tickle(body, mark);
                    self.tickled.notify_waiters();
                }
            }
            (Step::Status, Some(body)) => heard.auth_status = Some(Value::Object(body)),
            (Step::SsodhInit, Some(body)) => {
                heard.auth_status = Some(Value::Object(body));
                self.opened.fetch_add(1, Ordering::AcqRel);
            }
            (Step::ValidateSso, Some(body)) => {
                heard.user_id = body.get("USER_ID").cloned().or(heard.user_id.take());
            }
            _ => {}
        }
    }

    /// The answer to a client's tickle; `None` before there was one.
    ///
    /// `ends` is when the SSO session ends. Whatever a client in the field insists on is there: some read
    /// strictly, and IBKR leaves some of it out under OAuth.
    pub(crate) fn tickle(&self, ends: Option<SystemTime>) -> Option<Value> {
        let heard = self.heard();
        let mut tickle = heard.tickle.clone()?;
        if let Some(shown) = &heard.session {
            tickle.insert("session".into(), json!(shown.id));
        }
        if let Some(left) = ends.and_then(|ends| ends.duration_since(SystemTime::now()).ok()) {
            tickle.insert("ssoExpires".into(), json!(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)));
        }
        tickle.entry("ssoExpires").or_insert(json!(0));
        tickle.entry("collission").or_insert(json!(false));
        tickle.entry("userId").or_insert_with(|| heard.user_id.clone().unwrap_or(json!(0)));
        tickle.entry("hmds").or_insert_with(|| json!({ "error": "no bridge" }));
        if let Some(status) = &heard.auth_status {
            tickle.insert("iserver".into(), json!({ "authStatus": status }));
        }
        Some(Value::Object(tickle))
    }

    /// Whether there is something to answer the tickles of this session from, as soon as there is.
    pub(crate) async fn has_tickle_of(&self, mark: SessionMark, within: Duration) -> bool {
        let is_there = || self.heard().session.as_ref().is_some_and(|session| session.of == mark);
        let until = Instant::now() + within;
        loop {
            let heard = self.tickled.notified();
            if is_there() {
                return true;
            }
            if timeout_at(until, heard).await.is_err() {
                return is_there();
            }
        }
    }

    /// The state of the brokerage session as IBKR told it last, in its own words.
    pub(crate) fn auth_status(&self) -> Option<Value> {
        self.heard().auth_status.clone()
    }

    /// How often a brokerage session was opened: each is another one.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// The last tickles, the oldest first.
    pub(crate) fn tickles(&self) -> Vec<TickleSeen> {
        self.heard().tickles.iter().copied().collect()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn note_tickle(&mut self, took: Duration, is_good: bool) {
        self.tickles.push_back(TickleSeen { at: SystemTime::now(), took, is_good });
        if self.tickles.len() > TICKLES {
            self.tickles.pop_front();
        }
    }

    fn keep_tickle(&mut self, body: Map<String, Value>, mark: SessionMark) {
        if let Some(status) = body.get("iserver").and_then(|iserver| iserver.get("authStatus")) {
            self.auth_status = Some(status.clone());
        }
        if self.session.as_ref().is_none_or(|shown| shown.of != mark)
            && let Some(id) = body.get("session").and_then(Value::as_str)
        {
            self.session = Some(Shown { of: mark, id: id.to_owned() });
        }
        self.tickle = Some(body);
    }
}

impl Validated {
    /// The answer as it would be now; IBKR's refusal to give a second one where there is none to share.
    fn shared(&self, mark: SessionMark) -> Response {
        match self.answer.as_ref().filter(|_| self.of == mark) {
            Some(answer) => aged(answer, self.at.elapsed()),
            None => too_soon(VALIDATE_EVERY.saturating_sub(self.at.elapsed())),
        }
    }
}

fn aged(answer: &Response, age: Duration) -> Response {
    let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let mut answer = answer.clone();
    let Ok(Value::Object(mut body)) = serde_json::from_slice(answer.body()) else { return answer };
    if let Some(left) = body.get("EXPIRES").and_then(Value::as_u64).filter(|left| *left < FIRST_DATE) {
        body.insert("EXPIRES".into(), json!(left.saturating_sub(age)));
    }
    *answer.body_mut() = Value::Object(body).to_string().into_bytes();
    answer.headers_mut().remove(CONTENT_LENGTH);
    answer
}

fn too_soon(left: Duration) -> Response {
    let body = json!({ "error": "Too Many Requests", "statusCode": 429 }).to_string();
    let mut answer = Response::new(body.into_bytes());
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    answer.headers_mut().insert(RETRY_AFTER, (left.as_secs() + 1).into());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
    answer
}

/// The path below `/v1/api`.
pub(crate) fn below_api(path: &str) -> &str {
    path.strip_prefix("/v1/api").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickle(session: &str) -> Map<String, Value> {
        serde_json::from_value(json!({ "session": session })).unwrap()
    }

    #[test]
    fn the_session_shown_stays_as_long_as_the_bearer_whatever_the_cookie_does() {
        let mut heard = Heard::default();
        let shown = |heard: &Heard| heard.session.as_ref().unwrap().id.clone();
        for (mark, session, expected) in [(1, "a", "a"), (1, "b", "a"), (2, "c", "c"), (2, "d", "c")] {
            heard.keep_tickle(tickle(session), SessionMark::new(mark));
            assert_eq!(shown(&heard), expected);
        }
    }

    #[test]
    fn a_shared_answer_is_as_old_as_it_is_and_for_one_session() {
        let mut body = json!({ "RESULT": true, "EXPIRES": 60_000 }).to_string().into_bytes();
        let mut last = Validated { of: SessionMark::new(1), at: Instant::now(), answer: None };
        let refused = last.shared(SessionMark::new(1));
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(["61", "62"].iter().any(|left| refused.headers()[RETRY_AFTER] == *left));
        last.answer = Some(Response::new(body.clone()));
        assert_eq!(last.shared(SessionMark::new(2)).status(), StatusCode::TOO_MANY_REQUESTS);
        let shared = aged(&last.shared(SessionMark::new(1)), Duration::from_secs(20));
        let left = serde_json::from_slice::<Value>(shared.body()).unwrap()["EXPIRES"].as_u64().unwrap();
        assert!((39_000..=40_000).contains(&left), "{left}");
        body = json!({ "EXPIRES": 1_800_000_000_000_u64 }).to_string().into_bytes();
        let date = aged(&Response::new(body.clone()), Duration::from_secs(20));
        assert_eq!(*date.body(), body, "a date does not move");
    }
}
