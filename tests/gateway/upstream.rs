//! An upstream that logs everybody in, and writes down byte by byte what else it is asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The first line: method, path and query, version.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// All of the body that was announced has come.
    pub(crate) is_whole: bool,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

type Answer = dyn Fn(&Seen, &mut TcpStream) + Send + Sync;

pub(crate) struct Upstream {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

const LOGIN: [(&str, &str); 8] = [
    (
        "/oauth2/api/v1/token",
        r#"{"access_token":"access","token_type":"Bearer","scope":"sso-sessions.write","expires_in":86399}"#,
    ),
    ("/gw/api/v1/sso-sessions", r#"{"access_token":"bearer","active":true,"token_type":"Bearer"}"#),
    ("/v1/api/sso/validate", r#"{"RESULT":true,"USER_NAME":"someone","USER_ID":7,"EXPIRES":80000000}"#),
    (
        "/v1/api/iserver/auth/ssodh/init",
        r#"{"authenticated":true,"connected":true,"competing":false,"established":true}"#,
    ),
    (
        "/v1/api/iserver/auth/status",
        r#"{"authenticated":true,"connected":true,"competing":false,"established":true}"#,
    ),
    (
        "/v1/api/tickle",
        r#"{"session":"bb665d0f55b6289d70bc7380089fc96f","iserver":{"authStatus":{"authenticated":true,"connected":true,"competing":false,"established":true}}}"#,
    ),
    ("/v1/api/logout", r#"{"status":true}"#),
    ("/v1/api/iserver/accounts", r#"{"accounts":["U1"]}"#),
];

impl Upstream {
    /// Answers everything with `{}`.
    pub(crate) fn new() -> Self {
        Self::saying(|_| answer("200 OK", &["Content-Type: application/json"], b"{}"))
    }

    /// Answers with these bytes.
    pub(crate) fn saying(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::doing(move |seen, stream| {
            let _ = stream.write_all(&answer(seen));
        })
    }

    /// Answers in this way.
    pub(crate) fn doing(answer: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, all): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, all) = (Arc::clone(&answer), Arc::clone(&all));
                thread::spawn(move || serve(stream, &all, &*answer));
            }
        });
        Self { url, seen }
    }

    /// What was asked for beside the login.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that has come.
    #[track_caller]
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen[0].clone()
    }

    pub(crate) fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }
}

/// An answer with its length.
pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Seen>>, answer_it: &Answer) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(seen) = read(&mut reader) {
        let path = seen.line.split(' ').nth(1).unwrap_or_default();
        if let Some((_, body)) = LOGIN.iter().find(|(own, _)| *own == path) {
            let _ = stream.write_all(&answer("200 OK", &["Content-Type: application/json"], body.as_bytes()));
            continue;
        }
        all.lock().unwrap().push(seen.clone());
        if !seen.is_whole {
            return;
        }
        answer_it(&seen, &mut stream);
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut seen = Seen { line: line.trim_end().to_owned(), ..Seen::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        seen.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    seen.is_whole = match seen.header("transfer-encoding") {
        Some(_) => chunks(reader, &mut seen.body).is_some(),
        None => {
            let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
            let _ = reader.take(length).read_to_end(&mut seen.body);
            seen.body.len() as u64 == length
        }
    };
    Some(seen)
}

fn chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(());
        }
        body.extend_from_slice(&chunk[..length]);
    }
}
