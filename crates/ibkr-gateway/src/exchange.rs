//! One request of a client's, from here to IBKR and back: once, or once more where it is certain that IBKR
//! has not carried it out.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ibkr_auth_async::{
    Error, ErrorKind, Phase, Snapshot, TransportError, TransportKind,
    core::{leaves_in_doubt, wire},
    flow::Flow,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    body::{Content, Flowing},
    clean,
    deadline::within,
    ear::below_api,
    pace::Later,
    reply::{self, Fate, Reply},
    seat::{Seat, Standing, now},
};

/// A request that only reads may take this long until its answer begins: IBKR gives up after 10 s itself,
/// and long reports come in pieces.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// A body of IBKR's, or of a client's, that stands still for so long is given up.
pub(crate) const STALLED: Duration = Duration::from_secs(60);
/// An answer that may say that the session is lost is short.
const LONGEST_COMPLAINT: usize = 4 * 1024;
/// An answer to what changes something is short, too, and a client has it whole, or learns that it broke off.
const LONGEST_HELD: usize = 64 * 1024;
/// What has not left is tried again after this.
const SHORTLY: Duration = Duration::from_millis(200);
/// What changes something is not sent when less than this part of its time is left: it would end in doubt.
const LEAST_PART: u32 = 8;

/// A request on its way to IBKR.
pub(crate) struct Exchange {
    seat: Arc<Seat>,
    parts: Parts,
    begin: Instant,
}

/// What came of one try.
enum Try {
    Done(Reply),
    /// It was not carried out, for certain: this is what to say if it is not tried again.
    NotExecuted(Reply),
}

impl Exchange {
    /// `parts` is below `/v1/api`.
    pub(crate) fn new(seat: Arc<Seat>, mut parts: Parts, begin: Instant) -> Self {
        clean::request(&mut parts.headers);
        if !parts.method.is_safe() || is_brokerage(&parts) {
            // A complaint that the session is lost has to be read. What is large is elsewhere.
            parts.headers.remove(ACCEPT_ENCODING);
        }
        Self { seat, parts, begin }
    }

    /// Until its end. Whoever drops this gives up a request that may be executed.
    pub(crate) async fn run(self, upload: Content) -> Reply {
        let spare = upload.again();
        let first = match self.attempt(upload).await {
            Try::Done(reply) => return reply,
            Try::NotExecuted(reply) => reply,
        };
        // A session that is left to another login is not healed for a request.
        let may_heal = !self.left().is_zero() && self.seat.handle.phase() != Phase::Yielded;
        let Some(spare) = spare.filter(|_| may_heal) else { return first };
        self.seat.journal.counts.again.fetch_add(1, Ordering::Relaxed);
        self.seat.look(self.wait_until().max(Instant::now() + SHORTLY)).await;
        match self.attempt(spare).await {
            Try::Done(reply) | Try::NotExecuted(reply) => reply,
        }
    }

    async fn attempt(&self, upload: Content) -> Try {
        let snapshot = match self.session().await {
            Ok(snapshot) => snapshot,
            Err(reply) => return Try::Done(reply),
        };
        if is_brokerage(&self.parts) {
            // IBKR says best what it does not do without.
            let _ = timeout_at(self.wait_until().max(Instant::now() + SHORTLY), self.seat.prepare()).await;
        }
        if let Err(reply) = self.turn().await {
            return Try::Done(reply);
        }
        let mut request = match self.authorized(&snapshot, upload) {
            Ok(request) => request,
            Err(error) if error.kind() == ErrorKind::NotConnected => return Try::Done(none(&snapshot)),
            Err(error) => {
                let message = format!("Bad Request: {}: {}", error.message(), error.help());
                return Try::Done(reply::not_sent(StatusCode::BAD_REQUEST, &message));
            }
        };
        let Some(limit) = self.limit() else { return self.unanswered(&no_time()) };
        let progress = request.body().progress();
        progress.note(Instant::now());
        let taken = Flow::taken(&mut request);
        match within(limit, &progress, self.seat.flow.send(request)).await {
            Some(Ok(answer)) => self.answered(answer).await,
            Some(Err(failure)) => self.unanswered(&failure),
            None if !taken.is_taken() => self.unanswered(&no_time()),
            None => {
                self.seat.flow.doubt();
                self.unanswered(&TransportError::timeout_after(limit))
            }
        }
    }

    /// How long IBKR's answer is waited for; `None` when there is no time left to send.
    fn limit(&self) -> Option<Duration> {
        if self.is_safe() {
            return Some(READ_WITHIN);
        }
        let left = self.left();
        (left >= self.seat.settings().answer_within / LEAST_PART).then_some(left)
    }

    /// The session, as soon as there is one.
    async fn session(&self) -> Result<Snapshot, Reply> {
        let snapshot = match self.seat.standing() {
            Standing::Good(snapshot) => return Ok(snapshot),
            Standing::Silent(left) => return Err(silent(left)),
            Standing::None(snapshot) => return Err(none(&snapshot)),
            Standing::Soon(snapshot) => snapshot,
        };
        let Ok(_place) = self.seat.waiting.try_acquire() else {
            return Err(reply::later(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable: too many requests wait for the session",
                2,
            ));
        };
        let held = self.seat.journal.counts.hold();
        let left = self.wait_until().saturating_duration_since(Instant::now());
        let outcome = self.seat.handle.ready(left).await;
        drop(held);
        match (outcome, self.seat.standing()) {
            (_, Standing::Good(snapshot)) => Ok(snapshot),
            (_, Standing::Silent(left)) => Err(silent(left)),
            // IBKR says best what it does not do without a brokerage session.
            (_, Standing::Soon(now)) if now.authorization().is_some() => Ok(now),
            _ => Err(none(&snapshot)),
        }
    }

    async fn turn(&self) -> Result<(), Reply> {
        let path = below_api(self.parts.uri.path());
        let most = self.wait_until().saturating_duration_since(Instant::now());
        match self.seat.pace.turn(&self.parts.method, path, Instant::now(), most) {
            Ok(at) => {
                if at > Instant::now() {
                    sleep_until(at).await;
                }
                Ok(())
            }
            Err(Later(wait)) => {
                self.seat.journal.counts.refused.fetch_add(1, Ordering::Relaxed);
                let seconds = wait.as_secs_f64().ceil() as u64;
                Err(reply::later(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", seconds))
            }
        }
    }

    fn authorized(&self, snapshot: &Snapshot, upload: Content) -> Result<Request<Content>, Error> {
        let parts = self.parts.clone();
        let mut parts = match self.is_beyond() {
            true => snapshot.authorize_beyond(parts, now())?,
            false => {
                let form = match (&upload, snapshot.signs_body(&parts.headers)) {
                    (_, false) => Bytes::new(),
                    (Content::Whole(bytes), true) => bytes.clone(),
                    (Content::Flowing(_), true) => return Err(unsigned_form()),
                };
                snapshot.authorize_head(parts, &form, now())?
            }
        };
        if let Content::Whole(bytes) = &upload
            && (parts.method != Method::GET && parts.method != Method::HEAD || !bytes.is_empty())
        {
            parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
        }
        Ok(Request::from_parts(parts, upload))
    }

    async fn answered(&self, answer: Response<Incoming>) -> Try {
        let (mut parts, mut body) = answer.into_parts();
        if parts.status.is_informational() {
            // Whoever has not asked for another protocol cannot use one.
            return self.unanswered(&broken("the answer is for another protocol"));
        }
        clean::response(&mut parts.headers);
        let is_complaint = matches!(parts.status.as_u16(), 400 | 401 | 410 | 429);
        let (most, patience) = match self.is_safe() {
            // Half an order's answer says no more of it than none, and its client waits no longer for it.
            false => (LONGEST_HELD, self.left().max(SHORTLY)),
            true if is_complaint => (LONGEST_COMPLAINT, STALLED),
            true => (0, STALLED),
        };
        let until = Instant::now() + patience;
        let mut held = BytesMut::new();
        while held.len() < most {
            match timeout_at(until, body.frame()).await {
                Ok(Some(Ok(frame))) => held.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
                Ok(Some(Err(_))) => return self.unanswered(&broken("the answer broke off")),
                Err(_) => return self.unanswered(&TransportError::timeout_after(patience)),
                Ok(None) => {
                    self.count(parts.status);
                    let whole = Response::from_parts(parts, held.to_vec());
                    return if is_complaint {
                        self.complained(whole)
                    } else {
                        Try::Done(whole.map(Content::from))
                    };
                }
            }
        }
        self.count(parts.status);
        Try::Done(Response::from_parts(parts, flowing(held.freeze(), body)))
    }

    fn count(&self, status: StatusCode) {
        let counts = &self.seat.journal.counts;
        counts.answered.fetch_add(1, Ordering::Relaxed);
        if leaves_in_doubt(&self.parts.method, status) {
            counts.in_doubt.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// IBKR has refused this, perhaps because the session is lost, or has just become another one.
    fn complained(&self, whole: Response<Vec<u8>>) -> Try {
        if let Some(pause) = wire::pause_asked(&whole) {
            let path = below_api(self.parts.uri.path());
            self.seat.pace.pause(&self.parts.method, path, pause, Instant::now());
        }
        // The access token is not renewed for a request: what is wrong with it is told.
        let may_heal = !self.is_beyond();
        let is_lost = may_heal
            && (wire::lost_session(&whole).is_some()
                || wire::refused_for_its_time(&whole)
                || wants_accounts(&whole));
        let reply = whole.map(Content::from);
        if is_lost { Try::NotExecuted(reply) } else { Try::Done(reply) }
    }

    fn unanswered(&self, failure: &TransportError) -> Try {
        let counts = &self.seat.journal.counts;
        let is_timeout = failure.kind() == TransportKind::Timeout;
        let status = if is_timeout { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
        if !failure.kind().may_have_been_sent() {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            return Try::NotExecuted(reply::unanswered(status, Fate::NotSent, &failure.to_string()));
        }
        if self.is_safe() {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            let message = format!("IBKR has not answered: {failure}");
            let reply = reply::error(status, &message);
            // To read twice harms nobody.
            return if is_timeout { Try::Done(reply) } else { Try::NotExecuted(reply) };
        }
        counts.in_doubt.fetch_add(1, Ordering::Relaxed);
        Try::Done(reply::unanswered(status, Fate::Unknown, &failure.to_string()))
    }

    /// Account management, which takes another token.
    fn is_beyond(&self) -> bool {
        !self.parts.uri.path().starts_with("/v1/api/")
    }

    fn is_safe(&self) -> bool {
        self.parts.method.is_safe()
    }

    /// What is left of the time after which clients lose patience, and send again by themselves.
    fn left(&self) -> Duration {
        (self.begin + self.seat.settings().answer_within).saturating_duration_since(Instant::now())
    }

    fn wait_until(&self) -> Instant {
        self.begin + self.seat.settings().wait
    }
}

fn is_brokerage(parts: &Parts) -> bool {
    parts.uri.path().starts_with("/v1/api/iserver/")
}

/// A brokerage session that was opened a moment ago, whose accounts are about to be asked for.
fn wants_accounts(refusal: &Response<Vec<u8>>) -> bool {
    refusal.status() == StatusCode::BAD_REQUEST
        && String::from_utf8_lossy(refusal.body()).contains("Please query /accounts first")
}

/// OAuth 1.0a signs a form with its request, and so it has to be there before.
fn unsigned_form() -> Error {
    Error::config("a form as large as this cannot be signed", "send it as JSON")
}

fn flowing(begin: Bytes, rest: Incoming) -> Content {
    Content::Flowing(Flowing::new(begin, rest, STALLED))
}

fn broken(what: &str) -> TransportError {
    TransportError::new(TransportKind::Broken, what)
}

fn no_time() -> TransportError {
    TransportError::new(TransportKind::Connect, "no session and connection in time")
}

fn silent(left: Duration) -> Reply {
    reply::later(
        StatusCode::TOO_MANY_REQUESTS,
        "Too Many Requests: IBKR has asked for a pause",
        left.as_secs() + 1,
    )
}

pub(crate) fn none(snapshot: &Snapshot) -> Reply {
    let reason = match snapshot.stopped_by() {
        Some(error) => format!("{}, because {error}", snapshot.phase()),
        None => snapshot.phase().to_string(),
    };
    reply::no_session(&reason)
}

/// Whether a body of this kind belongs to a request: `Content-Type` goes on as it came.
pub(crate) fn json_type() -> (http::HeaderName, HeaderValue) {
    (CONTENT_TYPE, HeaderValue::from_static("application/json"))
}
