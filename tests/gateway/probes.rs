//! ibeam's probes on a port of their own.

use std::net::{SocketAddr, TcpListener};

use ibkr_auth_async::Phase;

use crate::{
    raw::{Wire, ask, request},
    world::{World, until},
};

/// A gateway with a health port.
fn probed() -> (World, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (World::with(|settings| settings.health_port = Some(free.port())).ready(), free)
}

fn probe(health: SocketAddr, path: &str) -> u16 {
    ask(health, "GET", path, &[], "").status
}

#[test]
fn they_tell_and_switch() {
    let (world, health) = probed();
    assert_eq!(["/livez", "/readyz", "/nothing"].map(|path| probe(health, path)), [200, 200, 404]);
    assert_eq!(ask(health, "GET", "/deactivate", &["Origin: https://evil.example"], "").status, 403);
    assert_eq!(world.session().phase(), Phase::Connected);
    assert_eq!(probe(health, "/deactivate"), 200);
    world.wait_for(Phase::Paused);
    assert_eq!(["/livez", "/readyz"].map(|path| probe(health, path)), [200, 503]);
    assert_eq!(ask(world.address, "GET", "/v1/api/portfolio/accounts", &[], "").status, 401);
    assert_eq!(probe(health, "/activate"), 200);
    world.wait_for(Phase::Connected);
    assert_eq!(probe(health, "/readyz"), 200);
}

/// Connections that say nothing take no descriptors from clients.
#[test]
fn there_are_not_too_many_at_a_time() {
    let (world, health) = probed();
    let mut silent: Vec<Wire> = (0..32).map(|_| Wire::open(health)).collect();
    assert!(Wire::open(health).is_closed(), "there are 32 already");
    assert_eq!(ask(world.address, "POST", "/v1/api/tickle", &["Content-Length: 0"], "").status, 200);
    let mut asking = silent.pop().unwrap();
    assert_eq!(asking.ask(request("GET", "/livez", &[], "")).status, 200);
    drop((silent, asking));
    until("there is room again", || {
        let mut wire = Wire::open(health);
        wire.write(request("GET", "/livez", &[], ""));
        wire.read().is_some_and(|answer| answer.status == 200)
    });
}
