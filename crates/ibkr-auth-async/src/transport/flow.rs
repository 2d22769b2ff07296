//! Requests and answers whose bodies flow, whatever their size: what a gateway sends with. They take the same
//! way as those of [`Http`](super::Http): its trust, its proxy, HTTP/1.1 and IPv4.

use std::{
    error::Error as StdError,
    fmt,
    net::Ipv4Addr,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use http::{HeaderValue, Uri};
use http_body::Body;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{CaptureConnection, HttpConnector, capture_connection, proxy::Tunnel},
    },
    client::proxy::matcher::Matcher,
    rt::{TokioExecutor, TokioTimer},
};
use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{Error, TransportError, TransportKind, check_clock, time_to_connect};
use tokio::time::{error::Elapsed, timeout};
use tower_service::Service;

use super::{IDLE, Seen, look, tls};

/// What is read of an answer before its reader has taken it, its head whole.
const READ_AHEAD: usize = 64 * 1024;

type Direct = InTime<HttpsConnector<HttpConnector>>;
type Proxied = InTime<HttpsConnector<Tunnel<HttpsConnector<HttpConnector>>>>;
type BoxError = Box<dyn StdError + Send + Sync>;

/// What sends requests whose bodies are `B`.
pub struct Flow<B> {
    setup: Setup,
    clients: Mutex<Clients<B>>,
}

struct Setup {
    tls: rustls::ClientConfig,
    choice: Proxy,
    to_connect: Duration,
}

/// The pools of connections, once for each way out.
struct Clients<B> {
    direct: legacy::Client<Direct, B>,
    proxied: Option<legacy::Client<Proxied, B>>,
}

impl<B> Clone for Clients<B> {
    fn clone(&self) -> Self {
        Self { direct: self.direct.clone(), proxied: self.proxied.clone() }
    }
}

impl<B> Flow<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// What sends requests that wait for their answer's head up to `limit`; two thirds of it may go into a
    /// connection.
    ///
    /// # Errors
    /// When the trust store or the proxy cannot be used.
    pub fn new(settings: &Transport, limit: Duration) -> Result<Self, Error> {
        let setup = Setup {
            tls: tls(settings)?,
            choice: settings.chosen_proxy()?.into_owned(),
            to_connect: time_to_connect(limit),
        };
        let clients = Mutex::new(setup.clients()?);
        Ok(Self { setup, clients })
    }

    /// Sends a request once, on a kept connection only if that is still open, and gives the answer as soon as
    /// its head is there. There is no limit of time on it: whoever calls it knows how the bodies go on.
    /// Upgrades work, by [`hyper::upgrade::on`].
    ///
    /// # Errors
    /// When there was no answer. Only if the error's kind [says so](TransportKind::may_have_been_sent) is it
    /// certain that the request never left.
    pub async fn send(&self, request: http::Request<B>) -> Result<http::Response<Incoming>, TransportError> {
        check_clock(SystemTime::now())?;
        let Clients { direct, proxied } = self.clients();
        let proxied = proxied.filter(|_| self.setup.choice.takes(request.uri()));
        let is_proxied = proxied.is_some();
        look().await;
        let answer = match proxied {
            Some(proxied) => proxied.request(request).await,
            None => direct.request(request).await,
        };
        answer.map_err(|error| {
            let failure = seen(&error, is_proxied).failure(self.setup.to_connect);
            if failure.kind() == TransportKind::Broken {
                self.doubt();
            }
            failure
        })
    }

    /// What tells of this request whether a connection has taken it. To be asked for before it is sent.
    pub fn taken(request: &mut http::Request<B>) -> Taken {
        Taken(capture_connection(request))
    }

    /// What has ended one kept connection may have ended the others: none of them is used again. Those at
    /// work go on. For whoever gives a request up that got no answer.
    pub fn doubt(&self) {
        if let Ok(new) = self.setup.clients() {
            *self.clients.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    fn clients(&self) -> Clients<B> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tells whether a connection has taken a request.
#[derive(Debug)]
pub struct Taken(CaptureConnection);

impl Taken {
    /// Whether it has. A request that is given up before that has not left, and never will.
    pub fn is_taken(&self) -> bool {
        self.0.connection_metadata().is_some()
    }
}

impl<B> fmt::Debug for Flow<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").finish_non_exhaustive()
    }
}

fn seen(error: &legacy::Error, is_proxied: bool) -> Seen<'_> {
    let is_elapsed = super::chain(Some(error)).any(<dyn StdError>::is::<Elapsed>);
    Seen { error: Some(error), is_connect: error.is_connect(), is_timeout: is_elapsed, is_proxied }
}

impl Setup {
    fn clients<B>(&self) -> Result<Clients<B>, Error>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let direct = self.client(self.over_tls(tcp(Some(Ipv4Addr::UNSPECIFIED))));
        let proxied = match self.choice.url() {
            Some(url) => {
                let (way, login) = parts(url.expose())?;
                // How a proxy is reached does not matter.
                let tunnel = Tunnel::new(way, self.over_tls(tcp(None)));
                let tunnel = match login {
                    Some(login) => tunnel.with_auth(login),
                    None => tunnel,
                };
                Some(self.client(self.over_tls(tunnel)))
            }
            None => None,
        };
        Ok(Clients { direct, proxied })
    }

    fn over_tls<C>(&self, connector: C) -> HttpsConnector<C> {
        HttpsConnectorBuilder::new()
            .with_tls_config(without_alpn(self.tls.clone()))
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector)
    }

    fn client<C, B>(&self, connector: C) -> legacy::Client<InTime<C>, B>
    where
        InTime<C>: legacy::connect::Connect + Clone,
        B: Body + Send,
        B::Data: Send,
    {
        legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(READ_AHEAD)
            .build(InTime { connector, limit: self.to_connect })
    }
}

/// A connector that is given up after a time, TLS handshake and tunnel included.
#[derive(Clone)]
struct InTime<C> {
    connector: C,
    limit: Duration,
}

impl<C> Service<Uri> for InTime<C>
where
    C: Service<Uri, Error: Into<BoxError>>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = timeout(self.limit, self.connector.call(to));
        Box::pin(async move { connecting.await?.map_err(Into::into) })
    }
}

/// The builder sets it by itself, and insists.
fn without_alpn(mut tls: rustls::ClientConfig) -> rustls::ClientConfig {
    tls.alpn_protocols.clear();
    tls
}

fn tcp(from: Option<Ipv4Addr>) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_local_address(from.map(Into::into));
    tcp
}

/// Where a proxy is, and what it is told of the user.
fn parts(url: &str) -> Result<(Uri, Option<HeaderValue>), Error> {
    let wrong = || Error::config("proxy is not a proxy's URL", "write it like http://host:port");
    // This server takes everything through the proxy, so the matcher takes the URL apart.
    let matcher = Matcher::builder().all(url).build();
    let found = matcher.intercept(&Uri::from_static("https://api.ibkr.com")).ok_or_else(wrong)?;
    Ok((found.uri().clone(), found.basic_auth().cloned()))
}
