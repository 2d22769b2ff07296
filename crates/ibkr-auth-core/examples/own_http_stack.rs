//! The core in a program with an HTTP stack of its own, here hyper on one rustls connection. Logs in at a
//! server given as HOST:PORT, with a CA certificate, key and public address: `cargo run -p ibkr-auth-core
//! --example own_http_stack -- localhost:8443 ca.pem private.pem 203.0.113.7`

use std::{
    error::Error,
    fs,
    sync::Arc,
    time::{Instant, SystemTime},
};

use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use ibkr_auth_core::{
    Config, Connected, Host, Identity, Now, Output, Response, Session, Transmit, TransportError,
    TransportKind,
};
use ibkr_jws::RsaKey;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::time::{sleep, timeout};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [server, ca, key, ip] = args.as_slice() else {
        return Err("HOST:PORT CA_FILE KEY_FILE PUBLIC_IP".into());
    };
    let config =
        Config::of(Identity { client_id: "DemoClient", client_key_id: "main", credential: "demouser" })?
            .with_public_ip(ip.parse()?)?;
    let key = RsaKey::from_pem(&fs::read(key)?)?;
    let connected = log_in(server, &fs::read(ca)?, config, key).await?;
    println!("connected, {:?}", connected.auth_status);
    Ok(())
}

/// The whole login. This is all that embedding takes: poll, send, receive.
pub(crate) async fn log_in(
    server: &str,
    ca_pem: &[u8],
    config: Config,
    key: RsaKey,
) -> Result<Connected, Failure> {
    let mut connection = connect(server, ca_pem).await?;
    let config = config.with_host(Host::custom(&format!("https://{server}"))?);
    let mut session = Session::new(config, key, 0);
    let ticket = session.connect();
    loop {
        match session.poll(now()) {
            Output::Send(transmit) => {
                let id = transmit.id;
                let answer = match timeout(transmit.timeout, send(&mut connection, transmit)).await {
                    Ok(answer) => answer
                        .map_err(|failure| TransportError::new(TransportKind::Broken, failure.to_string())),
                    Err(_) => Err(TransportError::timeout()),
                };
                session.receive(now(), id, answer);
            }
            Output::Event(event) => println!("{event}"),
            Output::Wait(wait) => match ticket.outcome() {
                Some(outcome) => return Ok(outcome?),
                None => sleep(wait.remaining(Instant::now())).await,
            },
        }
    }
}

fn now() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
}

async fn connect(server: &str, ca_pem: &[u8]) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem)?)?;
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(server.split(':').next().unwrap_or_default().to_owned())?;
    let stream = tokio::net::TcpStream::connect(server).await?;
    let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(connection: &mut SendRequest<Full<Bytes>>, transmit: Transmit) -> Result<Response, Failure> {
    let mut request = transmit.request.map(|body| Full::new(Bytes::from(body)));
    // On a connection of its own hyper wants `Host` and a bare path.
    let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let path = request.uri().path().to_owned();
    request.headers_mut().insert(header::HOST, host.parse()?);
    *request.uri_mut() = path.parse()?;
    connection.ready().await?;
    let (head, body) = connection.send_request(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes().to_vec()))
}
