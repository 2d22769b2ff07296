//! The HTTPS port and the plain look-up port: bytes in, `Sim`, bytes out.

use std::{
    convert::Infallible,
    future::pending,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, service::service_fn};
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, rustls::server::Acceptor};

use super::{
    Event,
    body::Body,
    delay::delayed,
    keep_alive::{self, Course},
    line::{Cut, Line, Stream, farewell},
    shared::Shared,
    ws::Opened,
};
use crate::{LOOKUP_HOSTS, Manner, Reply, Stage};

/// Larger requests than this are cut off.
const LARGEST_REQUEST: usize = 1 << 20;

/// A connection to the HTTPS port.
pub(super) async fn api(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let (stream, cut) = network(&shared, stream);
    let Some(stream) = taken(&shared, "localhost", stream, &cut).await else { return };
    if shared.plain {
        http(shared, stream, cut, peer.ip(), false).await;
    } else {
        tls(shared, stream, cut, peer.ip()).await;
    }
}

/// A connection to the plain look-up port.
pub(super) async fn lookup(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let (stream, cut) = network(&shared, stream);
    let Some(stream) = taken(&shared, LOOKUP_HOSTS[0], stream, &cut).await else { return };
    http(shared, stream, cut, peer.ip(), true).await;
}

/// The far end of a connection through the simulated network.
fn network(shared: &Shared, stream: TcpStream) -> (Box<dyn Stream>, Cut) {
    shared.connections().tcp += 1;
    let cut = Cut::default();
    let delay = shared.one_way_delay;
    (delayed(Line::new(stream, cut.clone()), delay, 2 * delay, cut.clone()), cut)
}

/// A connection that was taken, unless a fault is the end of it.
pub(super) async fn taken<S: Stream>(shared: &Shared, host: &str, stream: S, cut: &Cut) -> Option<S> {
    match shared.reaches(Stage::Tcp, host).await {
        Manner::Hang => pending().await,
        Manner::Reset => {
            cut.cut();
            None
        }
        Manner::Close => {
            farewell(stream).await;
            None
        }
        _ => Some(stream),
    }
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
        match shared.reaches(Stage::Tls, host.as_deref().unwrap_or("")).await {
            Manner::Hang => pending().await,
            Manner::Reset => {
                cut.cut();
                return Ok(None);
            }
            Manner::Close => return Ok(None),
            _ => {}
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
    let (course, events) = keep_alive::course();
    let scissors = cut.clone();
    let serving = Arc::clone(&shared);
    let service = service_fn(move |request| {
        let (shared, cut, course) = (Arc::clone(&serving), scissors.clone(), course.clone());
        async move { Ok::<_, Infallible>(answer(&shared, request, &cut, &course, ip, lookup).await) }
    });
    tokio::select! {
        () = keep_alive::serve(&shared, stream, service, events, &cut) => {}
        () = cut.happened() => {}
    }
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    cut: &Cut,
    course: &Course,
    ip: IpAddr,
    lookup: bool,
) -> Response<Body> {
    course.asked();
    let (mut parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        cut.cut();
        return pending().await;
    };
    if lookup {
        parts.uri = looked_up(&parts.uri);
    }
    let reply = shared.ask(ip, &Request::from_parts(parts, body.to_bytes().to_vec()));
    let socket = reply.socket.map(|id| Opened::new(shared, id));
    deliver(reply, socket, cut, course).await
}

/// The plain port stands for the service that the path begins with, else for the first one, whatever `Host`
/// says.
fn looked_up(uri: &http::Uri) -> http::Uri {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let named = LOOKUP_HOSTS.iter().find_map(|host| {
        let rest = path.strip_prefix('/')?.strip_prefix(host)?;
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((*host, rest))
    });
    let (host, path) = named.unwrap_or((LOOKUP_HOSTS[0], path));
    format!("http://{host}{path}").parse().unwrap_or_default()
}

async fn deliver(reply: Reply, socket: Option<Opened>, cut: &Cut, course: &Course) -> Response<Body> {
    tokio::time::sleep(reply.delivery.delay).await;
    match reply.delivery.manner {
        Manner::Hang => pending().await,
        Manner::Reset => {
            cut.cut();
            pending().await
        }
        Manner::Close => {
            course.close();
            pending().await
        }
        manner => {
            if let Some(socket) = socket {
                course.upgraded(socket, reply.delivery.closes_after);
            }
            let end = course.answering(reply.delivery.closes_after);
            reply.response.map(|bytes| Body::new(bytes, manner, end))
        }
    }
}
