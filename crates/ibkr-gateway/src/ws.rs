//! IBKR's stream for clients: a WebSocket each, with one of IBKR's behind it, or one of IBKR's for all.
//!
//! A client may send at once; IBKR drops what comes before it is ready, so it is held here. What goes to
//! clients is binary, as from IBKR's own gateway.

mod hub;
mod relay;
mod shared;
mod upstream;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use ibkr_auth_async::core::stream::Command;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    body::Content,
    exchange::none,
    line::Busy,
    reply::{self, Reply},
    seat::{Seat, Standing},
};

pub(crate) use shared::Shared;

/// A client's WebSocket, or IBKR's.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// So many streams a session has with IBKR at most, when each client has one of its own.
const MOST_STREAMS: usize = 32;
/// So many clients share one.
const MOST_SHARING: usize = 10_000;
/// A client's command is short.
const LONGEST_COMMAND: usize = 64 * 1024;
/// IBKR's histories are long.
const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;
/// Who is told that its stream ends has this long to say so too.
const FAREWELL_WITHIN: Duration = Duration::from_secs(3);
/// Buffers grow with what passes; an idle stream needs little, and a client hardly speaks.
const OF_IBKR: usize = 4 * 1024;
const OF_CLIENT: usize = 512;

/// Takes a client's WebSocket. `busy` keeps its connection from being taken for idle; when the gateway is
/// `ending` the client is told.
pub(crate) fn accept(
    seat: &Arc<Seat>,
    mut request: Request<Incoming>,
    peer: IpAddr,
    busy: Busy,
    mut ending: watch::Receiver<bool>,
) -> Reply {
    let key = match handshake(request.headers()) {
        Ok(key) => derive_accept_key(key.as_bytes()),
        Err(refused) => return refused,
    };
    if let Standing::None(snapshot) = seat.standing() {
        return none(&snapshot);
    }
    let most = if seat.settings().share_stream { MOST_SHARING } else { MOST_STREAMS };
    if usize::try_from(seat.journal.counts.streams()).unwrap_or(usize::MAX) >= most {
        let message = format!(
            "Service Unavailable: {most} streams are open; gateway_share_stream lets clients share one"
        );
        return reply::later(StatusCode::SERVICE_UNAVAILABLE, &message, 10);
    }
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let client = Client { seat: Arc::clone(seat), peer, agent: agent.unwrap_or_default().to_owned() };
    client.seat.journal.count_stream(peer, &client.agent, 1);
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _busy = busy;
        let client = client;
        if let Ok(upgraded) = upgrade.await {
            let mut socket = socket(upgraded, Role::Server, LONGEST_COMMAND).await;
            let is_ending = tokio::select! {
                () = client.serve(&mut socket) => false,
                _ = ending.wait_for(|ending| *ending) => true,
            };
            if is_ending {
                farewell(&mut socket, CloseCode::Away, "the gateway ends").await;
            }
        }
    });
    switching(&key)
}

/// A client while its stream is open.
struct Client {
    seat: Arc<Seat>,
    peer: IpAddr,
    agent: String,
}

impl Client {
    /// Until it leaves, or its stream ends.
    async fn serve(&self, socket: &mut Socket) {
        match self.seat.settings().share_stream {
            true => self.seat.shared.serve(&self.seat, socket).await,
            false => relay::run(&self.seat, socket).await,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.seat.journal.count_stream(self.peer, &self.agent, -1);
    }
}

/// The key of a handshake (RFC 6455, 4.2.1). Cookies of any kind, and none, are fine: the session is ours.
fn handshake(headers: &HeaderMap) -> Result<&HeaderValue, Reply> {
    let has = |name: header::HeaderName, token: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    if !(has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")) {
        let mut reply = reply::error(StatusCode::UPGRADE_REQUIRED, "Upgrade Required: this is a WebSocket");
        reply.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Err(reply);
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        let mut reply = reply::error(StatusCode::BAD_REQUEST, "Bad Request: the WebSocket's version is 13");
        reply.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(reply);
    }
    headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or_else(|| reply::error(StatusCode::BAD_REQUEST, "Bad Request: no Sec-WebSocket-Key"))
}

fn switching(accept: &str) -> Reply {
    let mut reply = Response::new(Content::empty());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    reply
}

async fn socket(upgraded: Upgraded, role: Role, longest: usize) -> Socket {
    let buffer = if role == Role::Server { OF_CLIENT } else { OF_IBKR };
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer)
        .write_buffer_size(0)
        .max_message_size(Some(longest))
        .max_frame_size(Some(longest));
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), role, Some(config)).await
}

/// A client's command; `None` for what is none.
fn command(message: &Message) -> Option<&str> {
    match message {
        Message::Text(text) => Some(text.as_str()),
        Message::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// What IBKR says, as its gateway passes it on.
fn passed_on(message: Message) -> Option<Message> {
    match message {
        Message::Text(text) => Some(Message::Binary(text.into())),
        Message::Binary(bytes) => Some(Message::Binary(bytes)),
        _ => None,
    }
}

fn frame(value: &serde_json::Value) -> Message {
    Message::Binary(Bytes::from(value.to_string()))
}

/// The stream to IBKR is lost, in IBKR's own words for it.
fn lost(message: &str) -> Message {
    frame(&json!({
        "topic": "sts",
        "args": { "authenticated": false, "connected": false, "competing": false, "message": message },
    }))
}

/// A command that was not taken, in IBKR's shape of an error.
fn refused(text: &str, why: &str) -> Message {
    let topic = text.split('+').next().unwrap_or_default().get(..3).unwrap_or_default();
    frame(&json!({ "topic": "error", "error": why, "code": 503, "about": topic }))
}

/// Whether a read-only session refuses this: no stream of IBKR's changes anything, but one can be exercised.
fn is_allowed(is_read_only: bool, text: &str) -> bool {
    let changes = matches!(Command::parse(text), Command::Other(other) if other.starts_with("inp"));
    !(is_read_only && changes)
}

/// Ends a client's stream, and says why.
async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
    code: CloseCode,
    reason: &'static str,
) {
    let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
    let saying = timeout(FAREWELL_WITHIN, client.send(close));
    if let Ok(Ok(())) = saying.await {
        ended(client).await;
    }
}

/// Hears a client out that ends its stream or was told so: what it said and nobody has read would destroy
/// our last word on its way.
async fn ended<S: AsyncRead + AsyncWrite + Unpin>(client: &mut WebSocketStream<S>) {
    let hearing = async { while let Some(Ok(_)) = client.next().await {} };
    // One that does not end is left.
    let _ = timeout(FAREWELL_WITHIN, hearing).await;
}
