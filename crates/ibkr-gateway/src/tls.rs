//! The certificate that clients see: one of the user's, or one that is made at the first start and kept.

use std::{
    collections::BTreeSet,
    fmt::Display,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use ibkr_auth_async::{Error, GatewaySettings, Passphrase, Secret, local};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use ring::digest::{SHA256, digest};
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
const KEY: &str = "gateway-key.pem";
/// A PKCS#12 file begins so, as all DER does.
const DER: u8 = 0x30;
/// Browsers take no longer ones.
const LIFE_DAYS: u64 = 398;
/// One that ends sooner is made anew.
const LEAST_LEFT: Duration = Duration::from_secs(30 * 86_400);

/// What answers the handshakes of one place, and can be exchanged meanwhile.
#[derive(Clone)]
pub(crate) struct Certificate(Arc<RwLock<TlsAcceptor>>);

impl Certificate {
    /// # Errors
    /// When a file cannot be read, written or used.
    pub(crate) fn new(settings: &GatewaySettings, names: &Names, folder: &Path) -> Result<Self, Error> {
        Ok(Self(Arc::new(RwLock::new(acceptor(settings, names, folder)?))))
    }

    /// Reads it anew. The old one stays where that fails.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn reload(
        &self,
        settings: &GatewaySettings,
        names: &Names,
        folder: &Path,
    ) -> Result<(), Error> {
        let new = acceptor(settings, names, folder)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The names and addresses that the certificate is for which is made.
pub(crate) type Names = BTreeSet<String>;

/// This machine's, and those by which clients may call it. One certificate serves all of a process.
pub(crate) fn names<'a>(all: impl IntoIterator<Item = &'a GatewaySettings>) -> Names {
    let mut names: Names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    for settings in all {
        let own = settings.listen.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified());
        names.extend(own.map(|ip| ip.to_string()));
        names.extend(settings.allow_hosts.iter().cloned());
    }
    names
}

/// The key of the settings by which handshakes of the two differ.
pub(crate) fn difference(one: &GatewaySettings, other: &GatewaySettings) -> Option<&'static str> {
    let passphrase = |settings: &GatewaySettings| settings.certificate_passphrase.as_ref()?.secret().ok();
    let (passphrase, others) = (passphrase(one), passphrase(other));
    let is_same_passphrase = passphrase.as_ref().map(Secret::expose) == others.as_ref().map(Secret::expose);
    let keys = [
        ("gateway_client_ca_file", one.client_ca_file == other.client_ca_file),
        ("gateway_certificate", one.certificate == other.certificate),
        ("gateway_certificate_key", one.certificate_key == other.certificate_key),
        ("the passphrase of gateway_certificate", is_same_passphrase),
    ];
    keys.into_iter().find(|(_, is_same)| !is_same).map(|(key, _)| key)
}

/// What answers handshakes.
///
/// # Errors
/// When a file cannot be read, written or used.
fn acceptor(settings: &GatewaySettings, names: &Names, folder: &Path) -> Result<TlsAcceptor, Error> {
    let pem = match &settings.certificate {
        Some(file) => with_key(own(file, settings)?, settings)?,
        None => Zeroizing::new(kept(folder, names)?),
    };
    let chain = chain(&pem)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| wrong(format_args!("its key: {error}")))?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(wrong)?;
    let builder = match &settings.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(file)?), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(wrong)?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(wrong)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn wrong(why: impl Display) -> Error {
    Error::config(
        format!("the certificate cannot be used: {why}"),
        "check the files that gateway_certificate and gateway_certificate_key name",
    )
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(wrong)?;
    match chain.is_empty() {
        true => Err(wrong("there is none in the file")),
        false => Ok(chain),
    }
}

/// What a gateway with these settings shows.
///
/// # Errors
/// When a file cannot be read or used.
pub(crate) fn shown(settings: &GatewaySettings, folder: &Path) -> Result<CertificateDer<'static>, Error> {
    let pem = match &settings.certificate {
        Some(file) => own(file, settings)?,
        None => Zeroizing::new(public(&file(folder))?),
    };
    Ok(chain(&pem)?.swap_remove(0))
}

fn public(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|error| wrong(format_args!("{}: {error}", file.display())))
}

/// The user's own; its key too where the same file holds it.
fn own(file: &Path, settings: &GatewaySettings) -> Result<Zeroizing<String>, Error> {
    let bytes = content(file)?;
    match bytes[..] {
        [DER, ..] => pkcs12(file, &bytes, settings),
        [0xFE, 0xED, 0xFE, 0xED, ..] => Err(jks(file)),
        _ => text(file, &bytes),
    }
}

fn with_key(mut pem: Zeroizing<String>, settings: &GatewaySettings) -> Result<Zeroizing<String>, Error> {
    if let Some(key) = &settings.certificate_key {
        pem.push('\n');
        pem.push_str(&text(key, &content(key)?)?);
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

/// By the rules for settings: what others can change decides nothing.
fn content(file: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let content = local::read(file).map_err(|error| {
        Error::config(format!("{}: {}", file.display(), error.message()), error.help().to_owned())
    })?;
    Ok(content.bytes)
}

fn text(file: &Path, bytes: &[u8]) -> Result<Zeroizing<String>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        Error::config(
            format!("{} is neither PEM nor PKCS#12", file.display()),
            "write a PEM file, or name another",
        )
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn authorities(file: &Path) -> Result<RootCertStore, Error> {
    let pem = text(file, &content(file)?)?;
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

/// The one that is kept, or a new one, with its key.
fn kept(folder: &Path, names: &Names) -> Result<String, Error> {
    let mut names = names.clone();
    if let Some((pem, covered)) = usable(folder) {
        if covered.is_superset(&names) {
            return Ok(pem);
        }
        // Another process may have made it for itself.
        names.extend(covered);
    }
    let (certificate, key) = made(&names).map_err(|error| {
        Error::config(
            format!("no certificate can be made: {error}"),
            "name one of your own with gateway_certificate",
        )
    })?;
    let certificate = format!("{}{certificate}", heading(&names, &key));
    let written = local::make_folder(folder)
        .and_then(|()| write(&folder.join(KEY), &key, 0o600))
        .and_then(|()| write(&file(folder), &certificate, 0o644));
    written.map_err(|error| {
        Error::config(
            format!("the certificate cannot be kept in {}: {error}", folder.display()),
            "correct the folder's permissions, or name a certificate of your own",
        )
    })?;
    Ok(format!("{certificate}{key}"))
}

/// What is kept, and for whom, unless it ends soon.
fn usable(folder: &Path) -> Option<(String, Names)> {
    let file = file(folder);
    let age = SystemTime::now().duration_since(fs::metadata(&file).ok()?.modified().ok()?).ok()?;
    if age + LEAST_LEFT >= Duration::from_secs(LIFE_DAYS * 86_400) {
        return None;
    }
    let certificate = local::open_own(&file).and_then(io::read_to_string).ok()?;
    let key = local::open_own_secret(&folder.join(KEY)).and_then(io::read_to_string).ok()?;
    let names = certificate.strip_prefix("For ")?.split_once("; key ")?.0;
    let names = names.split(", ").map(str::to_owned).collect();
    certificate.starts_with(&heading(&names, &key)).then(|| (format!("{certificate}{key}"), names))
}

/// For whom it was made, and with which key: readers of PEM pass over it.
fn heading(names: &Names, key: &str) -> String {
    let digest = digest(&SHA256, key.as_bytes());
    let mark: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!("For {}; key {mark}\n", names.join(", "))
}

/// Where the certificate is kept that was made.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

/// As a whole, for its owner alone or for all to read.
fn write(file: &Path, pem: &str, mode: u32) -> io::Result<()> {
    use io::Write;

    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let new = file.with_extension("new");
    let _ = fs::remove_file(&new);
    options.open(&new)?.write_all(pem.as_bytes())?;
    fs::rename(&new, file)
}

/// For this machine by all its names, and for those by which clients may call it: certificate and key.
fn made(names: &Names) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::from_iter(names.iter().cloned()))?;
    params.distinguished_name.push(DnType::CommonName, "ibkr-gateway on this machine");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    params.not_before = (now - Duration::from_secs(86_400)).into();
    params.not_after = (now + Duration::from_secs(LIFE_DAYS * 86_400)).into();
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
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
        let error = acceptor(&settings, &names([&settings]), folder.path()).err()?;
        Some(error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn a_certificate_of_ones_own_is_told_by_its_content() {
        let pkcs12 = include_bytes!("../tests/pkcs12/openssl.p12");
        assert_eq!(refusal(pkcs12, Some("geheim")), None);
        let (certificate, key) = made(&names([])).unwrap();
        assert_eq!(refusal(format!("{certificate}{key}").as_bytes(), None), None);
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

    #[test]
    fn a_certificate_that_is_kept_gains_names_and_loses_none() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |names: &[&str]| {
            kept(folder.path(), &names.iter().map(|name| (*name).to_owned()).collect()).unwrap()
        };
        let first = kept(&["localhost", "one.example"]);
        let both = kept(&["localhost", "two.example"]);
        assert_ne!(first, both);
        assert!(both.starts_with("For localhost, one.example, two.example; key "), "{both}");
        for name in ["one.example", "two.example"] {
            assert_eq!(kept(&["localhost", name]), both);
        }
    }
}
