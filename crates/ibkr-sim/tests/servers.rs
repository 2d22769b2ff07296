//! The servers around the simulator, over real sockets.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use common::{Client, Connection, dial, post, tickle, token_request};
use ibkr_sim::{
    Action, Authority, Endpoint, Fault, HostState, Moment, PORTAL_HOSTS, Server, ServerConfig, SimConfig,
};

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
fn the_page_of_consent_is_behind_the_proxy_too() {
    let server = Server::start(stopped()).unwrap();
    let client = Client::of(&server);
    for host in PORTAL_HOSTS {
        let (status, stream, _) = tunnel(&server, &format!("{host}:443"));
        assert_eq!(status, 200);
        let request = format!("GET /authorize?oauth_token=00 HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let answer = client.secure(host, stream).unwrap().send(&request).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (401, Some("text/html")));
        assert_eq!(server.handle().counters().hosts[host], 1);
    }
    assert_eq!(server.handle().count(Endpoint::Authorize), 2);
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

/// A server with one fault on tickle, a connection to it, and a tickle.
fn faulty(action: &str) -> (Server, Connection, String) {
    let server = Server::start(stopped()).unwrap();
    let client = Client::of(&server);
    let bearer = client.log_in(&server);
    server.handle().fault(&format!(r#"{{"on":"tickle","do":{action}}}"#)).unwrap();
    let connection = client.connect("localhost").unwrap();
    (server, connection, tickle(&bearer))
}

#[test]
fn a_reset_is_a_reset() {
    let (_server, mut connection, tickle) = faulty(r#"{"reset":true}"#);
    let error = connection.send(&tickle).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_goes_through_proxy_and_delay() {
    let config = ServerConfig { one_way_delay: Duration::from_millis(5), ..stopped() };
    let server = Server::start(config).unwrap();
    server.handle().fault(r#"{"do":{"reset":true}}"#).unwrap();
    let client = Client::of(&server);
    let error = client.send("localhost", LOOKUP).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let (_, stream, _) = tunnel(&server, "ipinfo.io:443");
    let error = client.secure("ipinfo.io", stream).unwrap().send(LOOKUP).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_connection_can_be_closed_in_good_order_instead_of_an_answer() {
    let (server, mut connection, tickle) = faulty(r#"{"close":true}"#);
    assert_eq!(connection.send(&tickle).err().unwrap().kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(server.handle().count(Endpoint::Tickle), 1);
}

#[test]
fn a_connection_can_be_closed_after_an_answer_that_does_not_say_so() {
    let (_server, mut connection, tickle) = faulty(r#"{"close_after":true}"#);
    let answer = connection.send(&tickle).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, None));
    assert!(connection.is_closed());
}

#[test]
fn connections_are_kept_for_so_many_requests_and_so_long() {
    let mut config = stopped();
    config.sim.rules.connection_requests = Some(2);
    let server = Server::start(config).unwrap();
    let client = Client::of(&server);
    let mut connection = client.connect("ipinfo.io").unwrap();
    for _ in 0..2 {
        let answer = connection.send(LOOKUP).unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }
    assert!(connection.is_closed());

    server.handle().with(|sim| sim.config_mut().rules.connection_requests = None);
    server.handle().with(|sim| sim.config_mut().rules.connection_idle = Some(Duration::from_millis(20)));
    let mut connection = client.connect("ipinfo.io").unwrap();
    assert_eq!(connection.send(LOOKUP).unwrap().status, 200);
    assert!(connection.is_closed());
}

#[test]
fn connections_can_fail_before_there_is_a_request() {
    use std::io::ErrorKind::{ConnectionReset, UnexpectedEof, WouldBlock};
    for (fault, expected) in [
        (r#"{"on":"tcp","do":{"reset":true}}"#, ConnectionReset),
        (r#"{"on":"tcp","do":{"close":true}}"#, UnexpectedEof),
        (r#"{"on":"tcp","do":{"hang":true}}"#, WouldBlock),
        (r#"{"on":"tls","do":{"reset":true}}"#, ConnectionReset),
        (r#"{"on":"tls","do":{"close":true}}"#, UnexpectedEof),
        (r#"{"on":"tls","do":{"hang":true}}"#, WouldBlock),
    ] {
        let server = Server::start(stopped()).unwrap();
        server.handle().fault(fault).unwrap();
        let client = Client::of(&server);
        let stream = dial(server.ports().https).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let error = client.secure("localhost", stream).unwrap().send(LOOKUP).err().unwrap();
        let kind = if error.kind() == std::io::ErrorKind::TimedOut { WouldBlock } else { error.kind() };
        assert_eq!(kind, expected, "{fault}: {error}");
        assert_eq!(server.handle().counters().total(), 0, "no request was seen");
        server.handle().clear_faults();
        assert_eq!(client.send("ipinfo.io", LOOKUP).unwrap().status, 200);
    }
}

#[test]
fn the_way_to_the_proxy_and_the_way_behind_it_fail_apart() {
    let server = Server::start(stopped()).unwrap();
    server.handle().fault(r#"{"on":"tcp","host":"proxy","calls":1,"do":{"close":true}}"#).unwrap();
    server.handle().fault(r#"{"on":"tls","host":"api.ibkr.com","do":{"reset":true}}"#).unwrap();
    let mut stream = dial(server.ports().proxy).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    let client = Client::of(&server);
    let (status, stream, _) = tunnel(&server, "api.ibkr.com:443");
    assert_eq!(status, 200);
    let error = client.secure("api.ibkr.com", stream).unwrap().send(LOOKUP).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let (_, stream, _) = tunnel(&server, "ipinfo.io:443");
    assert_eq!(client.secure("ipinfo.io", stream).unwrap().send(LOOKUP).unwrap().status, 200);
}

#[test]
fn look_up_services_have_a_url_each() {
    let server = Server::start(stopped()).unwrap();
    let lie = r#"{"on":"lookup","host":"ifconfig.me","do":{"status":200,"body":"8.8.8.8"}}"#;
    server.handle().fault(lie).unwrap();
    let base = server.lookup_url();
    let says = |url: String| {
        let path = url.strip_prefix(&base).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        String::from_utf8(get(&server, server.ports().lookup, &request).body).unwrap()
    };
    assert_eq!(says(server.lookup_url_of("ifconfig.me")), "8.8.8.8");
    assert_eq!(says(server.lookup_url_of("checkip.amazonaws.com")), "203.0.113.7\n");
    assert_eq!(says(server.lookup_url_of("api.ipify.org") + "?format=json"), r#"{"ip":"203.0.113.7"}"#);
    assert_eq!(says(server.lookup_url() + "/ip"), "203.0.113.7");
}

#[test]
fn without_tls_it_is_the_same_api() {
    let server = Server::start(ServerConfig { plain: true, ..stopped() }).unwrap();
    assert_eq!(server.base_url(), format!("http://localhost:{}", server.ports().https));
    let request = token_request(server.handle().now().secs());
    assert_eq!(get(&server, server.ports().https, &request).status, 200);
}

#[test]
fn a_hang_is_silence_on_an_open_connection() {
    let server = Server::start(stopped()).unwrap();
    server.handle().fault(r#"{"on":"lookup","do":{"hang":true}}"#).unwrap();
    let mut stream = dial(server.ports().lookup).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    stream.write_all(LOOKUP.as_bytes()).unwrap();
    let error = stream.read(&mut [0]).err().unwrap();
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error}");
    let stopping = Instant::now();
    drop(server);
    assert!(stopping.elapsed() < Duration::from_secs(1), "a hanging request holds nothing up");
}

#[test]
fn a_truncated_body_ends_before_its_length() {
    let server = Server::start(stopped()).unwrap();
    server.handle().fault(r#"{"on":"lookup","do":{"truncate":3}}"#).unwrap();
    let mut stream = dial(server.ports().lookup).unwrap();
    stream.write_all(LOOKUP.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("content-length: 11\r\n") && answer.ends_with("\r\n\r\n203"), "{answer}");
}

#[test]
fn a_drip_takes_its_time() {
    let (_server, mut connection, tickle) = faulty(r#"{"status":200,"body":"0123456789","drip_ms":5}"#);
    let start = Instant::now();
    assert_eq!(connection.send(&tickle).unwrap().body, b"0123456789");
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn a_delay_delays() {
    let (_server, mut connection, tickle) = faulty(r#"{"delay_ms":60}"#);
    let start = Instant::now();
    assert_eq!(connection.send(&tickle).unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[test]
fn a_huge_body_is_made_while_it_is_sent() {
    let (server, mut connection, tickle) = faulty(r#"{"huge":3000000}"#);
    let answer = connection.send(&tickle).unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 3_000_000));
    server.handle().clear_faults();
    assert_eq!(connection.send(&tickle).unwrap().status, 200, "the connection lives on");
}

#[test]
fn time_is_stepped_and_scaled() {
    let server = Server::start(stopped()).unwrap();
    let handle = server.handle();
    let bearer = Client::of(&server).log_in(&server);
    let start = handle.now();
    handle.advance(Duration::from_secs(3599));
    assert_eq!(handle.now().since(start), Duration::from_secs(3599));
    let client = Client::of(&server);
    let answer = client.send("localhost", &tickle(&bearer)).unwrap();
    assert_eq!((answer.status, answer.header("date")), (200, Some("Wed, 18 Nov 2026 17:59:59 GMT")));
    handle.advance(Duration::from_secs(1));
    assert_eq!(client.send("localhost", &tickle(&bearer)).unwrap().status, 401);
    handle.set_scale(1000.0);
    std::thread::sleep(Duration::from_millis(5));
    handle.set_scale(0.0);
    let stopped_at = handle.now();
    assert!(stopped_at.since(start) >= Duration::from_secs(3605));
    assert_eq!(handle.now(), stopped_at);
}

/// One round trip each: TCP (modelled), TLS 1.3, the request.
#[test]
fn a_one_way_delay_can_be_counted_in_round_trips() {
    let one_way = Duration::from_millis(25);
    let server = Server::start(ServerConfig { one_way_delay: one_way, ..stopped() }).unwrap();
    let client = Client::of(&server);
    let timed = |connection: &mut Connection| {
        let start = Instant::now();
        connection.send(LOOKUP).unwrap();
        start.elapsed().as_secs_f64() / (2 * one_way).as_secs_f64()
    };
    // A busy machine only ever adds to the time: the quickest of a few tries counts.
    let tries = (0..5).map(|_| {
        let mut connection = client.connect("ipinfo.io").unwrap();
        (timed(&mut connection), timed(&mut connection))
    });
    let (first, second) = tries.reduce(|best, new| (best.0.min(new.0), best.1.min(new.1))).unwrap();
    assert!((3.0..3.9).contains(&first), "{first} round trips");
    assert!((1.0..1.9).contains(&second), "{second} round trips");
}

#[test]
fn the_admin_port_steers_and_tells() {
    let server = Server::start(stopped()).unwrap();
    let admin = server.ports().admin;
    let index = get(&server, admin, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(String::from_utf8(index.body).unwrap().contains("POST   /faults"));
    let send = |path: &str, body: &str| get(&server, admin, &post(path, "", body));

    assert_eq!(send("/faults", r#"{"on":"lookup","do":{"status":500}}"#).status, 200);
    assert_eq!(send("/faults", r#"{"on":"nowhere","do":{}}"#).status, 400);
    let client = Client::of(&server);
    assert_eq!(client.send("ipinfo.io", LOOKUP).unwrap().status, 500);
    let cleared = get(&server, admin, "DELETE /faults HTTP/1.1\r\nhost: localhost\r\n\r\n").json();
    assert_eq!(cleared["faults"], serde_json::json!([]));

    assert_eq!(send("/ip", r#"{"ip":"198.51.100.9"}"#).json()["ip"], "198.51.100.9");
    assert_eq!(send("/time", r#"{"step_s":3600,"scale":0}"#).json()["now"], "Wed, 18 Nov 2026 18:00:00 GMT");
    assert_eq!(
        send("/host", r#"{"host":"1.api.ibkr.com","state":"gone"}"#).json()["hosts"]["1.api.ibkr.com"],
        "gone"
    );
    assert_eq!(
        send("/host", r#"{"host":"1.api.ibkr.com","state":null}"#).json()["hosts"],
        serde_json::json!({})
    );
    for path in ["/kick", "/release", "/restart"] {
        assert_eq!(send(path, "").status, 200);
    }
    assert_eq!(send("/nothing", "").status, 404);

    client.send("localhost", &tickle("nonsense")).unwrap();
    let requests = get(&server, admin, "GET /requests HTTP/1.1\r\nhost: localhost\r\n\r\n").json();
    assert_eq!(requests[1]["refusals"][0]["rule"], "bearer");
    let counters = get(&server, admin, "GET /counters HTTP/1.1\r\nhost: localhost\r\n\r\n").json();
    assert_eq!(counters["sim"]["requests"]["tickle"], 1);
    let orders = get(&server, admin, "GET /orders HTTP/1.1\r\nhost: localhost\r\n\r\n").json();
    assert_eq!(orders, serde_json::json!([]));
    assert_eq!(counters["connections"]["tls_full"], 2, "one for each name");
    let page =
        get(&server, admin, "GET /state HTTP/1.1\r\nhost: localhost\r\norigin: https://example.com\r\n\r\n");
    assert_eq!(page.status, 403);
    // A website whose own name leads here: a browser sends that name.
    for (host, expected) in [
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:1", 403),
        ("127.0.0.1:1", 200),
        ("[::1]", 200),
        ("LOCALHOST", 200),
    ] {
        let request = format!("GET /state HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(get(&server, admin, &request).status, expected, "{host}");
    }
    let nameless = "POST /restart HTTP/1.1\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(get(&server, admin, nameless).status, 403);
}

#[test]
fn an_answer_of_the_simulator_can_be_told_from_ibkrs() {
    let (server, mut connection, tickle) = faulty(r#"{"date_shift_s":0}"#);
    let answer = connection.send(&tickle).unwrap();
    assert_eq!(answer.header("x-ibkr-sim"), Some(env!("CARGO_PKG_VERSION")));
    server.handle().clear_faults();
    server.handle().add_fault(Fault::everywhere(Action::status(503)));
    assert!(connection.send(&tickle).unwrap().header("x-ibkr-sim").is_some());
}

#[test]
fn clients_go_on_trusting_an_authority_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Authority::kept_in(folder.path()).unwrap().is_none());
    let first = Server::start(stopped()).unwrap();
    first.authority().keep(folder.path()).unwrap();
    let client = Client::of(&first);
    let authority = Authority::kept_in(folder.path()).unwrap();
    let second = Server::start(ServerConfig { authority, ..stopped() }).unwrap();
    assert_eq!(second.ca_pem(), first.ca_pem());
    let stream = dial(second.ports().https).unwrap();
    assert_eq!(client.secure("1.api.ibkr.com", stream).unwrap().send(LOOKUP).unwrap().status, 200);
    let stream = dial(second.ports().https).unwrap();
    assert_eq!(client.secure("127.0.0.1", stream).unwrap().send(LOOKUP).unwrap().status, 200);

    // The key of another authority does not go with it.
    let other = Authority::make().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    other.keep(elsewhere.path()).unwrap();
    std::fs::copy(elsewhere.path().join("ca-key.pem"), folder.path().join("ca-key.pem")).unwrap();
    let error = Authority::kept_in(folder.path()).unwrap_err().to_string();
    assert!(error.contains("ca-key.pem") && error.contains("not the simulator's"), "{error}");
}

#[test]
fn servers_stop_when_they_are_dropped() {
    let server = Server::start(stopped()).unwrap();
    let port = server.ports().https;
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn rules_are_read_and_set_while_it_runs() {
    let server = Server::start(stopped()).unwrap();
    let admin = server.ports().admin;
    let send = |path: &str, body: &str| get(&server, admin, &post(path, "", body));
    let rules = send("/rules", r#"{"bearer_life":"10m","gzip":false,"pacing_patience":3}"#);
    assert_eq!(rules.status, 200);
    let read = get(&server, admin, "GET /rules HTTP/1.1\r\nhost: localhost\r\n\r\n").json();
    assert_eq!(rules.json(), read);
    let set = server.handle().rules();
    assert_eq!((set.bearer_life, set.gzip, set.pacing_patience), (Duration::from_secs(600), false, 3));
    let wrong = send("/rules", r#"{"bearer_life":"20m","gzp":true}"#);
    assert_eq!(wrong.json()["error"], "there is no rule `gzp`; did you mean `gzip`?");
    assert_eq!((wrong.status, server.handle().rules()), (400, set), "all or none");
}
