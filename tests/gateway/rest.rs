//! Requests and answers.

use std::net::TcpListener;

use ibkr_auth_core::Host;
use ibkr_auth_tests::{driver::runtime, lab::Lab};
use ibkr_gateway::{Gateway, GatewaySettings, Login, Process};
use ibkr_sim::Endpoint;

use crate::{
    raw::{Wire, ask, request},
    world::{World, login},
};

#[test]
fn a_request_goes_there_and_back() {
    let world = World::new().ready();
    let answer = ask(world.address, "GET", "/v1/api/portfolio/accounts", &[], "");
    assert_eq!((answer.status, answer.reason.as_str()), (200, "OK"));
    assert!(answer.json()[0]["accountId"].is_string(), "{}", answer.text());
    assert_eq!(answer.header("set-cookie"), None);
    assert!(answer.header("x-ibkr-sim").is_some());
}

#[test]
fn who_comes_before_the_session_waits_for_it() {
    let world = World::new();
    let answer = ask(world.address, "GET", "/v1/api/portfolio/accounts", &[], "");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn the_limits_of_ibkrs_own_servers_stay() {
    let lab = Lab::new();
    let process = Process { folder: std::env::temp_dir(), most_connections: 10 };
    let settings = GatewaySettings { listen: Vec::new(), ..GatewaySettings::default() };
    let login =
        Login { config: lab.config().with_host(Host::production()), unpaced: true, ..login(&lab, settings) };
    let outcome = runtime().block_on(Gateway::start(&process, vec![login]));
    assert!(outcome.unwrap_err().to_string().contains("limits"));
}

#[test]
fn tickles_of_clients_are_answered_from_our_own() {
    let world = World::new().ready();
    let mut wire = Wire::open(world.address);
    let tickle = |wire: &mut Wire| wire.ask(request("POST", "/v1/api/tickle", &["Content-Length: 0"], ""));
    let first = tickle(&mut wire);
    assert_eq!(first.status, 200, "{}", first.text());
    for member in ["session", "ssoExpires", "collission", "userId", "hmds"] {
        assert!(!first.json()[member].is_null(), "{member}: {}", first.text());
    }
    assert_eq!(first.json()["iserver"]["authStatus"]["authenticated"], true);
    for _ in 0..20 {
        assert_eq!(tickle(&mut wire).json()["session"], first.json()["session"]);
    }
    let asked = world.lab.server.handle().count(Endpoint::Tickle);
    assert_eq!(asked, 1, "{:#?}", world.lab.server.handle().requests());
    let counted = |outcome| {
        world.metric(&format!("ibkr_gateway_requests_total{{session=\"default\",outcome=\"{outcome}\"}}"))
    };
    assert_eq!((counted("answered_here"), counted("answered")), (21, 0));
    let state = ask(world.address, "GET", "/gateway/state", &[], "").text();
    assert!(state.contains("\"answered\":21,"), "{state}");
}

#[test]
fn a_session_that_a_client_has_ended_comes_back_for_whoever_asks() {
    let world = World::new().ready();
    let post = |path| ask(world.address, "POST", path, &["Content-Length: 0"], "");
    assert_eq!(post("/v1/api/logout").json()["status"], true);
    assert_eq!(post("/v1/api/tickle").status, 401);
    let opened = post("/v1/api/iserver/auth/ssodh/init");
    assert_eq!(opened.status, 200, "{}", opened.text());
    assert_eq!(opened.json()["authenticated"], true);
}

#[test]
fn who_looks_after_containers_asks_whether_it_is_alive() {
    for plain in [true, false] {
        let mut world = World::with(|settings| settings.plain = plain);
        let settings = GatewaySettings { listen: vec![world.address], plain, ..GatewaySettings::default() };
        let is_alive = |world: &World, process: &Process| {
            world.runtime.block_on(Gateway::probe(process, &settings)).is_ok()
        };
        assert!(is_alive(&world, &world.process), "it need not be logged in, plain: {plain}");
        if !plain {
            let other = World::with(|settings| settings.plain = false);
            assert!(!is_alive(&world, &other.process), "that is another gateway's certificate");
        }
        let gateway = world.gateway.take().unwrap();
        world.runtime.block_on(gateway.stop()).unwrap();
        assert!(!is_alive(&world, &world.process), "plain: {plain}");
    }
}

#[test]
fn who_comes_to_an_open_socket_before_the_gateway_is_served_all_the_same() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut early = Wire::open(socket.local_addr().unwrap());
    let world = World::on(socket);
    assert_eq!(early.ask(request("GET", "/healthz", &[], "")).text(), "OK");
    drop(world);
}
