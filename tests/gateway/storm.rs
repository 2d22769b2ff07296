//! Many clients at once: IBKR's limits hold, whatever they do.

use std::{sync::Mutex, thread, time::Duration};

use ibkr_sim::{Action, Endpoint, Fault};

use crate::{
    raw::{Wire, request},
    upstream::{Upstream, answer},
    world::World,
};

const PATHS: [(&str, &str); 16] = [
    ("POST", "/v1/api/tickle"),
    ("GET", "/v1/api/sso/validate"),
    ("GET", "/v1/api/portfolio/accounts"),
    ("GET", "/v1/portal/portfolio/subaccounts"),
    ("GET", "/v1/api/iserver/account/orders"),
    ("GET", "/v1/api/iserver/account/trades"),
    ("GET", "/v1/api/iserver/account/pnl/partitioned"),
    ("GET", "/v1/api/iserver/marketdata/snapshot?conids=265598&fields=31"),
    ("GET", "/v1/api/iserver/marketdata/history?conid=265598&period=1d&bar=1h"),
    ("GET", "/v1/api/iserver/scanner/params"),
    ("POST", "/v1/api/iserver/scanner/run"),
    ("POST", "/v1/api/pa/performance"),
    ("GET", "/v1/api/fyi/unreadnumber"),
    ("POST", "/v1/api/iserver/auth/status"),
    ("POST", "/v1/api/iserver/auth/ssodh/init"),
    ("GET", "/v1/api/iserver/accounts"),
];

#[test]
fn no_storm_of_clients_makes_ibkr_angry() {
    let world = World::with(|settings| settings.wait = Duration::from_millis(700)).ready();
    let statuses = Mutex::new(std::collections::BTreeMap::<u16, usize>::new());
    let begin = std::time::Instant::now();
    thread::scope(|scope| {
        for client in 0..24 {
            let (world, statuses) = (&world, &statuses);
            scope.spawn(move || {
                let mut wire = Wire::open(world.address);
                for turn in 0.. {
                    if begin.elapsed() > Duration::from_secs(5) {
                        return;
                    }
                    let (method, path) = PATHS[(client * 5 + turn) % PATHS.len()];
                    let reply = wire.ask(request(method, path, &["Content-Length: 0"], ""));
                    if reply.status == 429 {
                        let wait: u64 = reply
                            .header("retry-after")
                            .unwrap_or_else(|| panic!("{path}: {}", reply.text()))
                            .parse()
                            .unwrap();
                        assert!((1..=940).contains(&wait), "{path}: {wait}");
                        assert!(reply.header("x-ibkr-sim").is_none(), "{path}: {}", reply.text());
                    }
                    *statuses.lock().unwrap().entry(reply.status).or_default() += 1;
                    // The session's own work goes on among it.
                    if client == 0 && turn % 20 == 0 {
                        world.session().check();
                    }
                }
            });
        }
    });
    let counters = world.lab.server.handle().counters();
    assert!(counters.paced.is_empty(), "{:?}", counters.paced);
    assert_eq!(counters.statuses.get(&429), None, "{:?}", counters.statuses);
    let statuses = statuses.into_inner().unwrap();
    assert!(statuses[&200] > 30 && statuses[&429] > 100, "{statuses:?}");
    assert!(statuses.keys().all(|status| [200, 404, 429].contains(status)), "{statuses:?}");
}

#[test]
fn who_may_go_on_soon_waits_and_is_served() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    thread::sleep(Duration::ZERO);
    let begin = std::time::Instant::now();
    thread::scope(|scope| {
        for _ in 0..25 {
            scope.spawn(|| {
                let reply = Wire::open(world.address).ask(request("GET", "/v1/api/trsrv/futures", &[], ""));
                assert_eq!(reply.status, 200, "{}", reply.text());
            });
        }
    });
    assert!(begin.elapsed() > Duration::from_millis(1_900), "{:?}", begin.elapsed());
    assert_eq!(upstream.seen().len(), 25);
}

#[test]
fn after_ibkrs_429_nobody_asks_there_again() {
    let upstream = Upstream::saying(|_| answer("429 Too Many Requests", &["Retry-After: 600"], b"{}"));
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    let first = wire.ask(request("GET", "/v1/api/iserver/contract/1/info", &[], ""));
    assert_eq!((first.status, first.header("retry-after")), (429, Some("600")));
    for conid in 0..30 {
        let reply = wire.ask(request("GET", &format!("/v1/api/iserver/contract/{conid}/info"), &[], ""));
        assert_eq!(reply.status, 429);
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((590..=600).contains(&wait), "{wait}");
    }
    upstream.only();
}

#[test]
fn a_request_that_was_lost_with_its_session_is_sent_once_more() {
    let world = World::new().ready();
    world.lab.server.handle().restart();
    let mut wire = Wire::open(world.address);
    let reply = wire.ask(request("GET", "/v1/api/portfolio/DU1234567/ledger", &[], ""));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(world.count(Endpoint::Ledger), 2, "once in vain, and once more");
}

#[test]
fn an_order_without_an_answer_is_not_sent_again() {
    let world = World::with(|settings| settings.answer_within = Duration::from_millis(800)).ready();
    world
        .lab
        .server
        .handle()
        .add_fault(Fault::on(Endpoint::PlaceOrder, Action { processed: Some(true), ..Action::hang() }));
    let body = r#"{"orders":[{"conid":265598,"side":"BUY","orderType":"MKT","quantity":1,"tif":"DAY"}]}"#;
    let length = format!("Content-Length: {}", body.len());
    let mut wire = Wire::open(world.address);
    let reply = wire.ask(request(
        "POST",
        "/v1/api/iserver/account/DU1234567/orders",
        &[&length, "Content-Type: application/json"],
        body,
    ));
    assert_eq!(
        (reply.status, &reply.json()["executed"]),
        (504, &serde_json::Value::Null),
        "{}",
        reply.text()
    );
    assert_eq!(world.count(Endpoint::PlaceOrder), 1);
}
