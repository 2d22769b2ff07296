//! A minimal HTTPS client of the tests' own: it shares nothing with the clients of this workspace.
#![expect(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, SystemTime},
};

use ibkr_jws::{Jws, RsaKey};
use ibkr_sim::{Server, demo};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection that speaks HTTP/1.1.
pub struct Connection(BufReader<Box<dyn Stream>>);

impl Connection {
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)))
    }

    /// Waits until the other side closes the connection in good order.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.0.fill_buf(), Ok([]))
    }

    /// Sends a request as given and reads the answer to its last byte.
    pub fn send(&mut self, request: &str) -> io::Result<Answer> {
        self.0.get_mut().write_all(request.as_bytes())?;
        self.0.get_mut().flush()?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or(io::ErrorKind::UnexpectedEof)?.parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body)?;
        Ok(answer)
    }
}

/// A client that trusts the simulator's authority. Clones share TLS sessions.
#[derive(Clone)]
pub struct Client {
    port: u16,
    tls: Arc<ClientConfig>,
}

impl Client {
    pub fn of(server: &Server) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server.ca_pem().as_bytes()).unwrap()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { port: server.ports().https, tls: Arc::new(tls) }
    }

    pub fn connect(&self, host: &'static str) -> io::Result<Connection> {
        self.secure(host, dial(self.port)?)
    }

    /// TLS over a stream that leads to `host`.
    pub fn secure(&self, host: &'static str, stream: TcpStream) -> io::Result<Connection> {
        Ok(Connection::new(self.tls(host, stream)?))
    }

    /// The same before anything is spoken over it.
    pub fn tls(&self, host: &'static str, stream: TcpStream) -> io::Result<Tls> {
        let name = ServerName::try_from(host).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.tls), name).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }

    pub fn send(&self, host: &'static str, request: &str) -> io::Result<Answer> {
        self.connect(host)?.send(request)
    }

    /// From nothing to an SSO bearer.
    pub fn log_in(&self, server: &Server) -> String {
        let now = server.handle().now().secs();
        let answer = self.send("localhost", &token_request(now)).unwrap();
        assert_eq!(answer.status, 200);
        let access = answer.json()["access_token"].as_str().unwrap().to_owned();
        let answer = self.send("localhost", &sso_request(&access, now)).unwrap();
        assert_eq!(answer.status, 200);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

pub fn dial(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

pub fn sign(claims: &Value) -> String {
    let key = RsaKey::from_pem(demo::PRIVATE_KEY_PEM.as_bytes()).unwrap();
    Jws::rs256(demo::KEY_ID, claims, &key).unwrap().expose().to_owned()
}

pub fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: test\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

pub fn token_request(now: i64) -> String {
    let claims = json!({
        "iss": demo::CLIENT_ID, "sub": demo::CLIENT_ID, "aud": "/token", "exp": now + 20, "iat": now - 10,
    });
    let body = format!(
        "grant_type=client_credentials&scope=sso-sessions.write&client_assertion={}\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
        sign(&claims)
    );
    post("/oauth2/api/v1/token", "content-type: application/x-www-form-urlencoded\r\n", &body)
}

pub fn sso_request(access: &str, now: i64) -> String {
    let claims = json!({
        "ip": "203.0.113.7", "credential": demo::CREDENTIAL, "iss": demo::CLIENT_ID, "exp": now + 86_400, "iat": now,
    });
    let headers = format!("authorization: Bearer {access}\r\ncontent-type: application/jwt\r\n");
    post("/gw/api/v1/sso-sessions", &headers, &sign(&claims))
}

pub fn tickle(bearer: &str) -> String {
    post("/v1/api/tickle", &format!("authorization: Bearer {bearer}\r\n"), "")
}

pub fn wall() -> SystemTime {
    SystemTime::now()
}
