//! From a client's connection to its requests, and from each request to who answers it.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, StatusCode, header, request::Parts, uri::PathAndQuery};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    access::Access,
    beyond,
    body::Sending,
    exchange::Exchange,
    guard::Page as AllowedPage,
    line::{Busy, Line, Lines, Patient},
    local, metrics,
    observe::observed,
    page, receive,
    reply::{self, Reply},
    route::{Local, Page, Route, below},
    seat::Seat,
    tls::Certificate,
    ws,
};

const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// The original takes 8 KiB. What is longer is answered 431.
const LONGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;

/// A place where clients come in.
pub(crate) struct Door {
    /// Those with a longer prefix first.
    pub(crate) seats: Vec<Arc<Seat>>,
    /// All sessions of the process, for status pages.
    pub(crate) all: Arc<[Arc<Seat>]>,
    pub(crate) tls: Option<Certificate>,
    pub(crate) lines: Arc<Lines>,
}

impl Door {
    /// Takes connections until it is closed.
    pub(crate) async fn open(self: Arc<Self>, listener: TcpListener, closing: watch::Receiver<bool>) {
        let mut closed = closing.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = closed.wait_for(|closing| *closing) => return,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer, closing.clone()),
                Err(error) => {
                    tracing::warn!("no connection could be taken: {error}");
                    // Too many open files, or a caller that left: go on when it has passed.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, closing: watch::Receiver<bool>) {
        if !self.seats.iter().any(|seat| seat.guard().takes(peer.ip())) {
            tracing::warn!("a connection from {} was refused: it is not allowed", peer.ip());
            return;
        }
        let Some(line) = self.lines.enter() else {
            tracing::warn!("a connection from {} was refused: all others are at work", peer.ip());
            return;
        };
        // Answers are small; waiting to fill packets would be felt.
        let _ = stream.set_nodelay(true);
        let door = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = door.serve(stream, peer, line, closing).await {
                tracing::debug!("the connection from {} ended: {error}", peer.ip());
            }
        });
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        line: Arc<Line>,
        mut closing: watch::Receiver<bool>,
    ) -> io::Result<()> {
        match self.tls.as_ref().map(Certificate::acceptor) {
            None => self.http(stream, peer, line, closing).await,
            Some(tls) => {
                let stream = tokio::select! {
                    stream = timeout(HANDSHAKE_WITHIN, tls.accept(stream)) => stream??,
                    () = line.close.notified() => return Ok(()),
                    _ = closing.wait_for(|closing| *closing) => return Ok(()),
                };
                self.http(stream, peer, line, closing).await;
            }
        }
        Ok(())
    }

    async fn http(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        line: Arc<Line>,
        mut closing: watch::Receiver<bool>,
    ) {
        let stream = TokioIo::new(Patient::new(stream, Arc::clone(&line)));
        let (serving, ending) = (Arc::clone(&line), closing.clone());
        let service = service_fn(move |request| {
            let (door, busy, sending) = (Arc::clone(&self), serving.busy(), serving.busy());
            let ending = ending.clone();
            async move {
                // Whether it had a length too nobody knows any more: what follows may be part of it.
                let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
                let answer = |request| async move { door.answer(request, peer, busy, ending).await };
                let mut reply = observed(request, answer).await;
                if is_last {
                    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(reply.map(|answer| Sending::new(answer, sending)))
            }
        });
        let mut builder = http1::Builder::new();
        builder.max_header_size(LONGEST_HEAD).max_headers(MOST_HEADERS).half_close(true);
        builder.max_buf_size(LONGEST_HEAD);
        let connection = builder.serve_connection(stream, service).with_upgrades();
        tokio::pin!(connection);
        tokio::select! {
            // How a client ends a connection is its own affair.
            _ = &mut connection => return,
            // Nobody answers half a head.
            () = line.close.notified() => if line.is_in_a_head() { return },
            _ = closing.wait_for(|closing| *closing) => if line.is_in_a_head() { return },
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        busy: Busy,
        ending: watch::Receiver<bool>,
    ) -> Reply {
        let begin = Instant::now();
        let asked = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let found = self.seats.iter().find_map(|seat| Some((seat, below(&seat.settings().prefix, &asked)?)));
        let Some((seat, path)) = found else { return reply::error(StatusCode::NOT_FOUND, "Not Found") };
        if !seat.guard().takes(peer.ip()) {
            return reply::error(StatusCode::FORBIDDEN, "Access Denied");
        }
        let (mut parts, body) = request.into_parts();
        let route = Route::of(&parts.method, &path);
        if let Route::Local(probe @ (Local::Healthz | Local::Readyz)) = route {
            // It tells nothing, and who looks after containers calls it by its address, without credentials.
            return local::probe(seat, probe);
        }
        let page = match seat.guard().admit(&parts, &route, self.tls.is_some()) {
            Ok(page) => page,
            Err(refused) => {
                seat.journal.count_refused();
                return refused;
            }
        };
        if let (Some(page), true) = (&page, parts.method == Method::OPTIONS) {
            return page.preflight(&parts.headers);
        }
        let agent =
            parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        if !matches!(route, Route::Page(_)) {
            seat.journal.see(peer.ip(), agent);
        }
        parts.uri = path.into();
        if route == Route::Stream {
            return ws::accept(seat, Request::from_parts(parts, body), peer.ip(), busy, ending);
        }
        let mut reply = self.routed(seat, route, parts, body, peer, begin).await;
        if let Some(page) = page {
            AllowedPage::admit(&page, reply.headers_mut());
        }
        reply
    }

    async fn routed(
        &self,
        seat: &Arc<Seat>,
        route: Route,
        parts: Parts,
        body: Incoming,
        peer: SocketAddr,
        begin: Instant,
    ) -> Reply {
        // It would send back to the client what the gateway has added to its request.
        let is_echo = parts.method == Method::TRACE;
        if is_echo || matches!(route, Route::Local(what) if !what.takes(&parts.method)) {
            return reply::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        }
        match route {
            Route::Page(what) => return page::answer(seat, &self.all, what, &parts),
            Route::Local(Local::Root) => {
                return page::answer(seat, &self.all, Page::Html, &parts);
            }
            Route::Local(Local::Metrics) => return metrics::answer(&self.all, &self.lines),
            Route::Unknown | Route::Stream => {
                return reply::error(StatusCode::NOT_FOUND, "Not Found");
            }
            Route::Ambiguous => {
                return reply::error(
                    StatusCode::BAD_REQUEST,
                    "Bad Request: the path means different things to different servers",
                );
            }
            Route::Beyond(_) if !seat.settings().beyond => {
                return reply::error_because(
                    StatusCode::NOT_FOUND,
                    "Not Found",
                    "`gateway_beyond: true` serves /gw and /oauth2 too",
                );
            }
            Route::Local(_) | Route::Api(_) | Route::Beyond(_) => {}
        }
        let access = Access::of(&parts.method, &route);
        if access == Access::Changes && seat.settings().read_only {
            seat.journal.count_refused();
            return reply::error_because(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "this gateway is read-only: no orders, and nothing else that changes an account",
            );
        }
        let upload = match receive::upload(body).await {
            Ok(upload) => upload,
            Err(reply) => return reply,
        };
        match route {
            Route::Local(what) => local::answer(seat, what, parts, upload, begin).await,
            Route::Api(path) | Route::Beyond(path) => {
                let (mut parts, upload) = match path.path().starts_with("/v1/") {
                    true => (parts, upload),
                    false => match beyond::signed(seat, parts, upload) {
                        Ok(signed) => signed,
                        Err(reply) => return reply,
                    },
                };
                let asked = Asked { method: parts.method.clone(), path: path.path().to_owned(), peer };
                parts.uri = path.into();
                let exchange = Exchange::new(Arc::clone(seat), parts, begin);
                if access == Access::Reads {
                    return exchange.run(upload).await;
                }
                // What changes something goes on to its end though its client has left, so that it is known
                // what became of it.
                let seat = Arc::clone(seat);
                let changing = Arc::clone(&seat.changing);
                let work = tokio::spawn(async move {
                    let _changing = changing;
                    let reply = exchange.run(upload).await;
                    seat.audit(&asked, &reply, begin);
                    reply
                });
                work.await.unwrap_or_else(|_| {
                    reply::unanswered(StatusCode::BAD_GATEWAY, reply::Fate::Unknown, "the gateway has failed")
                })
            }
            _ => reply::error(StatusCode::NOT_FOUND, "Not Found"),
        }
    }
}

/// What is written down of a request that changes something.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) peer: SocketAddr,
}
