//! The one call-back of a browser, by HTTP on this machine.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_core::{
    ErrorKind,
    wire::consent::{RequestToken, Verifier},
};

use crate::{exit::Exit, failure::Failure, interrupt::Interrupt};

/// A browser's request has a few hundred bytes before its headers.
const LONGEST_LINE: u64 = 8 * 1024;
const LONGEST_HEADERS: u64 = 64 * 1024;
/// Browsers open connections that they do not use: the next one is not kept waiting for long.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Bound before IBKR is asked for anything.
pub(super) struct Listener(TcpListener);

impl Listener {
    pub(super) fn bind(port: u16) -> Result<Self, Failure> {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        bound.map(Self).map_err(|error| {
            Failure::new(Exit::Usage, format!("cannot listen at 127.0.0.1:{port}"))
                .why(error.to_string())
                .help("choose another port with --port")
        })
    }

    /// Waits for the browser of the user who was asked. What else comes by is answered, and not listened to:
    /// a page that the user has open may send anything here.
    pub(super) fn verifier(
        &self,
        token: &RequestToken,
        within: Duration,
        interrupt: &Interrupt,
    ) -> Result<Verifier, Failure> {
        let begin = Instant::now();
        loop {
            if interrupt.is_seen() {
                return Err(Failure::new(Exit::Interrupted, "nobody was waited for any longer"));
            }
            if begin.elapsed() >= within {
                let what = "the browser has not come back in time";
                return Err(Failure::new(Exit::NoSession, what).help(
                    "run it again, and allow more time with --within; or type in the verifier that the page shows: \
                     `ibkr-auth authorize` without --port",
                ));
            }
            match self.0.accept() {
                Ok((stream, _)) => {
                    if let Some(ended) = answer(stream, token) {
                        return ended;
                    }
                }
                // Also what a browser has given up again.
                Err(_) => thread::sleep(LOOK_AGAIN),
            }
        }
    }
}

/// `None`: it was not the call-back.
fn answer(mut stream: TcpStream, token: &RequestToken) -> Option<Result<Verifier, Failure>> {
    let query = asked(&stream).ok()??;
    let (status, text, ended) = match token.verifier_of(&query) {
        Ok(verifier) => ("200 OK", "Thank you. You can close this page.", Some(Ok(verifier))),
        Err(error) if error.kind() == ErrorKind::Rejected && is_ours(&query, token) => {
            ("200 OK", "Nothing was allowed. You can close this page.", Some(Err(Failure::from(error))))
        }
        Err(_) => ("400 Bad Request", "This is not the answer that was waited for.", None),
    };
    // Whoever has closed the connection needs no answer.
    let _ = page(&mut stream, status, text);
    ended
}

fn is_ours(query: &str, token: &RequestToken) -> bool {
    query.split('&').any(|pair| pair.strip_prefix("oauth_token=") == Some(token.expose()))
}

/// The query of a GET that has one with a token in it. Anything else is answered here.
fn asked(stream: &TcpStream) -> io::Result<Option<String>> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(Timed { stream, until: Instant::now() + PATIENCE });
    let mut line = String::new();
    reader.by_ref().take(LONGEST_LINE).read_line(&mut line)?;
    // Its headers are read too: a connection that is closed before is reset, and the page with it.
    let mut headers = reader.take(LONGEST_HEADERS);
    let mut header = Vec::new();
    while headers.read_until(b'\n', &mut header)? > 0 && !header.trim_ascii().is_empty() {
        header.clear();
    }
    let target = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    match target.split_once('?') {
        Some((_, query)) if query.contains("oauth_") => Ok(Some(query.to_owned())),
        _ => page(&mut &*stream, "404 Not Found", "There is nothing here.").map(|()| None),
    }
}

/// Whoever sends a byte now and then keeps nobody waiting for longer either.
struct Timed<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

fn page(stream: &mut impl Write, status: &str, text: &str) -> io::Result<()> {
    let body = format!("<!doctype html><meta charset=utf-8><title>ibkr-auth</title><p>{text}</p>\n");
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}
