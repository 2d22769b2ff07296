//! ureq, set up as IBKR's edge and a login demand it.

mod connecting;
mod ending;

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_config::{Proxy, Transport, Trust};
use ibkr_auth_core::{
    Error, Request, Response, Secret, TransportError, TransportKind, check_clock, time_to_connect,
};
use rustls::{CertificateError, crypto::ring};
use ureq::{
    Agent,
    config::AutoHeaderValue,
    tls::{Certificate, RootCerts, TlsConfig},
};

use connecting::{Connecting, Resolving, Unsent};

const MAX_BODY: u64 = 1 << 20;
/// Beyond the minute between two tickles, so that they share a connection.
const IDLE: Duration = Duration::from_secs(150);

/// What sends: the HTTP stack of a client, also for requests of your own that need no session.
pub struct Http {
    agent: Agent,
    /// Ours to make: HTTP libraries read the environment each in its own way.
    choice: Proxy,
    proxy: Option<ureq::Proxy>,
    /// When a connection broke last, or gave no answer.
    broke: Mutex<Option<Instant>>,
}

impl Http {
    /// HTTP/1.1 and IPv4 alone (the look-up and IBKR must see the same address), without redirects.
    ///
    /// # Errors
    /// When the trust store or the proxy cannot be used.
    pub fn new(settings: &Transport) -> Result<Self, Error> {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(roots(settings)?)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding(AutoHeaderValue::None)
            .max_idle_age(IDLE)
            .proxy(None)
            .build();
        let agent = Agent::with_parts(config, Connecting::default(), Resolving::default());
        let choice = settings.chosen_proxy()?.into_owned();
        let proxy = choice.url().map(proxy).transpose()?;
        Ok(Self { agent, choice, proxy, broke: Mutex::new(None) })
    }

    /// Sends a request once, on a kept connection only if that is still open. Any status is an answer.
    ///
    /// # Errors
    /// When no answer came within `limit`, or none that can be read whole: 1 MiB is the most.
    pub fn send(&self, request: Request, limit: Duration) -> Result<Response, TransportError> {
        check_clock(SystemTime::now())?;
        let proxy = self.proxy.clone().filter(|_| self.choice.takes(request.uri()));
        let way = Way { limit, proxied: proxy.is_some() };
        self.exchange(request, limit, proxy).map_err(|error| {
            let failure = way.failure(error);
            if matches!(failure.kind(), TransportKind::Broken | TransportKind::Timeout) {
                *self.broke() = Some(Instant::now());
            }
            failure
        })
    }

    fn exchange(
        &self,
        request: Request,
        limit: Duration,
        proxy: Option<ureq::Proxy>,
    ) -> Result<Response, ureq::Error> {
        let to_connect = Some(time_to_connect(limit));
        // What ended one kept connection may have ended the others: those from before are not used again.
        let since_break = self.broke().map_or(IDLE, |at| at.elapsed());
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(limit))
            .timeout_resolve(to_connect)
            .timeout_connect(to_connect)
            .max_idle_age(IDLE.min(since_break))
            .proxy(proxy)
            .build();
        let (head, mut body) = self.agent.run(request)?.into_parts();
        // ureq takes the limit itself for too much.
        let body = body.with_config().limit(MAX_BODY + 1).read_to_vec()?;
        Ok(Response::from_parts(head, body))
    }

    fn broke(&self) -> MutexGuard<'_, Option<Instant>> {
        self.broke.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

fn proxy(url: &Secret) -> Result<ureq::Proxy, Error> {
    let wrong = |_| Error::config("proxy is not a proxy's URL", "write it like http://host:port");
    ureq::Proxy::new(url.expose()).map_err(wrong)
}

fn roots(settings: &Transport) -> Result<RootCerts, Error> {
    let trusted = match settings.trust()? {
        Trust::Only(certificates) => certificates,
        Trust::System { and } if and.is_empty() => return Ok(RootCerts::PlatformVerifier),
        // ureq takes either the system's verifier or a list.
        Trust::System { mut and } => {
            and.extend(rustls_native_certs::load_native_certs().certs.iter().map(|der| der.to_vec()));
            and
        }
    };
    let trusted: Vec<_> = trusted.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Ok(RootCerts::new_with_certs(&trusted))
}

/// How a request travels.
struct Way {
    limit: Duration,
    proxied: bool,
}

impl Way {
    fn failure(&self, error: ureq::Error) -> TransportError {
        match error {
            ureq::Error::Other(inner) => match inner.downcast::<Unsent>() {
                Ok(unsent) => self.no_connection(*unsent),
                Err(other) => TransportError::new(TransportKind::Broken, other.to_string()),
            },
            ureq::Error::Timeout(_) => TransportError::timeout_after(self.limit),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                TransportError::timeout_after(self.limit)
            }
            ureq::Error::BodyExceedsLimit(_) => {
                TransportError::new(TransportKind::TooLarge, "more than 1 MiB")
            }
            ureq::Error::Io(error) => TransportError::new(TransportKind::Broken, error.to_string()),
            error => TransportError::new(TransportKind::Broken, error.to_string()),
        }
    }

    fn no_connection(&self, unsent: Unsent) -> TransportError {
        let (error, before_proxy) = unsent.unwrap();
        if let Some(error) = tls_error(&error) {
            return match error {
                rustls::Error::InvalidMessage(_) if self.proxied => TransportError::no_tls_behind_proxy(),
                error => TransportError::new(tls_kind(error), error.to_string()),
            };
        }
        let reason = match &error {
            ureq::Error::ConnectProxyFailed(said) => match said.rsplit_once('/') {
                Some((_, "407")) => {
                    return TransportError::new(TransportKind::ProxyRefused, "it answered 407");
                }
                Some((_, status)) => format!("it opens no tunnel, it answered {status}"),
                None => "it opens no tunnel".to_owned(),
            },
            ureq::Error::Timeout(_) => format!("none within {:?}", time_to_connect(self.limit)),
            ureq::Error::HostNotFound => UNRESOLVED.to_owned(),
            // The standard library has no kind for it.
            ureq::Error::Io(error) if error.to_string().starts_with("failed to lookup address") => {
                UNRESOLVED.to_owned()
            }
            ureq::Error::Io(error) => error.to_string(),
            error => error.to_string(),
        };
        match (self.proxied, before_proxy) {
            (true, true) => {
                TransportError::new(TransportKind::Proxy, format!("it cannot be reached: {reason}"))
            }
            (true, false) => TransportError::new(TransportKind::Proxy, reason),
            (false, _) => TransportError::new(TransportKind::Connect, reason),
        }
    }
}

const UNRESOLVED: &str = "the host name cannot be resolved";

/// rustls' errors also hide in io errors.
fn tls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref().and_then(|carried| carried.downcast_ref()),
        _ => None,
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
