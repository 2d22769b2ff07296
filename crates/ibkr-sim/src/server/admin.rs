//! The admin port: JSON over plain HTTP, on loopback.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{handle::Handle, shared::Shared};
use crate::{Entry, Fault, HostState, SocketEnd, host};

const INDEX: &str = "\
ibkr-sim, admin port

GET    /state      clock, scale, address, faults, willingness to log in
GET    /counters   requests, answers, refusals, logins, orders, connections
GET    /orders     the orders that were executed, and how often each was
GET    /requests   the last requests, with the reasons of refusals
GET    /rules      what the servers check and how long things live
POST   /rules      {\"bearer_life\":\"10m\",\"gzip\":false}: set some of them
POST   /faults     add faults: one rule, an array, or a rule on each line
                   {\"on\":\"tickle\",\"calls\":\"2..4\",\"do\":{\"status\":503}}
DELETE /faults     remove all faults
POST   /time       {\"step_s\":3600} and/or {\"scale\":60}; 0 stops the clock
POST   /ip         {\"ip\":\"198.51.100.9\"}: where callers from loopback are seen
POST   /host       {\"host\":\"2.api.ibkr.com\",\"state\":\"gone\"}; unavailable, refuse, null
POST   /kick       {} or {\"credential\":\"name\"}: another login takes the brokerage session
POST   /release    the other login goes away
GET    /sockets    WebSockets: open, opened, what clients sent, what came too early
POST   /sockets    {\"end\":\"reset\"}, {\"end\":\"silence\"}, {\"end\":{\"close\":1001}}: end all
                   {\"push\":{\"topic\":\"ntf\",\"args\":[]}}: say this on all
POST   /restart    forget every token and session
";

/// A connection to the admin port.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, _: SocketAddr) {
    let handle = Handle::new(shared);
    let service = service_fn(move |request| {
        let handle = handle.clone();
        async move { Ok::<_, Infallible>(answer(&handle, request).await) }
    });
    // A client that leaves is no error.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(handle: &Handle, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    // A page of some website must not steer or read the simulator through its reader's browser, not even
    // under a name of the website's own that leads here.
    if parts.headers.contains_key(header::ORIGIN) || !is_local(&parts) {
        return respond(StatusCode::FORBIDDEN, "text/plain", "not for browsers\n".into());
    }
    let Ok(body) = Limited::new(body, 1 << 20).collect().await else {
        return respond(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large\n".into());
    };
    let body = body.to_bytes();
    if (&parts.method, parts.uri.path()) == (&Method::GET, "/") {
        return respond(StatusCode::OK, "text/plain;charset=utf-8", INDEX.into());
    }
    match act(handle, &parts.method, parts.uri.path(), &body) {
        Ok(Some(value)) => json_response(StatusCode::OK, &value),
        Ok(None) => json_response(StatusCode::NOT_FOUND, &json!({ "error": "see GET /" })),
        Err(error) => json_response(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
    }
}

/// Whether the request is for this machine by a name that cannot be somebody else's.
fn is_local(parts: &Parts) -> bool {
    host::of(&parts.uri, &parts.headers).is_some_and(|host| host::is_loopback(&host))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    step_s: Option<f64>,
    scale: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ip {
    ip: std::net::IpAddr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    host: String,
    state: Option<HostState>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Kick {
    credential: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sockets {
    push: Option<Value>,
    end: Option<SocketEnd>,
}

/// Does what is asked for and returns what there is to say; `None` for an unknown path.
fn act(
    handle: &Handle,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Option<Value>, serde_json::Error> {
    match (method.as_str(), path) {
        ("GET", "/state") => {}
        ("GET", "/counters") => {
            return to_value(&json!({ "sim": handle.counters(), "connections": handle.connections() }));
        }
        ("GET", "/orders") => return to_value(&handle.orders()),
        ("GET", "/requests") => return to_value::<Vec<Entry>>(&handle.requests()),
        ("GET", "/sockets") => return to_value(&handle.sockets()),
        ("GET", "/rules") => return to_value(&handle.rules().list()),
        ("POST", "/rules") => {
            set_rules(handle, body)?;
            return to_value(&handle.rules().list());
        }
        ("POST", "/faults") => {
            handle.fault(std::str::from_utf8(body).map_err(serde::de::Error::custom)?)?;
        }
        ("DELETE", "/faults") => handle.clear_faults(),
        ("POST", "/time") => {
            let time: Time = serde_json::from_slice(body)?;
            if let Some(scale) = time.scale {
                handle.set_scale(scale);
            }
            // A float too large for the clock saturates.
            handle.step_millis((time.step_s.unwrap_or(0.0) * 1000.0) as i64);
        }
        ("POST", "/ip") => handle.set_ip(serde_json::from_slice::<Ip>(body)?.ip),
        ("POST", "/host") => {
            let Host { host, state } = serde_json::from_slice(body)?;
            handle.set_host(&host, state);
        }
        ("POST", "/kick") => {
            let kick: Kick = if body.is_empty() { Kick::default() } else { serde_json::from_slice(body)? };
            handle.kick(kick.credential.as_deref());
        }
        ("POST", "/sockets") => {
            let Sockets { push, end } = serde_json::from_slice(body)?;
            push.iter().for_each(|frame| handle.push(frame));
            end.into_iter().for_each(|end| handle.end_sockets(end));
            return to_value(&handle.sockets());
        }
        ("POST", "/release") => handle.with(crate::Sim::release),
        ("POST", "/restart") => handle.restart(),
        _ => return Ok(None),
    }
    to_value(&state(handle))
}

/// All or none.
fn set_rules(handle: &Handle, body: &[u8]) -> Result<(), serde_json::Error> {
    let settings: BTreeMap<String, Value> = serde_json::from_slice(body)?;
    handle.with(|sim| {
        let mut rules = sim.config().rules.clone();
        for (name, value) in &settings {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            rules.set(name, &text).map_err(serde::de::Error::custom)?;
        }
        sim.config_mut().rules = rules;
        Ok(())
    })
}

fn state(handle: &Handle) -> Value {
    let now = handle.now();
    let scale = handle.scale();
    handle.with(|sim| {
        json!({
            "now": now.http_date(),
            "now_ms": now,
            "scale": scale,
            "up": sim.config().calendar.is_up(now),
            "ip": sim.config().public_ip,
            "hosts": sim.hosts,
            "sessions": sim.store.sessions.len(),
            "faults": sim.faults().collect::<Vec<&Fault>>(),
        })
    })
}

fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Option<Value>, serde_json::Error> {
    serde_json::to_value(value).map(Some)
}

fn json_response(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    respond(status, "application/json", format!("{value:#}\n").into())
}

fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
