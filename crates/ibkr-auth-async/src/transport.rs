//! reqwest, set up as IBKR's edge and a login demand it.

#[cfg(feature = "flow")]
pub mod flow;

use std::{
    error::Error as StdError,
    fmt, io, iter,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use ibkr_auth_config::{Proxy, Transport, Trust};
use ibkr_auth_core::{Error, Request, Response, TransportError, TransportKind, check_clock, time_to_connect};
use reqwest::{Client, ClientBuilder, redirect, retry};
use rustls::{CertificateError, ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use rustls_platform_verifier::Verifier;
use tokio::{task::yield_now, time::timeout};

const MAX_BODY: usize = 1 << 20;
/// Beyond the minute between two tickles, so that they share a connection.
const IDLE: Duration = Duration::from_secs(150);
/// What a configuration allows a request unless it is told otherwise.
const USUAL_LIMIT: Duration = Duration::from_secs(15);

/// What sends: the HTTP stack of a client, also for requests of your own that need no session.
pub struct Http(Arc<Shared>);

struct Shared {
    setup: Setup,
    clients: Mutex<Clients>,
}

struct Setup {
    tls: ClientConfig,
    /// Ours to make: HTTP libraries read the environment each in its own way.
    choice: Proxy,
    /// reqwest has this limit for a whole client only.
    to_connect: Duration,
}

/// reqwest, once for each way out.
#[derive(Clone)]
struct Clients {
    direct: Client,
    proxied: Option<Client>,
}

impl Http {
    /// HTTP/1.1 and IPv4 alone (the look-up and IBKR must see the same address), without redirects.
    ///
    /// # Errors
    /// When the trust store or the proxy cannot be used.
    pub fn new(settings: &Transport) -> Result<Self, Error> {
        Self::for_limit(settings, USUAL_LIMIT)
    }

    /// One for requests that may take `limit`.
    pub(crate) fn for_limit(settings: &Transport, limit: Duration) -> Result<Self, Error> {
        let choice = settings.chosen_proxy()?.into_owned();
        let setup = Setup { tls: tls(settings)?, choice, to_connect: time_to_connect(limit) };
        let clients = Mutex::new(setup.clients()?);
        Ok(Self(Arc::new(Shared { setup, clients })))
    }

    /// Sends a request once, on a kept connection only if that is still open. Any status is an answer. The
    /// future does not borrow, and can be spawned.
    ///
    /// # Errors
    /// When no answer came within `limit`, or none that can be read whole: 1 MiB is the most.
    pub fn send(
        &self,
        request: Request,
        limit: Duration,
    ) -> impl Future<Output = Result<Response, TransportError>> + Send + use<> {
        let http = Arc::clone(&self.0);
        async move {
            let answer = timeout(limit, http.send(request)).await;
            answer.unwrap_or_else(|_| Err(TransportError::timeout_after(limit)))
        }
    }
}

impl Shared {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        check_clock(SystemTime::now())?;
        let Clients { direct, proxied } = self.clients().clone();
        let proxied = proxied.filter(|_| self.setup.choice.takes(request.uri()));
        let is_proxied = proxied.is_some();
        let mut doubt = Doubt { http: self, is_idle: false };
        let answer = exchange(proxied.unwrap_or(direct), request).await;
        let answer = answer.unwrap_or_else(|error| {
            let seen = Seen {
                error: error.source(),
                is_connect: error.is_connect(),
                is_timeout: error.is_timeout(),
                is_proxied,
            };
            Err(seen.failure(self.setup.to_connect))
        });
        let broke = answer.as_ref().is_err_and(|failure| failure.kind() == TransportKind::Broken);
        doubt.is_idle = !broke;
        answer
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

/// What ended one kept connection may have ended the others. After a request that broke, or was given up
/// without an answer, none of them is used again.
struct Doubt<'a> {
    http: &'a Shared,
    is_idle: bool,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let (false, Ok(new)) = (self.is_idle, self.http.setup.clients()) {
            *self.http.clients() = new;
        }
    }
}

async fn exchange(
    client: Client,
    request: Request,
) -> Result<Result<Response, TransportError>, reqwest::Error> {
    let request = reqwest::Request::try_from(request)?;
    look().await;
    let mut answer = client.execute(request).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            return Ok(Err(TransportError::new(TransportKind::TooLarge, "more than 1 MiB")));
        }
    }
    let mut response = Response::new(body);
    *response.status_mut() = answer.status();
    std::mem::swap(response.headers_mut(), answer.headers_mut());
    Ok(Ok(response))
}

impl Setup {
    /// HTTP/1.1 and IPv4 alone (the look-up and IBKR must see the same address; how a proxy is reached does
    /// not matter), without redirects and without retries of reqwest's own.
    fn clients(&self) -> Result<Clients, Error> {
        let builder = || {
            Client::builder()
                .no_proxy()
                .tls_backend_preconfigured(self.tls.clone())
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .referer(false)
                .connect_timeout(self.to_connect)
                .pool_idle_timeout(IDLE)
        };
        let build = |builder: ClientBuilder| {
            builder.build().map_err(|error| Error::config(cause(&error), "check proxy and trust store"))
        };
        let direct = build(builder().local_address(IpAddr::from(Ipv4Addr::UNSPECIFIED)))?;
        let wrong = |_| Error::config("proxy is not a proxy's URL", "write it like http://host:port");
        let proxied = match self.choice.url() {
            Some(url) => Some(build(builder().proxy(reqwest::Proxy::all(url.expose()).map_err(wrong)?))?),
            None => None,
        };
        Ok(Clients { direct, proxied })
    }
}

/// Lets the runtime hear what the network has said meanwhile, so that no request goes out on a kept
/// connection that the server has closed: the first time for the news, the second for the tasks that it
/// wakes.
async fn look() {
    yield_now().await;
    yield_now().await;
}

fn tls(settings: &Transport) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(no_trust)?;
    let builder = match settings.trust()? {
        Trust::Only(certificates) => {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(certificates.into_iter().map(CertificateDer::from));
            builder.with_root_certificates(store)
        }
        Trust::System { and } => {
            let own = and.into_iter().map(CertificateDer::from);
            let verifier = Verifier::new_with_extra_roots(own, provider).map_err(no_trust)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn no_trust(error: rustls::Error) -> Error {
    Error::config(format!("no certificates to trust: {error}"), "set ca_file")
}

/// What an HTTP stack says of a request that brought no answer.
struct Seen<'a> {
    /// Without what repeats the others, and names the URL.
    error: Option<&'a (dyn StdError + 'static)>,
    is_connect: bool,
    is_timeout: bool,
    is_proxied: bool,
}

impl Seen<'_> {
    fn failure(&self, to_connect: Duration) -> TransportError {
        if self.is_connect {
            return self.no_connection(to_connect);
        }
        let kind = if self.says("client error (Canceled)") {
            // A new connection that was gone before the request was written.
            TransportKind::Connect
        } else if self.is_timeout {
            TransportKind::Timeout
        } else {
            TransportKind::Broken
        };
        TransportError::new(kind, self.cause())
    }

    fn no_connection(&self, to_connect: Duration) -> TransportError {
        if let Some(error) = self.chain().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return match error {
                rustls::Error::InvalidMessage(_) if self.is_proxied => TransportError::no_tls_behind_proxy(),
                error => TransportError::new(tls_kind(error), error.to_string()),
            };
        }
        if self.says("tunnel error: proxy authorization required") {
            return TransportError::new(TransportKind::ProxyRefused, "it answered 407");
        }
        let reason = if self.is_timeout {
            format!("none within {to_connect:?}")
        } else if self.says("dns error") {
            "the host name cannot be resolved".to_owned()
        } else if self.says("tunnel error: unsuccessful") {
            "it opens no tunnel".to_owned()
        } else {
            self.cause()
        };
        match self.is_proxied {
            true if self.says("tunnel error: failed to create underlying connection") => {
                TransportError::new(TransportKind::Proxy, format!("it cannot be reached: {reason}"))
            }
            true => TransportError::new(TransportKind::Proxy, reason),
            false => TransportError::new(TransportKind::Connect, reason),
        }
    }

    /// Whether one of the reasons is this. Their types are not the HTTP stack's, or not public.
    fn says(&self, text: &str) -> bool {
        self.chain().any(|cause| cause.to_string() == text)
    }

    /// The innermost reason.
    fn cause(&self) -> String {
        self.chain().last().map_or_else(|| "unknown reason".to_owned(), ToString::to_string)
    }

    fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        chain(self.error)
    }
}

fn tls_kind(error: &rustls::Error) -> TransportKind {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    match error {
        rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => TransportKind::CertificateDate,
        _ => TransportKind::Tls,
    }
}

/// The innermost reason: the outer ones repeat it, and name the URL.
fn cause(error: &reqwest::Error) -> String {
    chain(error.source()).last().map_or_else(|| "unknown reason".to_owned(), ToString::to_string)
}

fn chain<'a>(
    first: Option<&'a (dyn StdError + 'static)>,
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    fn next<'a>(cause: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
        // rustls' errors hide in io errors, whose `source` passes over the error that they carry.
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => (**cause).source(),
        }
    }
    iter::successors(first, next)
}
