//! A server of a few lines, for what happens to connections: plain HTTP, healthy answers, and connections that end as told.

use std::{
    io::{BufRead, BufReader, Read, Write},
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

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It is kept.
    Keep,
    /// It ends unanswered as soon as a second request has arrived on it: an answer and the end of its connection have crossed
    /// with the next request.
    OnceOnly,
    /// It is kept, and none is answered before there are two.
    Together,
    /// No second request on it is answered: a router in between has forgotten it.
    Forgotten,
    /// Each request is read whole, and lost.
    Lose,
}

pub(crate) struct Rough {
    port: u16,
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
    pub(crate) fn new(manner: Manner) -> Self {
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
                let shared = Arc::clone(&all);
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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
        let transport = Transport { proxy: Some(proxy), ..Transport::default() };
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
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for served in 0.. {
            let Some(line) = read(&mut reader) else { return };
            let manner = *self.manner.lock().unwrap();
            self.seen.lock().unwrap().push(line.clone());
            if manner == Manner::Lose || (manner == Manner::OnceOnly && served > 0) {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            if manner == Manner::Forgotten && served > 0 {
                continue;
            }
            while manner == Manner::Together && self.accepted.load(Ordering::SeqCst) < 2 {
                thread::sleep(Duration::from_millis(1));
            }
            let path = line.split(' ').nth(1).unwrap_or_default();
            let body = step(path).map_or(b"{}".to_vec(), |step| testing::healthy_answer(step).into_body());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if (&stream).write_all(&[head.as_bytes(), &body].concat()).is_err() {
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
