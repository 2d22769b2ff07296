//! The servers around the simulator: HTTPS, address look-up, CONNECT proxy and admin port, on loopback.

mod admin;
mod body;
mod clock;
mod delay;
mod handle;
mod https;
mod keep_alive;
mod line;
mod proxy;
mod shared;
mod tls;
mod ws;

use std::{
    fs,
    future::Future,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::{Authority, Entry, Moment, SimConfig};
use clock::Clock;
use shared::Shared;

pub use handle::Handle;
pub use shared::Connections;

/// How a [`Server`] is set up. A [`SimConfig`] alone will do.
#[derive(Clone)]
pub struct ServerConfig {
    /// The simulated servers.
    pub sim: SimConfig,
    /// What their clock shows at the start; the true time by default.
    pub start: Option<Moment>,
    /// How fast their clock runs: 1 true time, 60 an hour a minute, 0 only when it is stepped.
    pub scale: f64,
    /// A delay for every byte in each direction, TLS handshake included; a connection costs one round trip
    /// more before its first byte.
    pub one_way_delay: Duration,
    /// Ports; 0 takes a free one.
    pub ports: Ports,
    /// Serve the API without TLS, for clients that cannot be told whom to trust. It is on loopback alone
    /// either way.
    pub plain: bool,
    /// Who signs the servers' certificate: an authority that clients trust already, or a new one with `None`.
    pub authority: Option<Authority>,
    /// Told about everything as it happens.
    pub observer: Option<Observer>,
}

/// Called with every event, on the servers' thread: it should be quick.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// What an [`Observer`] is told.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request was answered.
    Request(&'a Entry),
    /// The proxy opened no tunnel, for this reason.
    TunnelRefused(&'a str),
    /// A TLS handshake failed, for this reason.
    TlsFailed(&'a str),
    /// A fault struck a connection in its making, to this host.
    ConnectionStruck(&'a str),
}

/// The ports of a [`Server`]; 0 takes a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// IBKR's API, over TLS.
    pub https: u16,
    /// The address look-up, without TLS.
    pub lookup: u16,
    /// The CONNECT proxy.
    pub proxy: u16,
    /// The admin port.
    pub admin: u16,
}

impl From<SimConfig> for ServerConfig {
    fn from(sim: SimConfig) -> Self {
        Self {
            sim,
            start: None,
            scale: 1.0,
            one_way_delay: Duration::ZERO,
            ports: Ports::default(),
            plain: false,
            authority: None,
            observer: None,
        }
    }
}

/// Running servers. They live on a thread of their own and stop when this is dropped.
pub struct Server {
    handle: Handle,
    authority: Authority,
    ports: Ports,
    plain: bool,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts servers on 127.0.0.1 and returns when they listen.
    ///
    /// # Errors
    /// When a port is taken or no certificate can be made.
    pub fn start(config: impl Into<ServerConfig>) -> io::Result<Self> {
        let config = config.into();
        let authority = config.authority.map_or_else(Authority::make, Ok)?;
        let tls = tls::server(&authority).map_err(io::Error::other)?;
        let listeners = Listeners::bind(config.ports)?;
        let ports = listeners.ports()?;
        let clock = Clock::new(config.start, config.scale);
        let shared = Arc::new(Shared::new(
            config.sim,
            clock,
            config.one_way_delay,
            tls,
            config.plain,
            config.observer,
        ));
        let handle = Handle::new(Arc::clone(&shared));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("ibkr-sim".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = listeners.serve(shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, authority, ports, plain: config.plain, stop: Some(stop), thread: Some(thread) })
    }

    /// The way to steer and to question the simulator from the same process.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where IBKR's API is: `https://localhost:PORT`, or `http://…` when it is [plain](ServerConfig::plain).
    pub fn base_url(&self) -> String {
        let scheme = if self.plain { "http" } else { "https" };
        format!("{scheme}://localhost:{}", self.ports.https)
    }

    /// A URL that answers a GET with the caller's address in plain text, without TLS.
    pub fn lookup_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.lookup)
    }

    /// The same for one of [`LOOKUP_HOSTS`](crate::LOOKUP_HOSTS), so that each can be given its own faults:
    /// one may lie.
    pub fn lookup_url_of(&self, host: &str) -> String {
        format!("{}/{host}", self.lookup_url())
    }

    /// The proxy for `HTTPS_PROXY`: it takes `CONNECT` for the hosts that the simulator stands for.
    pub fn proxy_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.proxy)
    }

    /// The admin port.
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.admin)
    }

    /// The ports that were taken.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The certificate of the authority that signed the servers' certificate: what clients have to trust.
    pub fn ca_pem(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// The authority itself, to keep for the next start.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Writes [`ca_pem`](Self::ca_pem) to `ca.pem` in a directory and returns the file's absolute path, fit
    /// for `SSL_CERT_FILE`. A `ca.pem` of an earlier simulator is replaced.
    ///
    /// # Errors
    /// When the file cannot be written, or holds anything else.
    pub fn write_ca(&self, directory: impl AsRef<Path>) -> io::Result<PathBuf> {
        let file = fs::canonicalize(directory)?.join("ca.pem");
        self.authority.write_certificate(&file)?;
        Ok(file)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Listeners {
    https: StdListener,
    /// `localhost` is ::1 first for many clients; without IPv6 they fall back by themselves.
    https_v6: Option<StdListener>,
    lookup: StdListener,
    proxy: StdListener,
    admin: StdListener,
}

impl Listeners {
    fn bind(ports: Ports) -> io::Result<Self> {
        let bind = |port| StdListener::bind((Ipv4Addr::LOCALHOST, port));
        let https = bind(ports.https)?;
        let https_v6 = StdListener::bind((Ipv6Addr::LOCALHOST, https.local_addr()?.port())).ok();
        let listeners = Self {
            https,
            https_v6,
            lookup: bind(ports.lookup)?,
            proxy: bind(ports.proxy)?,
            admin: bind(ports.admin)?,
        };
        for listener in [&listeners.https, &listeners.lookup, &listeners.proxy, &listeners.admin] {
            listener.set_nonblocking(true)?;
        }
        if let Some(listener) = &listeners.https_v6 {
            listener.set_nonblocking(true)?;
        }
        Ok(listeners)
    }

    fn ports(&self) -> io::Result<Ports> {
        let port = |listener: &StdListener| listener.local_addr().map(|address| address.port());
        Ok(Ports {
            https: port(&self.https)?,
            lookup: port(&self.lookup)?,
            proxy: port(&self.proxy)?,
            admin: port(&self.admin)?,
        })
    }

    async fn serve(self, shared: Arc<Shared>) -> io::Result<()> {
        let https_v6 = async {
            match self.https_v6 {
                Some(listener) => accept(listener, &shared, https::api).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = accept(self.https, &shared, https::api) => ended,
            ended = https_v6 => ended,
            ended = accept(self.lookup, &shared, https::lookup) => ended,
            ended = accept(self.proxy, &shared, proxy::serve) => ended,
            ended = accept(self.admin, &shared, admin::serve) => ended,
        }
    }
}

async fn accept<F>(
    listener: StdListener,
    shared: &Arc<Shared>,
    serve: impl Fn(Arc<Shared>, TcpStream, SocketAddr) -> F,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small; waiting to fill packets would be measured as latency.
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(Arc::clone(shared), stream, peer));
            }
            // Too many open files, or a caller that left: go on when it has passed.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
