//! A CONNECT proxy that leads to the simulator, so that programs with hard-coded hosts run unmodified.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{
    Event,
    delay::delayed,
    https,
    line::{Cut, Line},
    shared::Shared,
};
use crate::host;

/// A connection to the proxy port.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    shared.connections().tcp += 1;
    let cut = Cut::default();
    let line = Line::new(stream, cut.clone());
    let Some(line) = https::taken(&shared, "proxy", line, &cut).await else { return };
    let service = service_fn(move |request| {
        let (shared, cut) = (Arc::clone(&shared), cut.clone());
        async move { Ok::<_, Infallible>(connect(shared, request, cut, peer).await) }
    });
    // A client that leaves is no error.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(line), service).with_upgrades().await;
}

async fn connect(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    cut: Cut,
    peer: SocketAddr,
) -> Response<Full<Bytes>> {
    let host = match destination(&request) {
        Ok(host) => host,
        Err(reason) => {
            return refuse(&shared, StatusCode::FORBIDDEN, reason);
        }
    };
    // A real proxy connects before it answers, which costs a round trip.
    let delay = shared.one_way_delay;
    tokio::time::sleep(2 * delay).await;
    if shared.sim().refuses(&host) {
        return refuse(&shared, StatusCode::BAD_GATEWAY, format!("{host} refuses connections"));
    }
    shared.connections().tunnels += 1;
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            let stream = delayed(TokioIo::new(upgraded), delay, std::time::Duration::ZERO, cut.clone());
            https::tls(shared, stream, cut, peer.ip()).await;
        }
    });
    plain(StatusCode::OK, String::new())
}

/// The host of a tunnel that may be opened, or why none may.
fn destination(request: &Request<Incoming>) -> Result<String, String> {
    if request.method() != Method::CONNECT {
        return Err("This proxy takes CONNECT only".to_owned());
    }
    let host = request.uri().host().unwrap_or("").to_ascii_lowercase();
    let port = request.uri().port_u16();
    if host::all().any(|known| known == host) && port == Some(443) {
        return Ok(host);
    }
    Err(format!(
        "ibkr-sim stands for {} on port 443; it opens no tunnel to {}",
        host::all().collect::<Vec<_>>().join(", "),
        request.uri()
    ))
}

fn refuse(shared: &Shared, status: StatusCode, reason: String) -> Response<Full<Bytes>> {
    shared.connections().tunnels_refused += 1;
    shared.tell(Event::TunnelRefused(&reason));
    plain(status, reason + "\n")
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
