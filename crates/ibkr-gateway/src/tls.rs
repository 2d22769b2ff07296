//! The certificate that clients see: one of the user's, or one that is made at the first start and kept.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use ibkr_auth_async::{Error, GatewaySettings, Passphrase, Secret};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::pkcs12::pkcs12_to_pem;

const CERTIFICATE: &str = "gateway.pem";
/// A PKCS#12 file begins so, as all DER does.
const DER: u8 = 0x30;
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
        Some(file) => own(file, settings)?,
        None => Zeroizing::new(kept(folder, settings)?),
    };
    let wrong = |why: String| {
        Error::config(
            format!("the certificate cannot be used: {why}"),
            "check the files that gateway_certificate and gateway_certificate_key name",
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
fn own(file: &Path, settings: &GatewaySettings) -> Result<Zeroizing<String>, Error> {
    let bytes = Zeroizing::new(fs::read(file).map_err(|error| unreadable(file, &error))?);
    let mut pem = match bytes[..] {
        [DER, ..] => pkcs12(file, &bytes, settings)?,
        [0xFE, 0xED, 0xFE, 0xED, ..] => return Err(jks(file)),
        _ => Zeroizing::new(read(file)?),
    };
    if let Some(key) = &settings.certificate_key {
        pem.push('\n');
        pem.push_str(&read(key)?);
    }
    Ok(pem)
}

fn pkcs12(file: &Path, bytes: &[u8], settings: &GatewaySettings) -> Result<Zeroizing<String>, Error> {
    let passphrase = settings.certificate_passphrase.as_ref().map(Passphrase::secret).transpose()?;
    let passphrase = passphrase.as_ref().map_or("", Secret::expose);
    pkcs12_to_pem(bytes, passphrase).map_err(|refusal| {
        let (what, help) = refusal.words();
        Error::config(format!("{} {what}", file.display()), help)
    })
}

fn jks(file: &Path) -> Error {
    let file = file.display();
    Error::config(
        format!("{file} is a JKS store, which only Java reads"),
        format!(
            "convert it with `keytool -importkeystore -srckeystore {file} -destkeystore gateway.p12 -deststoretype \
             PKCS12`, and set gateway_certificate to that file"
        ),
    )
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
            "name one of your own with gateway_certificate",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(content: &[u8], passphrase: Option<&str>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own");
        fs::write(&file, content).unwrap();
        let settings = GatewaySettings {
            certificate: Some(file),
            certificate_passphrase: passphrase.map(|text| Passphrase::new(Secret::new(text))),
            ..GatewaySettings::default()
        };
        let error = acceptor(&settings, folder.path()).err()?;
        Some(error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn a_certificate_of_ones_own_is_told_by_its_content() {
        let pkcs12 = include_bytes!("../tests/pkcs12/openssl.p12");
        assert_eq!(refusal(pkcs12, Some("geheim")), None);
        let made = made(&GatewaySettings::default()).unwrap();
        assert_eq!(refusal(made.as_bytes(), None), None);
        for (content, passphrase, begin) in [
            (&pkcs12[..], Some("x"), "own is not opened by the given passphrase; correct it"),
            (pkcs12, None, "own needs a passphrase; set gateway_certificate_passphrase_file or "),
            (b"\x30\x03\x02\x01\x03", None, "own is no PKCS#12 file, or a damaged one; make it anew with "),
            (
                b"\xfe\xed\xfe\xed\0\0\0\x02",
                None,
                "own is a JKS store, which only Java reads; convert it with `keytool ",
            ),
            (b"hello", None, "the certificate cannot be used: there is none in the file"),
        ] {
            let refusal = refusal(content, passphrase).unwrap();
            assert!(refusal.starts_with(begin), "{refusal}");
        }
    }
}
