//! reqwest, set up as IBKR's edge and a login demand it.

use std::{
    error::Error as StdError,
    io, iter,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use ibkr_auth_config::{Transport, Trust};
use ibkr_auth_core::{Error, Request, Response, TransportError, TransportKind};
use reqwest::{Client, Url, redirect, retry};
use rustls::{CertificateError, ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use rustls_platform_verifier::Verifier;

const MAX_BODY: usize = 1 << 20;
/// Beyond the minute between two tickles, so that they share a connection.
const IDLE: Duration = Duration::from_secs(150);

/// A client with HTTP/1.1 and IPv4 alone (the look-up and IBKR must see the same address), without redirects and
/// without retries of its own.
pub(crate) fn client(settings: &Transport) -> Result<Client, Error> {
    let builder = Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(tls(settings)?)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .local_address(IpAddr::from(Ipv4Addr::UNSPECIFIED))
        .pool_idle_timeout(IDLE);
    let builder = match proxy(settings)? {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    };
    builder.build().map_err(|error| Error::config(cause(&error), "check proxy and trust store"))
}

pub(crate) async fn send(client: Client, request: Request) -> Result<Response, TransportError> {
    let request = reqwest::Request::try_from(request).map_err(failure)?;
    let mut answer = client.execute(request).await.map_err(failure)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failure)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            return Err(TransportError::new(TransportKind::TooLarge, "more than 1 MiB"));
        }
    }
    let mut response = Response::new(body);
    *response.status_mut() = answer.status();
    std::mem::swap(response.headers_mut(), answer.headers_mut());
    Ok(response)
}

/// The choice is ours: HTTP libraries read the environment each in its own way.
fn proxy(settings: &Transport) -> Result<Option<reqwest::Proxy>, Error> {
    let choice = settings.chosen_proxy()?.into_owned();
    let Some(url) = choice.url() else { return Ok(None) };
    let wrong = |_| Error::config("proxy is not a proxy's URL", "write it like http://host:port");
    let url: Url = url.expose().parse().map_err(wrong)?;
    Ok(Some(reqwest::Proxy::custom(move |target| {
        let target = target.as_str().parse().ok()?;
        choice.takes(&target).then(|| url.clone())
    })))
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

fn failure(error: reqwest::Error) -> TransportError {
    let detail = cause(&error);
    let kind = if error.is_timeout() {
        TransportKind::Timeout
    } else if let Some(error) = chain(&error).find_map(|cause| cause.downcast_ref()) {
        tls_kind(error)
    } else if detail.contains("proxy authorization required") {
        TransportKind::ProxyRefused
    } else if detail.contains("tunnel") || detail.contains("proxy") {
        TransportKind::Proxy
    } else if error.is_connect() {
        TransportKind::Connect
    } else {
        TransportKind::Broken
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

/// The innermost reason: the outer ones repeat it, and name the URL.
fn cause(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(|| "unknown reason".to_owned(), ToString::to_string)
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    fn next<'a>(cause: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
        // rustls' errors hide in io errors, whose `source` passes over the error that they carry.
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => (**cause).source(),
        }
    }
    iter::successors(error.source(), next)
}
