//! What becomes of single requests when something goes wrong, and what their clients are told.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use ibkr_sim::{Endpoint, Handle, demo};

use crate::{
    raw::{Answer, ask},
    world::World,
};

const POSITIONS: &str = "/v1/api/portfolio/DU1234567/positions/0";

/// After so long without a request the brokerage session has ended.
const IDLE: Duration = Duration::from_secs(6 * 60);

fn path() -> String {
    format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT)
}

fn body(coid: &str) -> String {
    format!(r#"{{"orders":[{{"conid":265598,"cOID":"{coid}","side":"BUY","quantity":1}}]}}"#)
}

fn place(world: &World, body: &str, headers: &[&str]) -> Answer {
    let length = format!("Content-Length: {}", body.len());
    let headers = [&["Content-Type: application/json", &length], headers].concat();
    ask(world.address, "POST", &path(), &headers, body)
}

fn fault(world: &World, script: &str) {
    world.lab.server.handle().fault(script).unwrap();
}

/// How often each order was executed.
fn executed(world: &World) -> Vec<u64> {
    world.lab.server.handle().orders().iter().map(|order| order.times).collect()
}

#[test]
fn an_order_without_a_connection_was_not_sent() {
    let world = World::with(|settings| settings.answer_within = Duration::from_millis(900)).ready();
    fault(&world, r#"{"on":"tls","do":{"hang":true}}"#);
    let begin = Instant::now();
    let answer = place(&world, &body("a"), &[]);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!(answer.json()["executed"], false, "{}", answer.text());
    world.lab.server.handle().clear_faults();
    assert_eq!(place(&world, &body("a"), &[]).status, 200);
    assert_eq!(executed(&world), [1]);
}

#[test]
fn an_order_that_a_lost_session_has_refused_is_sent_after_healing() {
    for lose in [|sim: &Handle| sim.advance(IDLE), |sim: &Handle| sim.restart()] {
        let world = World::new().ready();
        let sim = world.lab.server.handle();
        lose(sim);
        // A compressed complaint could not be read.
        let answer = place(&world, &body("a"), &["Accept-Encoding: gzip"]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(executed(&world), [1]);
    }
}

#[test]
fn who_is_refused_because_of_another_login_is_told_at_once() {
    let world = World::new().ready();
    world.lab.server.handle().kick(None);
    let begin = Instant::now();
    assert_eq!(place(&world, &body("a"), &[]).status, 401);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(executed(&world), [0; 0]);
}

#[test]
fn accounts_that_were_lost_on_the_way_are_asked_for_again() {
    let world = World::new().ready();
    let sim = world.lab.server.handle();
    fault(&world, r#"{"on":"iserver/accounts","calls":"1","do":{"reset":true}}"#);
    sim.advance(IDLE);
    let answer = place(&world, &body("a"), &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_large_order_goes_once_whatever_is_said_to_it() {
    let world = World::new().ready();
    fault(&world, r#"{"on":"place-order","calls":"1","do":{"status":401}}"#);
    let large = body(&"x".repeat(100_000));
    assert_eq!(place(&world, &large, &[]).status, 401);
    assert_eq!(world.lab.server.handle().count(Endpoint::PlaceOrder), 1);
    assert_eq!(place(&world, &large, &[]).status, 200);
    assert_eq!(executed(&world), [1]);
}

#[test]
fn what_only_reads_is_read_once_more() {
    let world = World::new().ready();
    let sim = world.lab.server.handle();
    fault(&world, r#"{"on":"positions","calls":"1","do":{"reset":true}}"#);
    assert_eq!(ask(world.address, "GET", POSITIONS, &[], "").status, 200);
    assert_eq!(sim.count(Endpoint::Positions), 2);
    fault(&world, r#"{"on":"positions","do":{"reset":true}}"#);
    assert_eq!(ask(world.address, "GET", POSITIONS, &[], "").status, 502);
    assert_eq!(sim.count(Endpoint::Positions), 4);
}

#[test]
fn half_an_answer_is_no_whole_one() {
    let world = World::new().ready();
    for bytes in [0, 1, 20] {
        fault(&world, &format!(r#"{{"on":"positions","do":{{"truncate":{bytes}}}}}"#));
        let mut stream = TcpStream::connect(world.address).unwrap();
        write!(stream, "GET {POSITIONS} HTTP/1.1\r\nHost: localhost:5000\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        // The connection ends, though the client has not asked for that.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let is_whole = match length {
                Some(length) => length.parse() == Ok(body.len()),
                None => body.ends_with("0\r\n\r\n"),
            };
            assert!(!is_whole, "{answer}");
        }
        world.lab.server.handle().clear_faults();
    }
}

/// An order's answer that stands still or breaks off says no more of the order than none.
#[test]
fn half_an_answer_to_an_order_leaves_it_in_doubt_in_time() {
    for (fault_of, status) in [("drip_ms\":12000", 504), ("truncate\":10", 502)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.jsonl");
        let world = World::with(|settings| {
            settings.audit_file = Some(file.clone());
            settings.answer_within = Duration::from_millis(900);
        });
        let world = world.ready();
        fault(&world, &format!(r#"{{"on":"place-order","calls":"1","do":{{"{fault_of}}}}}"#));
        let begin = Instant::now();
        let answer = place(&world, &body("a"), &[]);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert_eq!((answer.status, &answer.json()["executed"]), (status, &serde_json::Value::Null));
        assert_eq!(executed(&world), [1]);
        drop(world);
        assert!(fs::read_to_string(&file).unwrap().contains(r#""fate":"unknown""#));
    }
}

#[test]
fn the_order_of_a_client_that_leaves_goes_on_and_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let world = World::with(|settings| settings.audit_file = Some(file.clone())).ready();
    fault(&world, r#"{"on":"place-order","calls":"1","do":{"delay_ms":300}}"#);
    let mut stream = TcpStream::connect(world.address).unwrap();
    let body = body("a");
    let (path, length) = (path(), body.len());
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let sim = world.lab.server.handle().clone();
    until(|| sim.count(Endpoint::PlaceOrder) == 1);
    drop(stream);
    // At its end, too, the gateway waits for it.
    drop(world);
    let written = fs::read_to_string(&file).unwrap();
    let line: serde_json::Value = serde_json::from_str(written.trim()).unwrap();
    assert_eq!((&line["status"], &line["fate"]), (&200.into(), &"answered".into()));
    assert_eq!(sim.orders().len(), 1);
}

#[test]
fn what_was_not_sent_is_not_written_down_as_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let world = World::with(|settings| settings.audit_file = Some(file.clone())).ready();
    world.gateway.as_ref().unwrap().session("default").unwrap().pause();
    let answer = place(&world, &body("a"), &[]);
    assert_eq!((answer.status, &answer.json()["executed"]), (401, &false.into()), "{}", answer.text());
    drop(world);
    assert!(fs::read_to_string(&file).unwrap().contains(r#""fate":"not sent""#));
}

fn until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it takes too long");
        thread::sleep(Duration::from_millis(5));
    }
}
