//! Requests as clients write them, byte by byte, and answers as they come.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn names(&self) -> Vec<String> {
        self.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.plain()).into_owned()
    }

    /// The body without the simulator's compression, which is one stored block.
    fn plain(&self) -> &[u8] {
        match self.body.split_at_checked(15) {
            Some((&[0x1f, 0x8b, .., 1, low, high, _, _], rest)) => {
                &rest[..usize::from(u16::from_le_bytes([low, high]))]
            }
            _ => &self.body,
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.plain()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// A connection of a client's.
pub(crate) struct Wire(Box<dyn Stream>, TcpStream);

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = connect(address);
        Self(Box::new(stream.try_clone().unwrap()), stream)
    }

    /// Over TLS, to this name.
    pub(crate) fn over_tls(address: SocketAddr, name: &str, config: ClientConfig) -> io::Result<Self> {
        let mut tcp = connect(address);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        let tcp_too = tcp.try_clone()?;
        Ok(Self(Box::new(StreamOwned::new(tls, tcp)), tcp_too))
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // Who is refused early may find the door closed.
        let _ = self.0.write_all(bytes.as_ref());
        let _ = self.0.flush();
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.1.shutdown(Shutdown::Write).unwrap();
    }

    /// One byte more; `None` when the connection is closed.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        matches!(self.0.read(&mut byte), Ok(1)).then_some(byte[0])
    }

    /// Reads an answer whose first byte was read to its end, and says how long its body is.
    pub(crate) fn rest(&mut self) -> usize {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().expect("the head goes on"));
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        body.len()
    }

    /// Whether the other side has closed, and says nothing more.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(length) => length == 0,
            // Silence for as long as this test waits is no end.
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }

    /// The next answer; `None` when the connection ends before it is whole.
    pub(crate) fn read(&mut self) -> Option<Answer> {
        self.read_to("GET")
    }

    /// The next answer, to a request of this method.
    pub(crate) fn read_to(&mut self, method: &str) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return None,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let mut first = lines.next().unwrap().splitn(3, ' ').skip(1);
        let status: u16 = first.next().unwrap().parse().unwrap();
        let reason = first.next().unwrap_or_default().to_owned();
        let pair =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers: Vec<(String, String)> = lines.filter_map(pair).collect();
        let mut answer = Answer { status, reason, headers, body: Vec::new() };
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return Some(answer);
        }
        if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut answer.body).ok()?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks()?;
        }
        Some(answer)
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                let mut byte = [0];
                self.0.read_exact(&mut byte).ok()?;
                line.push(byte[0]);
            }
            let length = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; length + 2];
            self.0.read_exact(&mut chunk).ok()?;
            if length == 0 {
                return Some(body);
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }

    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.write(request);
        self.read().expect("an answer")
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// A request with lines for its head and a body.
pub(crate) fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost:5000\r\n{headers}\r\n{body}")
}

/// One request on a connection of its own.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut wire = Wire::open(address);
    wire.write(request(method, path, headers, body));
    wire.read_to(method).expect("an answer")
}
