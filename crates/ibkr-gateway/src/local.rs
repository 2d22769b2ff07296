//! What the gateway answers by itself, as IBKR's own gateway does or as its clients need it.

use std::{sync::Arc, time::SystemTime};

use http::{Method, StatusCode, request::Parts, uri::PathAndQuery};
use ibkr_auth_async::{OnLogout, Phase, Snapshot, request};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    body::Content,
    exchange::{Exchange, none},
    journal::Level,
    reply::{self, Reply},
    route::{Local, PAGE},
    seat::{Seat, Standing, now},
};

/// The original says so to a browser once it is logged in, and programs look for it.
const LOGGED_IN: &str = "Client login succeeds";

pub(crate) async fn answer(
    seat: &Arc<Seat>,
    what: Local,
    parts: Parts,
    upload: Content,
    begin: Instant,
) -> Reply {
    let reply = match what {
        Local::Tickle => tickle(seat, begin).await,
        Local::ValidateSso => validate_sso(seat, begin).await,
        Local::SsodhInit => return ssodh_init(seat, parts, upload, begin).await,
        Local::Reauthenticate => reauthenticate(seat).await,
        Local::Logout => logout(seat).await,
        Local::SsoLogin => reply::found(&format!("{}{PAGE}/", seat.settings().prefix)),
        Local::SsoDispatcher => reply::text(StatusCode::OK, dispatcher(seat)),
        Local::SsoPing => reply::json(StatusCode::OK, &json!({ "result": "true" })),
        Local::Healthz | Local::Readyz => probe(seat, what),
        Local::Root | Local::Metrics => reply::error(StatusCode::NOT_FOUND, "Not Found"),
    };
    if !reply.status().is_client_error() && !reply.status().is_server_error() {
        seat.journal.count_local();
    }
    reply
}

/// For whoever looks after processes: alive, and ready.
pub(crate) fn probe(seat: &Seat, what: Local) -> Reply {
    match what {
        Local::Readyz if seat.handle.phase() != Phase::Connected => {
            reply::text(StatusCode::SERVICE_UNAVAILABLE, "Not Ready")
        }
        _ => reply::text(StatusCode::OK, "OK"),
    }
}

/// From the session's own tickles: those of all clients together would be too many for IBKR.
async fn tickle(seat: &Seat, begin: Instant) -> Reply {
    if let Err(reply) = good(seat, begin).await {
        return reply;
    }
    seat.first_tickle().await;
    let snapshot = seat.handle.snapshot();
    match seat.ear.tickle(snapshot.bearer_ends()) {
        Some(tickle) => reply::json(StatusCode::OK, &tickle),
        None => none(&snapshot),
    }
}

/// IBKR's own answer, which all who ask within a minute share.
async fn validate_sso(seat: &Seat, begin: Instant) -> Reply {
    if let Err(reply) = good(seat, begin).await {
        return reply;
    }
    let snapshot = seat.handle.snapshot();
    if snapshot.config().login().oauth1().is_some() {
        return known_of_sso(seat, &snapshot);
    }
    let Ok(request) =
        request::get("/v1/api/sso/validate").and_then(|request| snapshot.authorize(request, now()))
    else {
        return none(&snapshot);
    };
    match seat.ear.send(request, seat.settings().answer_within).await {
        Ok(answer) => {
            let (mut parts, body) = answer.into_parts();
            crate::clean::response(&mut parts.headers);
            Reply::from_parts(parts, Content::from(body))
        }
        Err(failure) => reply::error(StatusCode::BAD_GATEWAY, &format!("IBKR has not answered: {failure}")),
    }
}

/// What IBKR does not tell who logs in by OAuth 1.0a, as far as it is known.
fn known_of_sso(seat: &Seat, snapshot: &Snapshot) -> Reply {
    let left = snapshot.bearer_ends().and_then(|ends| ends.duration_since(SystemTime::now()).ok());
    let user = seat.ear.tickle(None).and_then(|tickle| tickle.get("userId").cloned());
    reply::json(
        StatusCode::OK,
        &json!({
            "RESULT": true,
            "USER_ID": user.unwrap_or_else(|| json!(0)),
            "USER_NAME": snapshot.config().login().user(),
            "EXPIRES": left.map_or(0, |left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        }),
    )
}

/// The client asks for the brokerage session, in its own words: IBKR hears them while there is a session to
/// ask with. One that another client has ended comes back.
async fn ssodh_init(seat: &Arc<Seat>, mut parts: Parts, upload: Content, begin: Instant) -> Reply {
    let was_paused = seat.handle.phase() == Phase::Paused;
    seat.wake().await;
    if was_paused || seat.settings().read_only {
        return match good(seat, begin).await {
            Ok(()) => match seat.ear.auth_status() {
                Some(status) => {
                    seat.journal.count_local();
                    reply::json(StatusCode::OK, &status)
                }
                None => none(&seat.handle.snapshot()),
            },
            Err(reply) => reply,
        };
    }
    parts.uri = PathAndQuery::from_static("/v1/api/iserver/auth/ssodh/init").into();
    parts.method = Method::POST;
    let (parts, upload) = with_default_body(parts, upload);
    let reply = Exchange::new(Arc::clone(seat), parts, begin).run(upload).await;
    seat.handle.check();
    reply
}

/// ibeam sends none, and means what the original sends.
fn with_default_body(mut parts: Parts, upload: Content) -> (Parts, Content) {
    match upload {
        Content::Whole(bytes) if bytes.is_empty() => {
            let (name, kind) = crate::exchange::json_type();
            parts.headers.insert(name, kind);
            (parts, Content::Whole(r#"{"publish":true,"compete":false}"#.into()))
        }
        upload => (parts, upload),
    }
}

/// The session looks after itself: it looks at once. It takes nothing from another login.
async fn reauthenticate(seat: &Seat) -> Reply {
    match seat.handle.phase() {
        Phase::Paused => seat.wake().await,
        Phase::Yielded => seat.handle.ask_again(),
        _ => seat.handle.check(),
    }
    reply::json(StatusCode::OK, &json!({ "message": "triggered" }))
}

async fn logout(seat: &Seat) -> Reply {
    if seat.settings().read_only {
        return reply::error(StatusCode::FORBIDDEN, "Forbidden: this gateway is read-only");
    }
    if let Standing::None(snapshot) = seat.standing() {
        return none(&snapshot);
    }
    match seat.settings().on_logout {
        OnLogout::Pause => {
            seat.journal.say(Level::Warning, "a client has logged out: the session is ended for all");
            seat.sleep().await;
        }
        OnLogout::Ignore => seat.journal.say(Level::Info, "a client has logged out, which ends nothing here"),
    }
    reply::json(StatusCode::OK, &json!({ "status": true }))
}

fn dispatcher(seat: &Seat) -> &'static str {
    match seat.standing() {
        Standing::Good(_) => LOGGED_IN,
        _ => "There is no session yet; the gateway logs in by itself",
    }
}

/// Waits for the session as any request does.
async fn good(seat: &Seat, begin: Instant) -> Result<(), Reply> {
    if let Standing::Soon(_) = seat.standing() {
        let until = begin + seat.settings().wait;
        // What came of it is asked for below.
        let _ = seat.handle.ready(until.saturating_duration_since(Instant::now())).await;
    }
    match seat.standing() {
        Standing::Good(_) => Ok(()),
        Standing::Soon(snapshot) | Standing::None(snapshot) => Err(none(&snapshot)),
        Standing::Silent(left) => Err(reply::later(
            StatusCode::TOO_MANY_REQUESTS,
            "Too Many Requests: IBKR has asked for a pause",
            left.as_secs() + 1,
        )),
    }
}
