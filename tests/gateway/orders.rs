//! An order as a client sends it, and what the client is told of it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use ibkr_sim::demo;
use serde_json::Value;

/// What a client was told of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// A whole answer of IBKR's with its number.
    Executed,
    /// `"executed": false`.
    NotExecuted,
    /// `"executed": null`, or half an answer, or none.
    Unknown,
    /// An answer of IBKR's that refuses it.
    Refused,
    /// It is to come again later, or nobody is there.
    Later,
    /// An answer of IBKR's that leaves it open.
    Open,
}

/// A number that a longer run is given.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

/// Whether that was true of an order that was executed so often.
pub(crate) fn is_true(told: Told, times: u64) -> bool {
    match told {
        Told::Executed => times == 1,
        Told::NotExecuted | Told::Refused | Told::Later => times == 0,
        Told::Unknown | Told::Open => times <= 1,
    }
}

/// Sends an order on a connection of its own, and reads what becomes of it.
pub(crate) fn order(address: SocketAddr, coid: &str) -> Told {
    let body = format!(
        r#"{{"orders":[{{"conid":265598,"cOID":"{coid}","side":"BUY","orderType":"MKT","tif":"DAY","quantity":1}}]}}"#
    );
    let request = format!(
        "POST /v1/api/iserver/account/{}/orders HTTP/1.1\r\nHost: localhost:5000\r\nUser-Agent: orders\r\n\
         Accept-Encoding: gzip, deflate\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        demo::ACCOUNT,
        body.len()
    );
    let Ok(mut stream) = TcpStream::connect(address) else { return Told::Later };
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = Vec::new();
    if stream.write_all(request.as_bytes()).is_err() || stream.read_to_end(&mut answer).is_err() {
        return Told::Unknown;
    }
    told(&answer)
}

fn told(answer: &[u8]) -> Told {
    let text = String::from_utf8_lossy(answer);
    let Some((status, body)) = whole(&text) else { return Told::Unknown };
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    match (json.get("executed"), status) {
        (Some(Value::Bool(false)), 429) => Told::Later,
        (Some(Value::Bool(false)), _) => Told::NotExecuted,
        (Some(_), _) => Told::Unknown,
        (None, 200) => {
            assert!(json[0]["order_id"].is_string(), "whole, and no order: {text}");
            Told::Executed
        }
        (None, 408 | 499 | 500..) => Told::Open,
        (None, 400..) => Told::Refused,
        (None, _) => panic!("{text}"),
    }
}

/// Status and body, if nothing of it is missing.
fn whole(text: &str) -> Option<(u16, String)> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        return (length.parse() == Ok(body.len())).then(|| (status, body.to_owned()));
    }
    assert!(head.contains("transfer-encoding: chunked"), "{text}");
    let (mut rest, mut joined) = (body, String::new());
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some((status, joined));
        }
        joined.push_str(after.get(..length)?);
        rest = after.get(length + 2..)?;
    }
}
