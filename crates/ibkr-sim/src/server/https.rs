//! The HTTPS port and the plain look-up port: bytes in, heart, bytes out.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, rustls::server::Acceptor};

use super::{
    Event,
    body::Body,
    delay::delayed,
    line::{Cut, Line, Stream},
    shared::Shared,
};
use crate::{Manner, Reply};

/// Larger requests than this are cut off.
const LARGEST_REQUEST: usize = 1 << 20;

/// A connection to the HTTPS port.
pub(super) async fn api(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let (stream, cut) = network(&shared, stream);
    tls(shared, stream, cut, peer.ip()).await;
}

/// A connection to the plain look-up port.
pub(super) async fn lookup(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let (stream, cut) = network(&shared, stream);
    http(shared, stream, cut, peer.ip(), true).await;
}

/// The far end of a connection through the simulated network.
fn network(shared: &Shared, stream: TcpStream) -> (Box<dyn Stream>, Cut) {
    shared.connections().tcp += 1;
    let cut = Cut::default();
    let delay = shared.one_way_delay;
    (delayed(Line::new(stream, cut.clone()), delay, 2 * delay, cut.clone()), cut)
}

/// TLS, then HTTP, on a connection that came in directly or through the proxy.
pub(super) async fn tls(shared: Arc<Shared>, stream: Box<dyn Stream>, cut: Cut, ip: IpAddr) {
    let accepted = async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let host = hello.client_hello().server_name().map(str::to_ascii_lowercase);
        if host.as_deref().is_some_and(|host| shared.sim().refuses(host)) {
            cut.cut();
            return Ok(None);
        }
        let stream = hello.into_stream(Arc::clone(&shared.tls)).await?;
        shared.count_handshake(host.as_deref(), stream.get_ref().1.handshake_kind());
        Ok::<_, std::io::Error>(Some(stream))
    };
    match accepted.await {
        Ok(Some(stream)) => http(shared, Box::new(stream), cut, ip, false).await,
        Ok(None) => {}
        Err(error) => {
            shared.connections().tls_failed += 1;
            shared.tell(Event::TlsFailed(&error.to_string()));
        }
    }
}

async fn http(shared: Arc<Shared>, stream: Box<dyn Stream>, cut: Cut, ip: IpAddr, lookup: bool) {
    let scissors = cut.clone();
    let service = service_fn(move |request| {
        let (shared, cut) = (Arc::clone(&shared), scissors.clone());
        async move { Ok::<_, Infallible>(answer(&shared, request, &cut, ip, lookup).await) }
    });
    // The heart sets the Date header by its own clock.
    let connection =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // How a client ends a connection is its own affair.
        _ = connection => {}
        () = cut.happened() => {}
    }
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
    cut: &Cut,
    ip: IpAddr,
    lookup: bool,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        cut.cut();
        return std::future::pending().await;
    };
    if lookup {
        // The plain port stands for the first of the look-up services, whatever `Host` says.
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("http://api.ipify.org{path}").parse().unwrap_or_default();
    }
    let reply = shared.ask(ip, &Request::from_parts(parts, body.to_bytes().to_vec()));
    deliver(reply, cut).await
}

async fn deliver(reply: Reply, cut: &Cut) -> Response<Body> {
    tokio::time::sleep(reply.delivery.delay).await;
    match reply.delivery.manner {
        Manner::Hang => std::future::pending().await,
        Manner::Reset => {
            cut.cut();
            std::future::pending().await
        }
        manner => reply.response.map(|bytes| Body::new(bytes, manner)),
    }
}
