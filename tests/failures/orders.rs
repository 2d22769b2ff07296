//! A user's own order under each fault: how often it arrived, and what its sender was told.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use ibkr_auth_core::{Advice, Error, Host, Request, Response, leaves_in_doubt};
use ibkr_auth_tests::{
    driver::{Async, Blocking, Driver},
    lab::{Lab, key},
};
use ibkr_sim::{Endpoint, demo};

use crate::{cell::advice, faults::FAULTS};

/// Ways on which no order gets through.
const ROADS: [(&str, Road); 5] = [
    ("kept connections closed", Road::Closed),
    ("nobody listens", Road::Nobody),
    ("handshake reset", Road::Bad(|stream| drop(stream.peek(&mut [0])))),
    ("handshake garbled", Road::Bad(garble)),
    ("handshake without answer", Road::Bad(keep)),
];

#[derive(Debug, Clone, Copy)]
enum Road {
    /// The server closes what was kept, and is there.
    Closed,
    Nobody,
    /// Each connection is treated so.
    Bad(fn(TcpStream)),
}

fn garble(mut stream: TcpStream) {
    let _ = stream.write_all(b"this is not TLS");
    let _ = stream.read(&mut [0; 4096]);
}

fn keep(stream: TcpStream) {
    static KEPT: Mutex<Vec<TcpStream>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(stream);
}

/// All rows.
pub(crate) fn rows() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().map(|(name, _)| *name).chain(ROADS.iter().map(|(name, _)| *name))
}

/// What comes of an order in that row, in the blocking client and in the async one.
pub(crate) fn run(row: &str, asynchronous: bool) -> String {
    if asynchronous { drive::<Async>(row) } else { drive::<Blocking>(row) }
}

fn drive<D: Driver>(row: &str) -> String {
    let lab = Lab::new();
    let relay = Relay::to(lab.server.ports().https);
    let config = lab.config().with_timeout(Duration::from_secs(2)).expect("valid").with_host(relay.host());
    let mut client = D::new(config, key(), &lab.transport()).expect("a client");
    client.connect().expect("nothing is wrong yet");
    client.send(get("/v1/api/iserver/accounts")).expect("orders want it");
    if let Some((_, action)) = FAULTS.iter().find(|(name, _)| *name == row) {
        let rule = format!(r#"{{"on":"place-order","calls":"1","do":{action}}}"#);
        lab.server.handle().fault(&rule).expect("a valid script");
    } else if let Some((_, road)) = ROADS.iter().find(|(name, _)| *name == row) {
        match road {
            Road::Closed => relay.hang_up(),
            Road::Nobody => client.set_host(host(drop, true)),
            Road::Bad(treat) => client.set_host(host(*treat, false)),
        }
    }
    let outcome = client.send(order());
    let arrived = lab.server.handle().count(Endpoint::PlaceOrder);
    let executed = lab.server.handle().counters().orders;
    check(row, &outcome, arrived, executed);
    format!("{arrived}, {executed}, {}", describe(&outcome))
}

fn get(path: &str) -> Request {
    http::Request::get(path).body(Vec::new()).expect("a path")
}

fn order() -> Request {
    let body = br#"{"orders":[{"conid":265598,"orderType":"MKT","side":"BUY","quantity":1,"tif":"DAY"}]}"#;
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    http::Request::post(path).header("content-type", "application/json").body(body.to_vec()).expect("a path")
}

/// A host on loopback that treats each connection so, or is gone.
fn host(treat: fn(TcpStream), is_gone: bool) -> Host {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
    let address = listener.local_addr().expect("it is bound");
    if !is_gone {
        thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(treat));
    }
    Host::custom(&format!("https://{address}")).expect("a loopback URL")
}

/// Stands before the simulator, and closes connections.
struct Relay {
    port: u16,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
        let port = listener.local_addr().expect("it is bound").port();
        let streams: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let kept = Arc::clone(&streams);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
                let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
                kept.lock().unwrap().push(clone(&near));
                for (mut from, mut to) in [(clone(&near), clone(&far)), (far, near)] {
                    thread::spawn(move || {
                        // Whatever ends one way ends the other.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        Self { port, streams }
    }

    fn host(&self) -> Host {
        Host::custom(&format!("https://localhost:{}", self.port)).expect("a loopback URL")
    }

    fn hang_up(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            // It may have ended before.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// What must hold in every row.
fn check(row: &str, outcome: &Result<Response, Error>, arrived: u64, executed: u64) {
    assert!(arrived <= 1 && executed <= arrived, "{row}: {arrived} {executed}");
    if let Err(error) = outcome {
        assert!(error.may_have_been_executed() || arrived == 0, "{row}: {error}");
        let may_repeat = matches!(error.advice(), Advice::RetryAfter(_));
        assert!(arrived == 0 || !(may_repeat || error.to_string().contains("try again")), "{row}: {error}");
    }
}

fn describe(outcome: &Result<Response, Error>) -> String {
    match outcome {
        Ok(answer) => {
            let doubt = leaves_in_doubt(order().method(), answer.status());
            format!("{}{}", answer.status().as_u16(), if doubt { ", in doubt" } else { "" })
        }
        Err(error) => {
            let sent = if error.may_have_been_executed() { "" } else { ", not sent" };
            format!("**{:?}**, {}{sent}", error.kind(), advice(error))
        }
    }
}
