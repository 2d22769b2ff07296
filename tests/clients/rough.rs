//! A server of a few lines, for what happens to connections: healthy answers, and connections that end as
//! told.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{Config, Host, Step, testing};
use ibkr_auth_tests::{driver::Driver, lab::PUBLIC_IP};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;

const CERTIFICATE: &str = "ca.pem";

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It is kept.
    Keep,
    /// It ends unanswered as soon as a second request has arrived on it: an answer and the end of its
    /// connection have crossed with the next request.
    OnceOnly,
    /// It is kept, and none is answered before there are two.
    Together,
    /// No second request on it is answered: a router in between has forgotten it.
    Forgotten,
    /// Each request is read whole, and lost.
    Lose,
    /// TLS ends with each answer, and TCP stays open. A second request is not answered.
    EndsTls,
    /// An answer to a request of one's own has no length, and ends with the connection.
    NoLength,
    /// The same, and only TCP ends: as it does for whoever cuts an answer off.
    CutOff,
}

/// What a request comes through.
trait Line: Read + Write {
    /// Writes what is the last of it.
    fn write_last(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Line for TcpStream {
    fn write_last(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

impl Line for StreamOwned<ServerConnection, TcpStream> {
    fn write_last(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.conn.writer().write_all(bytes)?;
        self.conn.send_close_notify();
        // At once, so that both are received at once.
        self.flush()
    }
}

pub(crate) struct Rough {
    port: u16,
    /// Holds the certificate of one that speaks TLS.
    folder: Option<TempDir>,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Mutex<Manner>,
    /// First lines of requests.
    seen: Mutex<Vec<String>>,
    streams: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
}

impl Rough {
    /// It speaks plain HTTP.
    pub(crate) fn new(manner: Manner) -> Self {
        Self::start(manner, None, None)
    }

    pub(crate) fn with_tls(manner: Manner) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(CERTIFICATE), cert.pem()).unwrap();
        Self::start(manner, Some(Arc::new(tls)), Some(folder))
    }

    fn start(manner: Manner, tls: Option<Arc<ServerConfig>>, folder: Option<TempDir>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            seen: Mutex::default(),
            streams: Mutex::default(),
            accepted: AtomicUsize::new(0),
        });
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                all.accepted.fetch_add(1, Ordering::SeqCst);
                all.streams.lock().unwrap().push(stream.try_clone().unwrap());
                let (shared, tls) = (Arc::clone(&all), tls.clone());
                thread::spawn(move || match tls.map(ServerConnection::new) {
                    None => shared.serve(&stream, stream.try_clone().unwrap()),
                    Some(tls) => {
                        let line = StreamOwned::new(tls.unwrap(), stream.try_clone().unwrap());
                        shared.serve(&stream, line);
                    }
                });
            }
        });
        Self { port, folder, shared }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.folder.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub(crate) fn config(&self) -> Config {
        let host = Host::custom(&self.url()).unwrap();
        testing::config().with_host(host).with_public_ip(PUBLIC_IP).unwrap()
    }

    /// A client that is not logged in.
    pub(crate) fn client<D: Driver>(&self) -> D {
        self.client_with(self.config(), Proxy::Off)
    }

    pub(crate) fn client_with<D: Driver>(&self, config: Config, proxy: Proxy) -> D {
        let ca_file = self.folder.as_ref().map(|folder| folder.path().join(CERTIFICATE));
        let transport = Transport { ca_only: ca_file.is_some(), ca_file, proxy: Some(proxy) };
        D::new(config, testing::FakeKey, &transport).unwrap()
    }

    pub(crate) fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// Closes every connection.
    pub(crate) fn hang_up(&self) {
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            // It may have ended before.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many requests have arrived whose first line begins so.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.shared.seen.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }

    pub(crate) fn requests(&self) -> usize {
        self.count("")
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream, line: impl Line) {
        let mut reader = BufReader::new(line);
        for served in 0.. {
            let Some(line) = read(&mut reader) else { return };
            let manner = *self.manner.lock().unwrap();
            self.seen.lock().unwrap().push(line.clone());
            if manner == Manner::Lose || (manner == Manner::OnceOnly && served > 0) {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            if matches!(manner, Manner::Forgotten | Manner::EndsTls) && served > 0 {
                continue;
            }
            while manner == Manner::Together && self.accepted.load(Ordering::SeqCst) < 2 {
                thread::sleep(Duration::from_millis(1));
            }
            let path = line.split(' ').nth(1).unwrap_or_default();
            let body = step(path).map_or(b"{}".to_vec(), |step| testing::healthy_answer(step).into_body());
            let has_length = step(path).is_some() || !matches!(manner, Manner::NoLength | Manner::CutOff);
            let length = match has_length {
                true => format!("Content-Length: {}", body.len()),
                false => "Connection: close".to_owned(),
            };
            let answer = [format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n").as_bytes(), &body].concat();
            let is_last = manner == Manner::EndsTls || (manner == Manner::NoLength && !has_length);
            let line = reader.get_mut();
            let written = if is_last { line.write_last(&answer) } else { line.write_all(&answer) };
            if written.is_err() {
                return;
            }
            if !has_length {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// Reads one request; its first line.
fn read(reader: &mut impl BufRead) -> Option<String> {
    let (mut first, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            reader.take(length).read_to_end(&mut Vec::new()).ok()?;
            return first;
        }
        first.get_or_insert(line);
    }
}

/// Which step has this path.
pub(crate) fn step(path: &str) -> Option<Step> {
    Some(match path {
        "/oauth2/api/v1/token" => Step::GetAccessToken,
        "/gw/api/v1/sso-sessions" => Step::GetBearerToken,
        "/v1/api/sso/validate" => Step::ValidateSso,
        "/v1/api/iserver/auth/ssodh/init" => Step::SsodhInit,
        "/v1/api/iserver/auth/status" => Step::Status,
        "/v1/api/tickle" => Step::Tickle,
        "/v1/api/logout" => Step::Logout,
        "/ip" => Step::PublicIp,
        _ => return None,
    })
}
