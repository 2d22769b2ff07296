//! The certificate that clients see: one of the user's, or one that is made at the first start and kept.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use ibkr_auth_async::{Error, GatewaySettings};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

const CERTIFICATE: &str = "gateway.pem";
/// Browsers take no longer ones.
const LIFE_DAYS: u64 = 398;
/// One that ends sooner is made anew.
const LEAST_LEFT: Duration = Duration::from_secs(30 * 86_400);

/// What answers handshakes.
///
/// # Errors
/// When a file cannot be read, written or used.
pub(crate) fn acceptor(settings: &GatewaySettings, folder: &Path) -> Result<TlsAcceptor, Error> {
    let pem = match &settings.certificate {
        Some(file) => own(file, settings.certificate_key.as_deref())?,
        None => kept(folder, settings)?,
    };
    let wrong = |why: String| {
        Error::config(
            format!("the certificate cannot be used: {why}"),
            "check the files that `certificate` and `certificate_key` name",
        )
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong("there is none in the file".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| wrong(format!("its key: {error}")))?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?;
    let builder = match &settings.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(file)?), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(error.to_string()))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| wrong(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The user's own, certificate and key as one text.
fn own(file: &Path, key: Option<&Path>) -> Result<String, Error> {
    let mut pem = read(file)?;
    if let Some(key) = key {
        pem.push('\n');
        pem.push_str(&read(key)?);
    }
    Ok(pem)
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn authorities(file: &Path) -> Result<RootCertStore, Error> {
    let pem = read(file)?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| {
            Error::config(format!("{}: {error}", file.display()), "write a PEM file of certificates")
        })?;
        store.add(certificate).map_err(|error| {
            Error::config(format!("{}: {error}", file.display()), "write a PEM file of certificates")
        })?;
    }
    match store.is_empty() {
        true => Err(Error::config(
            format!("{} holds no certificate", file.display()),
            "write a PEM file of certificates",
        )),
        false => Ok(store),
    }
}

/// The one that is kept, or a new one.
fn kept(folder: &Path, settings: &GatewaySettings) -> Result<String, Error> {
    let file = file(folder);
    let age = fs::metadata(&file).and_then(|about| about.modified()).ok();
    let age = age.and_then(|made| SystemTime::now().duration_since(made).ok());
    let life = Duration::from_secs(LIFE_DAYS * 86_400);
    if age.is_some_and(|age| age + LEAST_LEFT < life)
        && let Ok(pem) = ibkr_auth_async::local::open_own_secret(&file).and_then(io::read_to_string)
    {
        return Ok(pem);
    }
    let pem = made(settings).map_err(|error| {
        Error::config(
            format!("no certificate can be made: {error}"),
            "name one of your own with `certificate`",
        )
    })?;
    write(&file, &pem).map_err(|error| {
        Error::config(
            format!("the certificate cannot be kept in {}: {error}", folder.display()),
            "correct the folder's permissions, or name a certificate of your own",
        )
    })?;
    Ok(pem)
}

/// Where the certificate is kept that was made.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

fn write(file: &Path, pem: &str) -> io::Result<()> {
    use io::Write;

    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let new = file.with_extension("new");
    let _ = fs::remove_file(&new);
    options.open(&new)?.write_all(pem.as_bytes())?;
    fs::rename(&new, file)
}

/// For this machine by all its names, and for those by which clients may call it.
fn made(settings: &GatewaySettings) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let names = ["localhost".to_owned()].into_iter().chain(settings.allow_hosts.iter().cloned());
    let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
    let own = settings.listen.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified());
    let mut addresses = vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
    addresses.extend(own);
    addresses.sort_unstable();
    addresses.dedup();
    params.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));
    params.distinguished_name.push(DnType::CommonName, "ibkr-gateway on this machine");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    params.not_before = (now - Duration::from_secs(86_400)).into();
    params.not_after = (now + Duration::from_secs(LIFE_DAYS * 86_400)).into();
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}

fn unreadable(file: &Path, error: &io::Error) -> Error {
    Error::config(format!("{} cannot be read: {error}", file.display()), "check its path and permissions")
}
