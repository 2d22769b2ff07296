//! A WebSocket of IBKR's.

use std::time::Duration;

use http::{StatusCode, Uri, header, uri::Scheme};
use hyper::upgrade;
use ibkr_auth_async::{Authorization, Secret, SessionMark, core::stream};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{LONGEST_MESSAGE, Socket, socket};
use crate::{body::Content, seat::Seat};

const OPEN_WITHIN: Duration = Duration::from_secs(15);

/// One that is open.
pub(super) struct Opened {
    pub(super) socket: Socket,
    /// What it may ask for once more.
    pub(super) session_id: Option<Secret>,
    /// For which session it was opened.
    pub(super) mark: Option<SessionMark>,
}

impl Opened {
    /// Whether it is of the session before the last login.
    pub(super) fn is_of_before(mark: Option<SessionMark>, seat: &Seat) -> bool {
        let now = seat.handle.snapshot().authorization().map(Authorization::mark);
        now.is_some() && now != mark
    }
}

/// Opens one. `None` when there is no session for it, or IBKR does not open it now; why is in the log.
pub(super) async fn open(seat: &Seat) -> Option<Opened> {
    match timeout(OPEN_WITHIN, opened(seat)).await {
        Ok(Ok(open)) => Some(open),
        Ok(Err(why)) => {
            tracing::warn!("IBKR's stream cannot be opened: {why}");
            None
        }
        Err(_) => {
            tracing::warn!("IBKR's stream cannot be opened: no answer within {OPEN_WITHIN:?}");
            None
        }
    }
}

async fn opened(seat: &Seat) -> Result<Opened, String> {
    // IBKR wants the session id, which a tickle brings.
    seat.first_tickle().await;
    // And market data are for whoever has asked for its accounts.
    seat.prepare().await;
    let snapshot = seat.handle.snapshot();
    let mark = snapshot.authorization().map(Authorization::mark);
    let upgrade =
        stream::nonce().and_then(|nonce| snapshot.websocket(nonce)).map_err(|error| error.to_string())?;
    let session_id = upgrade.session_id().cloned();
    let (mut parts, ()) = upgrade.into_request().into_parts();
    parts.uri = over_http(parts.uri).ok_or("its address cannot be used")?;
    parts.headers.remove(header::HOST);
    let turn = seat.pace.turn(&parts.method, "/ws", Instant::now(), OPEN_WITHIN);
    sleep_until(turn.map_err(|later| format!("too many requests: again in {:?}", later.0))?).await;
    let request = http::Request::from_parts(parts, Content::Whole(Default::default()));
    let mut answer = seat.flow.send(request).await.map_err(|failure| failure.to_string())?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        seat.handle.check();
        return Err(format!("IBKR answered {}", answer.status()));
    }
    let upgraded = upgrade::on(&mut answer).await.map_err(|error| error.to_string())?;
    let socket = socket(upgraded, Role::Client, LONGEST_MESSAGE).await;
    Ok(Opened { socket, session_id, mark })
}

/// For an HTTP client a WebSocket begins as a request like any other.
fn over_http(uri: Uri) -> Option<Uri> {
    let mut parts = uri.into_parts();
    let is_plain = parts.scheme.as_ref().is_some_and(|scheme| scheme.as_str() == "ws");
    parts.scheme = Some(if is_plain { Scheme::HTTP } else { Scheme::HTTPS });
    Uri::from_parts(parts).ok()
}
