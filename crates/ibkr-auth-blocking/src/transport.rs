//! ureq, set up as IBKR's edge and a login demand it.

use std::{fmt, io, sync::Arc, time::Duration};

use ibkr_auth_config::{Proxy, Transport, Trust};
use ibkr_auth_core::{Error, Request, Response, Secret, TransportError, TransportKind};
use rustls::{CertificateError, crypto::ring};
use ureq::{
    Agent,
    config::{AutoHeaderValue, IpFamily},
    tls::{Certificate, RootCerts, TlsConfig},
};

const MAX_BODY: u64 = 1 << 20;
/// Beyond the minute between two tickles, so that they share a connection.
const IDLE: Duration = Duration::from_secs(150);

/// What sends: the HTTP stack of a client, also for requests of your own that need no session.
pub struct Http {
    agent: Agent,
    /// Ours to make: HTTP libraries read the environment each in its own way.
    choice: Proxy,
    proxy: Option<ureq::Proxy>,
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
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .ip_family(IpFamily::Ipv4Only)
            .accept_encoding(AutoHeaderValue::None)
            .max_idle_age(IDLE)
            .proxy(None)
            .build()
            .new_agent();
        let choice = settings.chosen_proxy()?.into_owned();
        let proxy = choice.url().map(proxy).transpose()?;
        Ok(Self { agent, choice, proxy })
    }

    /// Sends a request once. Any status is an answer.
    ///
    /// # Errors
    /// When no answer came within `limit`, or none that can be read whole: 1 MiB is the most.
    pub fn send(&self, request: Request, limit: Duration) -> Result<Response, TransportError> {
        let proxy = self.proxy.clone().filter(|_| self.choice.takes(request.uri()));
        let request = self.agent.configure_request(request).timeout_global(Some(limit)).proxy(proxy).build();
        let (head, mut body) = self.agent.run(request).map_err(|error| failure(&error))?.into_parts();
        // ureq takes the limit itself for too much.
        let body = body.with_config().limit(MAX_BODY + 1).read_to_vec().map_err(|error| failure(&error))?;
        Ok(Response::from_parts(head, body))
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

fn failure(error: &ureq::Error) -> TransportError {
    let (kind, detail) = match error {
        ureq::Error::Timeout(_) => (TransportKind::Timeout, String::new()),
        ureq::Error::BodyExceedsLimit(_) => (TransportKind::TooLarge, "more than 1 MiB".to_owned()),
        ureq::Error::HostNotFound => (TransportKind::Connect, "the host name cannot be resolved".to_owned()),
        ureq::Error::ConnectionFailed => (TransportKind::Connect, String::new()),
        ureq::Error::ConnectProxyFailed(reason) if reason.contains("407") => {
            (TransportKind::ProxyRefused, error.to_string())
        }
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            (TransportKind::Proxy, error.to_string())
        }
        ureq::Error::Rustls(error) => (tls_kind(error), error.to_string()),
        ureq::Error::Io(error) => {
            match error.get_ref().and_then(|carried| carried.downcast_ref::<rustls::Error>()) {
                Some(error) => (tls_kind(error), error.to_string()),
                // The standard library has no kind for it.
                None if error.to_string().starts_with("failed to lookup address") => {
                    (TransportKind::Connect, "the host name cannot be resolved".to_owned())
                }
                None => (io_kind(error.kind()), error.to_string()),
            }
        }
        _ => (TransportKind::Broken, String::new()),
    };
    TransportError::new(kind, detail)
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

fn io_kind(kind: io::ErrorKind) -> TransportKind {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    match kind {
        TimedOut => TransportKind::Timeout,
        ConnectionRefused | AddrNotAvailable | HostUnreachable | NetworkUnreachable => TransportKind::Connect,
        _ => TransportKind::Broken,
    }
}
