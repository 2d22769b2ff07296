//! Clients that mean harm, or are broken: nothing wrong reaches IBKR, and nobody else notices.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use ibkr_sim::Endpoint;
use proptest::prelude::*;
use tempfile::NamedTempFile;

use crate::{
    raw::{Wire, ask, request},
    stream::try_open,
    upstream::{Upstream, answer},
    world::{World, most_files, until},
};

const ORDERS: &str = "/v1/api/iserver/account/U1/orders";

fn is_healthy(world: &World) {
    assert_eq!(ask(world.address, "POST", "/v1/api/tickle", &["Content-Length: 0"], "").status, 200);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_answered() {
    let world = World::new().ready();
    let mut wire = Wire::open(world.address);
    for byte in request("GET", "/v1/api/tickle", &["User-Agent: slow"], "").as_bytes() {
        wire.write([*byte]);
    }
    assert_eq!(wire.read().unwrap().status, 200);
}

#[test]
fn who_has_nothing_more_to_say_is_still_answered() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    wire.write(request("POST", ORDERS, &["Content-Length: 2"], "{}"));
    wire.finish();
    assert_eq!(wire.read().unwrap().status, 200);
    assert!(wire.is_closed());
}

#[test]
fn giant_heads_are_refused_and_large_ones_are_not() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let large = format!("X-Large: {}", "x".repeat(16_000));
    assert_eq!(ask(world.address, "GET", "/v1/api/x", &[&large], "").status, 200);
    let path = format!("/v1/api/x?{}", "y".repeat(8_000));
    assert_eq!(ask(world.address, "GET", &path, &[], "").status, 200);
    // To the byte, however much of it comes at once.
    let of_length = |length: usize| {
        let rest = request("GET", "/v1/api/x", &["X-Large: "], "").len();
        request("GET", "/v1/api/x", &[&format!("X-Large: {}", "x".repeat(length - rest))], "")
    };
    let largest = of_length(64 * 1024);
    assert_eq!(Wire::open(world.address).ask(&largest).status, 200);
    upstream.forget();
    for length in [64 * 1024 + 1, 66_000, 90_000] {
        assert!(!passes(&world, of_length(length)), "{length}");
    }
    let giant = format!("X-Giant: {}", "x".repeat(200_000));
    let many: Vec<String> = (0..150).map(|number| format!("X-{number}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(ask(world.address, "GET", "/v1/api/x", &many, "").status, 431);
    assert!(!passes(&world, request("GET", "/v1/api/x", &[&giant], "")));
    assert!(upstream.seen().is_empty());
    is_healthy(&world);
}

/// What was sent too much may destroy the refusal on its way.
fn passes(world: &World, request: String) -> bool {
    let mut wire = Wire::open(world.address);
    wire.write(request);
    wire.read().is_some_and(|answer| answer.status != 431)
}

#[test]
fn idle_connections_make_room_and_hold_nobody_up() {
    // Both ends are here, and other tests want some too.
    let most = (most_files() / 16).clamp(20, 1_000);
    let world = World::planned(|plan| plan.most_connections = most).ready();
    let mut first = Wire::open(world.address);
    assert_eq!(first.ask(request("GET", "/v1/api/tickle", &[], "")).status, 200);
    let idle: Vec<TcpStream> = (0..2 * most).map(|_| TcpStream::connect(world.address).unwrap()).collect();
    is_healthy(&world);
    until("the first has made room", || world.connections() <= most as u64);
    assert!(first.is_closed(), "it was idle longest");
    let mut begun: Vec<Wire> = (0..most + 50).map(|_| Wire::open(world.address)).collect();
    begun.iter_mut().for_each(|wire| wire.write("GET /v1/api/tickle HTTP/1.1\r\nHost: loc"));
    is_healthy(&world);
    assert!(begun[0].is_closed(), "half a head is no work");
    drop((idle, begun));
    until("all have left", || world.connections() == 0);
}

#[test]
fn one_request_at_most_reaches_ibkr_and_the_right_one() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let host = "Host: localhost:5000\r\n";
    let hidden = "GET /v1/api/hidden HTTP/1.1\r\nHost: localhost:5000\r\n\r\n";
    let post = |headers: &str, body: &str| format!("POST /v1/api/x HTTP/1.1\r\n{host}{headers}\r\n{body}");
    let chunked = format!("0\r\n\r\n{hidden}");
    let cases = [
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunked),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        post("Content-Length: 0\r\nContent-Length: 52\r\n", hidden),
        post("Content-Length: 0, 52\r\n", hidden),
        post("Content-Length: +5\r\n", "hello"),
        post("Content-Length: 0x5\r\n", "hello"),
        post("Content-Length: -1\r\n", ""),
        post("Content-Length: 99999999999999999999\r\n", ""),
        post("Transfer-Encoding: xchunked\r\n", &chunked),
        post("Transfer-Encoding: chunked, identity\r\n", &chunked),
        post("Transfer-Encoding: identity\r\n", hidden),
        post("Transfer-Encoding : chunked\r\n", &chunked),
        post("Transfer-Encoding: \u{b}chunked\r\n", &chunked),
        post("X: 1\r\n Transfer-Encoding: chunked\r\n", &chunked),
        post("Transfer-Encoding:\r\n chunked\r\n", &chunked),
        post("X: a\0b\r\n", ""),
        post("X\0: a\r\n", ""),
        post("X: a\rContent-Length: 5\r\n", ""),
        post("Transfer-Encoding: chunked\r\n", "-1\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff1\r\nx"),
        post("Transfer-Encoding: chunked\r\n", "1\rx\r\n0\r\n\r\n"),
        format!("GET http://evil.example/v1/api/x HTTP/1.1\r\n{host}\r\n"),
        format!("GET http://localhost:5000@evil.example/v1/api/x HTTP/1.1\r\n{host}\r\n"),
        "GET http://evil.example/v1/api/x HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
        format!("CONNECT api.ibkr.com:443 HTTP/1.1\r\n{host}\r\n"),
        format!("CONNECT localhost:5000 HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/../../gw/api/v1/x HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/%2e%2e/x HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/..%2fx HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/%252e%252e%252fx HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/a\\..\\x HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/a%5c..%5cx HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/x y HTTP/1.1\r\n{host}\r\n"),
        format!("GET v1/api/x HTTP/1.1\r\n{host}\r\n"),
        format!("GET * HTTP/1.1\r\n{host}\r\n"),
        format!("GET /v1/api/x HTTP/2.0\r\n{host}\r\n"),
        format!("GET /v1/api/x HTTP/1.1\r\n{host}{host}\r\n"),
        "GET /v1/api/x HTTP/1.1\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ];
    for case in cases {
        upstream.forget();
        let mut wire = Wire::open(world.address);
        wire.write(&case);
        wire.finish();
        let mut statuses = Vec::new();
        while let Some(answer) = wire.read() {
            statuses.push(answer.status);
        }
        let seen: Vec<String> = upstream.seen().into_iter().map(|seen| seen.line).collect();
        // Of two lengths chunks win (RFC 9112, 6.3), and nothing comes after.
        let may_pass = case.contains("Transfer-Encoding: chunked\r\n")
            && case.contains("Content-Length: 5\r\n")
            && !case.contains("X:");
        assert!(seen.is_empty() || may_pass && seen == ["POST /v1/api/x HTTP/1.1"], "{case:?}: {seen:?}");
        let refused = statuses.iter().all(|status| [400, 403, 404, 431, 501, 505].contains(status));
        assert!(refused || may_pass, "{case:?}: {statuses:?}");
    }
    is_healthy(&world);
}

#[test]
fn requests_behind_each_other_are_answered_in_order() {
    let upstream = Upstream::saying(|seen| answer("200 OK", &[], seen.line.as_bytes()));
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    let all: String = (0..5).map(|number| request("GET", &format!("/v1/api/{number}"), &[], "")).collect();
    // Bare line ends are read as RFC 9112 allows, and mean nothing else.
    wire.write(all + "GET /v1/api/5 HTTP/1.1\nHost: localhost:5000\n\n");
    for number in 0..6 {
        assert_eq!(wire.read().unwrap().text(), format!("GET /v1/api/{number} HTTP/1.1"));
    }
    assert_eq!(upstream.seen().len(), 6);
}

#[test]
fn web_pages_do_not_get_in() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let named = |host: &str, headers: &str| {
        let text =
            format!("POST {ORDERS} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{headers}\r\n{{}}");
        Wire::open(world.address).ask(text).status
    };
    for host in ["evil.example", "evil.example:5000", "localhost.evil.example:5000", "127.0.0.1.nip.io", ""] {
        assert_eq!(named(host, ""), 403, "{host}");
        let text = format!("GET /v1/api/x HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = Wire::open(world.address).ask(text).text();
        assert!(answer.contains("; gateway_allow_hosts names"), "{answer}");
    }
    for headers in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:3000\r\n",
        "Origin: \r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n",
    ] {
        assert_eq!(named("localhost:5000", headers), 403, "{headers}");
        let text = format!("GET /v1/api/x HTTP/1.1\r\nHost: localhost:5000\r\n{headers}\r\n");
        let answer = Wire::open(world.address).ask(text);
        assert_eq!(answer.status, 403, "{headers}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert!(answer.text().contains("; gateway_allow_origins names"), "{}", answer.text());
    }
    let preflight = ["Origin: https://evil.example", "Access-Control-Request-Method: POST"];
    let may = ask(world.address, "OPTIONS", ORDERS, &preflight, "");
    assert_eq!((may.status, may.header("access-control-allow-origin")), (403, None));
    let link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"];
    assert_eq!(ask(world.address, "GET", "/gateway", &link, "").status, 200);
    assert_eq!(
        ask(world.address, "GET", "/v1/api/logout", &link, "").status,
        403,
        "a link that does something"
    );
    let form = [&link[..], &["Content-Length: 2", "Content-Type: text/plain"]].concat();
    assert_eq!(ask(world.address, "POST", ORDERS, &form, "{}").status, 403, "a form of a foreign page");
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    world.runtime.block_on(async {
        for headers in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            assert_eq!(try_open(&world, "/v1/api/ws", &[headers]).await.err(), Some(403), "{headers:?}");
        }
    });
}

#[test]
fn the_token_is_wanted_everywhere() {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"s3cret-of-clients").unwrap();
    let world = World::with(|settings| settings.client_token_file = Some(file.path().to_owned())).ready();
    for path in [
        "/v1/api/tickle",
        "/v1/api/portfolio/accounts",
        "/gateway",
        "/gateway/state",
        "/metrics",
        "/sso/ping",
    ] {
        let refused = ask(world.address, "GET", path, &[], "");
        assert_eq!((refused.status, refused.header("www-authenticate").is_some()), (401, true), "{path}");
    }
    for header in [
        "Authorization: Bearer s3cret-of-clients",
        "Authorization: Basic YW55OnMzY3JldC1vZi1jbGllbnRz",
        "X-Gateway-Token: s3cret-of-clients",
    ] {
        assert_eq!(ask(world.address, "GET", "/v1/api/tickle", &[header], "").status, 200, "{header}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(world.address, "GET", path, &[], "").status, 200, "{path}");
    }
    world.runtime.block_on(async {
        assert_eq!(try_open(&world, "/v1/api/ws", &[]).await.err(), Some(401));
        assert!(try_open(&world, "/v1/api/ws", &[("x-gateway-token", "s3cret-of-clients")]).await.is_ok());
    });
}

#[test]
fn read_only_is_no_matter_of_spelling() {
    let upstream = Upstream::new();
    let world = World::planned(|plan| {
        plan.upstream = Some(upstream.url.clone());
        plan.settings.read_only = true;
    })
    .ready();
    for (method, path) in [
        ("POST", ORDERS),
        ("POST", "//v1/portal//iserver/account/U1/orders/"),
        ("POST", "/v1/api/iserver/account/U1/%6frders"),
        ("DELETE", "/v1/api/iserver/account/U1/order/7"),
        ("PUT", "/v1/api/iserver/auth/status"),
        ("PATCH", "/v1/api/x"),
        ("POST", "/v1/api/iserver/reply/x"),
        ("PURGE", "/v1/api/x"),
        ("POST", "/v1/api/logout"),
    ] {
        let headers = ["Content-Length: 0", "X-HTTP-Method-Override: GET"];
        assert_eq!(ask(world.address, method, path, &headers, "").status, 403, "{method} {path}");
    }
    assert!(upstream.seen().is_empty());
    for (method, path) in
        [("GET", "/v1/api/iserver/account/orders"), ("POST", "/v1/api/iserver/account/U1/orders/whatif")]
    {
        assert_eq!(
            ask(world.address, method, path, &["Content-Length: 0"], "").status,
            200,
            "{method} {path}"
        );
    }
    assert_eq!(ask(world.address, "GET", "/v1/api/x", &["X-HTTP-Method-Override: POST"], "").status, 200);
    assert!(upstream.seen().iter().all(|seen| seen.header("x-http-method-override").is_none()));
}

#[test]
fn an_order_cut_off_anywhere_does_not_leave() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let body = r#"{"orders":[{"conid":265598}]}"#;
    let length = format!("Content-Length: {}", body.len());
    let plain = request("POST", ORDERS, &[&length], body);
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = request("POST", ORDERS, &["Transfer-Encoding: chunked"], &chunks);
    for whole in [&plain, &chunked] {
        // All at once, so that it does not take long.
        let mut wires: Vec<Wire> = (0..whole.len()).map(|_| Wire::open(world.address)).collect();
        for (end, wire) in wires.iter_mut().enumerate() {
            wire.write(&whole[..end]);
            if end % 2 == 0 {
                wire.finish();
            }
        }
        drop(wires);
        until("all have left", || world.connections() == 0);
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    assert_eq!(Wire::open(world.address).ask(&plain).status, 200);
}

#[test]
fn a_large_upload_cut_off_does_not_look_whole() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    wire.write(request("POST", "/v1/api/x", &["Content-Length: 200000"], &"x".repeat(150_000)));
    until("it has begun to arrive", || world.connections() > 0);
    drop(wire);
    until("it has left", || world.connections() == 0);
    assert!(upstream.seen().iter().all(|seen| !seen.is_whole));
    is_healthy(&world);
}

#[test]
fn who_leaves_in_a_download_leaves_nothing_behind() {
    let large = vec![7; 20_000_000];
    let upstream = Upstream::saying(move |_| answer("200 OK", &[], &large));
    let world = World::before(&upstream.url);
    let mut slow: Vec<Wire> = (0..6).map(|_| Wire::open(world.address)).collect();
    for wire in &mut slow {
        wire.write(request("GET", "/v1/api/large", &[], ""));
        assert!(wire.byte().is_some());
    }
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        is_healthy(&world);
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "slow readers hold others up: {:?}", begin.elapsed());
    until("the slow ones are left", || world.connections() == 6);
    drop(slow);
    until("they have left", || world.connections() == 0);
}

#[test]
fn a_download_is_work_and_makes_no_room() {
    let large = vec![7; 20_000_000];
    let upstream = Upstream::saying(move |_| answer("200 OK", &[], &large));
    let world = World::planned(|plan| {
        plan.upstream = Some(upstream.url.clone());
        plan.most_connections = 4;
    })
    .ready();
    let mut download = Wire::open(world.address);
    download.write(request("GET", "/v1/api/large", &[], ""));
    assert!(download.byte().is_some());
    let _idle: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(world.address).unwrap()).collect();
    is_healthy(&world);
    assert_eq!(download.rest(), 20_000_000);
    assert_eq!(download.ask(request("GET", "/v1/api/tickle", &[], "")).status, 200, "it was not closed");
}

#[test]
fn an_order_goes_on_though_its_client_has_left() {
    let (tell, told) = std::sync::mpsc::channel();
    let upstream = Upstream::saying(move |_| {
        tell.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        answer("200 OK", &[], b"{}")
    });
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    wire.write(request("POST", ORDERS, &["Content-Length: 2"], "{}"));
    told.recv_timeout(Duration::from_secs(10)).unwrap();
    drop(wire);
    until("it was answered", || {
        world.metric("ibkr_gateway_requests_total{session=\"default\",outcome=\"answered\"}") == 1
    });
    upstream.only();
}

#[test]
fn no_bytes_bring_it_down() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let piece = prop_oneof![
        Just(b"GET /v1/api/tickle HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        Just(b"POST /v1/api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Just(b"GET /v1/api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..200),
    ];
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(pieces in proptest::collection::vec(piece, 1..5))| {
        let mut wire = Wire::open(world.address);
        wire.write(pieces.concat());
    });
    until("all have left", || world.connections() == 0);
    until("their streams have ended", || world.metric("ibkr_gateway_websockets{session=\"default\"}") == 0);
    is_healthy(&world);
}

/// Whoever stops a container waits ten seconds for it, and kills it before it has logged out.
#[test]
fn who_says_nothing_does_not_hold_up_the_end() {
    for is_plain in [true, false] {
        let world = World::with(|settings| settings.plain = is_plain).ready();
        let mut wire = Wire::open(world.address);
        if is_plain {
            wire.write("GET /v1/api/tickle HTTP/1.1\r\nHost: loc");
            until("the head is noticed", || world.connections() == 1);
        }
        let sim = world.lab.server.handle().clone();
        let begin = Instant::now();
        drop(world);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert_eq!(sim.count(Endpoint::Logout), 1);
    }
}

#[test]
fn what_the_gateway_adds_is_not_sent_back_to_a_client() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    assert_eq!(ask(world.address, "TRACE", "/v1/api/x", &[], "").status, 405);
    assert!(upstream.seen().is_empty());
}
