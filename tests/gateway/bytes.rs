//! What arrives at IBKR, and what comes back, byte by byte.

use std::{io::Write, net::Shutdown};

use crate::{
    raw::{Wire, ask, request},
    upstream::{Seen, Upstream, answer},
    world::World,
};

fn body_of(seen: &Seen) -> String {
    String::from_utf8(seen.body.clone()).unwrap()
}

#[test]
fn a_request_arrives_untouched() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let path = "/v1/api/md/x%20y%2Cz/Ünï?filters=a%2Cb&x=%7B%22y%22%3A[1]|2&empty=&&c=d+e%2B'";
    let path = path.replace("Ünï", "%C3%9Cn%c3%af;p=1");
    let body = "{\"a\" :  1.00, \"b\":\"\u{e4}\"}\r\n";
    let length = format!("Content-Length: {}", body.len());
    let headers = [
        "Content-Type: application/json; charset=utf-8; x=y",
        "Accept: */*",
        "X-Own: 1",
        "User-Agent: Console",
        "Cookie: api=undefined; x-sess-uuid=0.1",
        "Authorization: Basic eDp5",
        "Origin: http://localhost:5000",
        "Referer: https://localhost:5000/demo",
        &length,
    ];
    assert_eq!(ask(world.address, "POST", &path, &headers, body).status, 200);
    let seen = upstream.only();
    assert_eq!(seen.line, format!("POST {path} HTTP/1.1"));
    assert_eq!(body_of(&seen), body);
    assert_eq!(seen.header("content-type"), Some("application/json; charset=utf-8; x=y"));
    assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
    assert_eq!(seen.header("accept"), Some("*/*"));
    assert_eq!(seen.header("x-own"), Some("1"));
    assert_eq!(seen.header("authorization"), Some("Bearer bearer"));

    assert_eq!(seen.header("host"), Some(upstream.url.trim_start_matches("http://")));
    assert!(seen.header("user-agent").is_some());
    for own in ["cookie", "origin", "referer", "transfer-encoding"] {
        assert_eq!(seen.header(own), None, "{own}");
    }
    for name in ["host", "authorization", "content-length", "content-type", "user-agent"] {
        let count = seen.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).count();
        assert_eq!(count, 1, "{name}: {:?}", seen.headers);
    }
}

#[test]
fn every_verb_arrives_and_has_its_length() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let path = "/v1/api/iserver/x";
    for (method, headers, length) in [
        ("GET", &[][..], None),
        ("HEAD", &[], None),
        ("GET", &["Content-Length: 0"], None),
        ("POST", &[], Some("0")),
        ("POST", &["Content-Length: 0"], Some("0")),
        ("DELETE", &[], Some("0")),
        ("PUT", &[], Some("0")),
        ("PATCH", &[], Some("0")),
        ("OPTIONS", &[], Some("0")),
    ] {
        upstream.forget();
        assert_eq!(ask(world.address, method, path, headers, "").status, 200, "{method}");
        let seen = upstream.only();
        assert_eq!(seen.line, format!("{method} {path} HTTP/1.1"));
        let own = seen.header("content-length");
        assert!(own == length || length.is_none() && own == Some("0"), "{method}: {own:?}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "GET"] {
        upstream.forget();
        ask(world.address, method, path, &["Content-Length: 5"], "a=1&b");
        assert_eq!(body_of(&upstream.only()), "a=1&b", "{method}");
    }
}

#[test]
fn chunks_arrive_as_one_body_with_its_length() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let chunks = "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n";
    let chunked = ["Transfer-Encoding: chunked"];
    assert_eq!(ask(world.address, "POST", "/v1/api/x", &chunked, chunks).status, 200);
    let seen = upstream.only();
    assert_eq!((body_of(&seen).as_str(), seen.header("content-length")), ("abcdefg", Some("7")));
    assert_eq!(seen.header("transfer-encoding"), None);
}

#[test]
fn a_large_body_arrives_whole() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    for size in [64 * 1024, 64 * 1024 + 1, 5_000_000] {
        upstream.forget();
        let body: String = "0123456789".repeat(size / 10 + 1)[..size].to_owned();
        let length = format!("Content-Length: {size}");
        assert_eq!(ask(world.address, "POST", "/v1/api/x", &[&length], &body).status, 200);
        let seen = upstream.only();
        assert!(body_of(&seen) == body, "{} of {size}", seen.body.len());
        assert_eq!(seen.header("content-length"), Some(size.to_string().as_str()));
    }
}

#[test]
fn who_waits_for_leave_to_send_gets_it() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    wire.write(request("POST", "/v1/api/x", &["Content-Length: 2", "Expect: 100-continue"], ""));
    assert_eq!(wire.read().unwrap().status, 100);
    wire.write("{}");
    assert_eq!(wire.read().unwrap().status, 200);
    assert_eq!(upstream.only().header("expect"), None);
}

#[test]
fn an_answer_comes_back_untouched() {
    let binary: Vec<u8> = (0..=255).cycle().take(1_000).collect();
    let large: Vec<u8> = binary.iter().copied().cycle().take(5_000_000).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("200 OK", binary.clone()),
        ("200 OK", Vec::new()),
        ("200 OK", large.clone()),
        ("200 Fine by me", b"{}".to_vec()),
        ("202 Accepted", b"{}".to_vec()),
        ("302 Found", Vec::new()),
        ("400 Bad Request: no such contract", br#"{"error":"no such contract"}"#.to_vec()),
        ("400 Bad Request", large.clone()),
        ("403 Forbidden", b"".to_vec()),
        ("404 Resource not found", b"<html>".to_vec()),
        ("500 Internal Server Error", br#"{"error":"no bridge","statusCode":500}"#.to_vec()),
        ("503 Service Unavailable", b"Service Unavailable".to_vec()),
        ("599 Whatever", binary),
    ];
    let said = cases.clone();
    let upstream = Upstream::saying(move |seen| {
        let case: usize = seen.line.split(['/', ' ']).nth(4).unwrap().parse().unwrap();
        let headers = [
            "Content-Type: application/octet-stream",
            "Content-Encoding: gzip",
            "X-Response-Time: 17ms",
            "Cache-Control: max-age=0, no-cache, no-store",
            "Server-Timing: cdn-cache; desc=MISS",
            "Location: https://api.ibkr.com/x",
            "ETag: \"x\"",
            "Vary: origin",
            "X-Two: 1",
            "X-Two: 2",
            "Set-Cookie: api=new; secure",
            "Strict-Transport-Security: max-age=31536000",
            "Access-Control-Allow-Origin: *",
            "Connection: keep-alive, X-Hop",
            "X-Hop: 1",
        ];
        answer(said[case].0, &headers, &said[case].1)
    });
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    for (case, (status, body)) in cases.iter().enumerate() {
        let reply = wire.ask(request("GET", &format!("/v1/api/{case}"), &["Accept-Encoding: gzip"], ""));
        assert_eq!(format!("{} {}", reply.status, reply.reason), *status);
        assert!(reply.body == *body, "{status}: {} of {} bytes", reply.body.len(), body.len());
        assert_eq!(reply.header("content-length"), Some(body.len().to_string().as_str()), "{status}");
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("content-encoding", "gzip"),
            ("x-response-time", "17ms"),
            ("cache-control", "max-age=0, no-cache, no-store"),
            ("server-timing", "cdn-cache; desc=MISS"),
            ("location", "https://api.ibkr.com/x"),
            ("etag", "\"x\""),
            ("vary", "origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{status}");
        }
        assert_eq!(reply.names().iter().filter(|name| *name == "x-two").count(), 2);
        for name in ["set-cookie", "strict-transport-security", "access-control-allow-origin", "x-hop"] {
            assert_eq!(reply.header(name), None, "{status}: {name}");
        }
    }
    assert!(upstream.seen().iter().all(|seen| seen.header("accept-encoding") == Some("gzip")));
    assert_eq!(upstream.seen().len(), cases.len(), "each was sent once");
}

#[test]
fn an_answer_without_a_length_comes_back_whole() {
    let upstream = Upstream::doing(|seen, stream| {
        use std::io::Write;
        let chunked = seen.line.contains("chunked");
        let head = if chunked { "Transfer-Encoding: chunked" } else { "Connection: close" };
        let body = if chunked { "5\r\nhello\r\n6\r\n, you!\r\n0\r\n\r\n" } else { "hello, you!" };
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").as_bytes());
        if !chunked {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    for path in ["/v1/api/chunked", "/v1/api/until-the-end", "/v1/api/chunked"] {
        let reply = wire.ask(request("GET", path, &[], ""));
        assert_eq!(reply.text(), "hello, you!", "{path}");
        assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    }
}

#[test]
fn head_tells_the_length_and_204_has_no_body() {
    let upstream = Upstream::saying(|seen| match seen.line.starts_with("HEAD") {
        true => b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nContent-Type: application/json\r\n\r\n".to_vec(),
        false => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
    });
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    for _ in 0..2 {
        wire.write(request("HEAD", "/v1/api/x", &[], ""));
        let reply = wire.read_to("HEAD").unwrap();
        assert_eq!((reply.status, reply.header("content-length")), (200, Some("17")));
        let reply = wire.ask(request("DELETE", "/v1/api/x", &[], ""));
        assert_eq!((reply.status, reply.header("content-length")), (204, None));
    }
}

#[test]
fn both_prefixes_and_doubled_slashes_reach_the_same_place() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    for path in [
        "/v1/api/trsrv/stocks?symbols=A//B",
        "/v1/portal/trsrv/stocks?symbols=A//B",
        "//v1//portal/trsrv//stocks?symbols=A//B",
    ] {
        upstream.forget();
        assert_eq!(wire.ask(request("GET", path, &[], "")).status, 200);
        assert_eq!(upstream.only().line, "GET /v1/api/trsrv/stocks?symbols=A//B HTTP/1.1");
    }
}

#[test]
fn what_breaks_off_does_not_look_whole() {
    let upstream = Upstream::doing(|_, stream| {
        use std::io::Write;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    wire.write(request("GET", "/v1/api/x", &["Connection: close"], ""));
    let mut all = Vec::new();
    while let Some(byte) = wire.byte() {
        all.push(byte);
    }
    let text = String::from_utf8(all).unwrap();
    assert!(text.contains("hello") && !text.ends_with("0\r\n\r\n"), "{text:?}");
}

/// An answer to what changes something is held until it is whole, or too long for that.
#[test]
fn the_answer_to_an_order_comes_whole_whatever_its_form() {
    let sized = |size: usize| (answer("200 OK", &[], &vec![b'x'; size]), 200, size);
    let forms = [
        sized(0),
        sized(64 * 1024 - 1),
        sized(64 * 1024),
        sized(64 * 1024 + 1),
        sized(1_000_000),
        (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), 204, 0),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
              2\r\nab\r\n1\r\nc\r\n0\r\nServer-Timing: x\r\n\r\n"
                .to_vec(),
            200,
            3,
        ),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy".to_vec(), 503, 4),
    ];
    for (said, status, size) in forms {
        let upstream = Upstream::saying(move |_| said.clone());
        let world = World::before(&upstream.url);
        let answer =
            ask(world.address, "POST", "/v1/api/iserver/account/U1/orders", &["Content-Length: 2"], "{}");
        assert_eq!((answer.status, answer.body.len()), (status, size));
        upstream.only();
    }
}

/// Without a length an answer ends with its connection.
#[test]
fn an_answer_that_ends_with_its_connection_comes_whole() {
    let upstream = Upstream::doing(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n[1]");
        let _ = stream.shutdown(Shutdown::Both);
    });
    let world = World::before(&upstream.url);
    for method in ["POST", "GET"] {
        let answer = ask(world.address, method, "/v1/api/iserver/x", &["Content-Length: 0"], "");
        assert_eq!((answer.status, answer.text().as_str()), (200, "[1]"), "{method}");
    }
}
