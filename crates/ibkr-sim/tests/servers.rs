//! The servers around the heart, over real sockets.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use common::{Client, Connection, dial, post, tickle, token_request};
use ibkr_sim::{Endpoint, HostState, Moment, Server, ServerConfig, SimConfig};

const LOOKUP: &str = "GET /ip HTTP/1.1\r\nhost: ipinfo.io\r\n\r\n";

fn get(server: &Server, port: u16, request: &str) -> common::Answer {
    let _ = server;
    Connection::new(dial(port).unwrap()).send(request).unwrap()
}

/// A server whose clock stands still at a Wednesday's noon.
fn stopped() -> ServerConfig {
    ServerConfig { start: Some(Moment::from_secs(1_795_021_200)), scale: 0.0, ..SimConfig::default().into() }
}

#[test]
fn a_login_over_tls() {
    let server = Server::start(SimConfig::default()).unwrap();
    let client = Client::of(&server);
    let bearer = client.log_in(&server);
    let mut connection = client.connect("localhost").unwrap();
    let headers = format!("authorization: Bearer {bearer}\r\ncontent-type: application/json\r\n");
    let init = post("/v1/api/iserver/auth/ssodh/init", &headers, r#"{"publish":true,"compete":true}"#);
    let answer = connection.send(&init).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["authenticated"], true);
    let answer = connection.send(&tickle(&bearer)).unwrap();
    assert_eq!(answer.json()["iserver"]["authStatus"]["connected"], true);
    let counters = server.handle().counters();
    assert_eq!((counters.tokens, counters.bearers, counters.inits), (1, 1, 1));
    assert!(counters.refusals.is_empty());
}

#[test]
fn connections_and_handshakes_are_counted() {
    let server = Server::start(stopped()).unwrap();
    let client = Client::of(&server);
    for _ in 0..2 {
        client.send("api.ibkr.com", &token_request(0)).unwrap();
    }
    let connections = server.handle().connections();
    assert_eq!((connections.tcp, connections.tls_full, connections.tls_resumed), (2, 1, 1));
    assert_eq!(connections.tls_hosts["api.ibkr.com"], 2);
    assert_eq!(server.handle().count(Endpoint::Token), 2);
}

#[test]
fn a_client_that_does_not_trust_the_authority_is_counted() {
    let server = Server::start(stopped()).unwrap();
    let stranger = Client::of(&Server::start(stopped()).unwrap());
    let stream = dial(server.ports().https).unwrap();
    assert!(stranger.secure("localhost", stream).unwrap().send(LOOKUP).is_err());
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.handle().connections().tls_failed == 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn the_lookup_tells_the_public_address() {
    let server = Server::start(stopped()).unwrap();
    let plain = get(&server, server.ports().lookup, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(plain.body, b"203.0.113.7");
    server.handle().set_ip("198.51.100.9".parse().unwrap());
    let client = Client::of(&server);
    assert_eq!(client.send("ipinfo.io", LOOKUP).unwrap().body, b"198.51.100.9");
    let json = get(&server, server.ports().lookup, "GET /?format=json HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(json.json()["ip"], "198.51.100.9");
}

fn tunnel(server: &Server, to: &str) -> (u16, TcpStream, String) {
    let mut stream = dial(server.ports().proxy).unwrap();
    write!(stream, "CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    (head[9..12].parse().unwrap(), stream, head)
}

#[test]
fn the_proxy_leads_to_the_simulator_and_nowhere_else() {
    let server = Server::start(stopped()).unwrap();
    let client = Client::of(&server);
    let (status, stream, _) = tunnel(&server, "1.api.ibkr.com:443");
    assert_eq!(status, 200);
    let request = "GET /v1/api/tickle HTTP/1.1\r\nhost: 1.api.ibkr.com\r\nuser-agent: test\r\n\r\n";
    let answer = client.secure("1.api.ibkr.com", stream).unwrap().send(request).unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(server.handle().counters().hosts["1.api.ibkr.com"], 1);
    for elsewhere in ["example.com:443", "api.ibkr.com:80"] {
        assert_eq!(tunnel(&server, elsewhere).0, 403);
    }
    let connections = server.handle().connections();
    assert_eq!((connections.tunnels, connections.tunnels_refused), (1, 2));
}

#[test]
fn numbered_hosts_can_be_bad_one_by_one() {
    let server = Server::start(stopped()).unwrap();
    let client = Client::of(&server);
    let request = |host| format!("GET /v1/api/tickle HTTP/1.1\r\nhost: {host}\r\nuser-agent: test\r\n\r\n");
    server.handle().set_host("1.api.ibkr.com", Some(HostState::Gone));
    server.handle().set_host("2.api.ibkr.com", Some(HostState::Unavailable));
    server.handle().set_host("3.api.ibkr.com", Some(HostState::Refuse));
    let gone = client.send("1.api.ibkr.com", &request("1.api.ibkr.com")).unwrap();
    assert_eq!((gone.status, gone.body.as_slice()), (410, &b"gone"[..]));
    assert_eq!(client.send("2.api.ibkr.com", &request("2.api.ibkr.com")).unwrap().status, 503);
    assert!(client.send("3.api.ibkr.com", &request("3.api.ibkr.com")).is_err());
    assert_eq!(tunnel(&server, "3.api.ibkr.com:443").0, 502);
    assert_eq!(client.send("4.api.ibkr.com", &request("4.api.ibkr.com")).unwrap().status, 401);
    server.handle().set_host("1.api.ibkr.com", None);
    assert_eq!(client.send("1.api.ibkr.com", &request("1.api.ibkr.com")).unwrap().status, 401);
}
