//! Whether a gateway on this machine is alive: for whoever looks after containers.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use ibkr_auth_async::GatewaySettings;
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        WebPkiSupportedAlgorithms, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::tls;

const WITHIN: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: u64 = 4 * 1024;

/// Asks the first of its addresses for `/healthz`.
///
/// # Errors
/// When it does not answer with 200.
pub(crate) async fn probe(settings: &GatewaySettings, folder: &Path) -> io::Result<()> {
    let address = settings.listen.first().copied().map(reachable);
    let address = address.ok_or_else(|| io::Error::other("the settings name no address"))?;
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        if settings.plain {
            return ask(stream, &settings.prefix).await;
        }
        let certificate = tls::shown(settings, folder).map_err(io::Error::other)?;
        let name = ServerName::IpAddress(address.ip().into());
        let stream = connector(certificate)?.connect(name, stream).await?;
        // By now it has shown our certificate: it lives if it asks for that of a client.
        ask(stream, &settings.prefix).await.or_else(|error| match wants_certificate(&error) {
            true => Ok(()),
            false => Err(error),
        })
    };
    timeout(WITHIN, asked).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, prefix: &str) -> io::Result<()> {
    let request = format!("GET {prefix}/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    // Who refuses us may be gone already; the reason is there to be read.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match line.starts_with(b"HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(io::Error::other(format!("it answered {:?}", String::from_utf8_lossy(line)))),
    }
}

fn wants_certificate(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(error, Some(Error::AlertReceived(AlertDescription::CertificateRequired)))
}

/// Whoever listens everywhere listens here too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let here = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(here, address.port())
}

/// It is ours that shows our certificate, whatever names that is for.
fn connector(certificate: CertificateDer<'static>) -> io::Result<TlsConnector> {
    let provider = Arc::new(default_provider());
    let ours = Ours { certificate, algorithms: provider.signature_verification_algorithms };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ours))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[derive(Debug)]
struct Ours {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Ours {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match *shown == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::General("somebody else answers there: it shows another certificate".into())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
