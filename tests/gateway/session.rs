//! What the gateway answers about the session by itself.

use std::{thread, time::Duration};

use ibkr_auth_async::Phase;
use ibkr_auth_tests::lab::Lab;
use ibkr_gateway::OnLogout;
use ibkr_sim::{Action, Endpoint, Fault};

use crate::{
    raw::{Answer, Wire, ask, request},
    upstream::Upstream,
    world::{World, until},
};

fn post(world: &World, path: &str) -> Answer {
    ask(world.address, "POST", path, &["Content-Length: 0"], "")
}

fn get(world: &World, path: &str) -> Answer {
    ask(world.address, "GET", path, &[], "")
}

#[test]
fn sso_validate_is_asked_once_a_minute_for_all() {
    let world = World::new().ready();
    let first = get(&world, "/v1/api/sso/validate");
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.json()["RESULT"], true);
    let all: Vec<Answer> = thread::scope(|scope| {
        let ask = |index: usize| {
            let (world, path) =
                (&world, ["/v1/api/sso/validate", "/v1/portal/sso/validate", "/sso/validate"]);
            scope.spawn(move || match index % 2 {
                0 => get(world, path[index % 3]),
                _ => post(world, path[index % 3]),
            })
        };
        let asking: Vec<_> = (0..12).map(ask).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for answer in all {
        assert_eq!((answer.status, &answer.json()["USER_ID"]), (200, &first.json()["USER_ID"]));
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    }
    assert_eq!(world.count(Endpoint::Validate), 1);
}

#[test]
fn a_failed_sso_validate_is_not_asked_again_at_once() {
    let world = World::new().ready();
    world.lab.server.handle().add_fault(Fault::on(Endpoint::Validate, Action::status(500)));
    let asked_before = world.count(Endpoint::Validate);
    for _ in 0..20 {
        let answer = get(&world, "/v1/api/sso/validate");
        assert!([500, 429].contains(&answer.status), "{}", answer.text());
        assert!(answer.status == 500 || answer.header("retry-after").is_some());
    }
    assert!(world.count(Endpoint::Validate) - asked_before <= 1);
}

#[test]
fn tickle_has_what_strict_clients_insist_on() {
    let world = World::new().ready();
    let first = post(&world, "/v1/api/tickle").json();
    assert!(first["session"].as_str().is_some_and(|id| id.len() == 32), "{first}");
    assert!(
        first["ssoExpires"].as_u64().is_some_and(|left| (60_000..=86_400_000).contains(&left)),
        "{first}"
    );
    assert_eq!(first["collission"], false);
    assert!(first["userId"].is_u64() && first["hmds"].is_object(), "{first}");
    for member in ["authenticated", "competing", "connected"] {
        assert!(first["iserver"]["authStatus"][member].is_boolean(), "{member}: {first}");
    }
    for path in ["/v1/portal/tickle", "//v1/api/tickle", "/v1/api/tickle/"] {
        assert_eq!(get(&world, path).json()["session"], first["session"], "{path}");
    }
}

#[test]
fn what_asks_for_the_brokerage_session_is_answered() {
    let world = World::new().ready();
    for path in ["/v1/portal/iserver/reauthenticate?force=true", "/v1/api/iserver/reauthenticate"] {
        for answer in [post(&world, path), get(&world, path)] {
            assert_eq!((answer.status, &answer.json()["message"]), (200, &"triggered".into()), "{path}");
        }
    }
    let inits = world.count(Endpoint::Init);
    let body = r#"{"publish":true,"compete":true}"#;
    let headers = ["Content-Type: application/json", "Content-Length: 31"];
    let asked = ask(world.address, "POST", "/v1/api/iserver/auth/ssodh/init", &headers, body);
    assert_eq!((asked.status, &asked.json()["authenticated"]), (200, &true.into()), "{}", asked.text());
    let bare = post(&world, "/v1/api/iserver/auth/ssodh/init");
    assert_eq!((bare.status, &bare.json()["authenticated"]), (200, &true.into()), "{}", bare.text());
    assert_eq!(world.count(Endpoint::Init), inits + 2);
    for answer in [get(&world, "/v1/api/iserver/auth/status"), post(&world, "/v1/portal/iserver/auth/status")]
    {
        assert_eq!((answer.status, &answer.json()["authenticated"]), (200, &true.into()));
    }
}

#[test]
fn a_logout_ends_the_session_until_a_client_wants_it_back() {
    let world = World::new().ready();
    for come_back in ["/v1/api/iserver/auth/ssodh/init", "/v1/api/iserver/reauthenticate"] {
        assert_eq!(post(&world, "/v1/api/logout").text(), r#"{"status":true}"#);
        world.wait_for(Phase::Paused);
        for path in ["/v1/api/tickle", "/v1/api/iserver/auth/status", "/v1/api/portfolio/accounts"] {
            let answer = post(&world, path);
            assert_eq!(answer.status, 401, "{path}: {}", answer.text());
            assert!(answer.json()["error"].is_string(), "{path}");
        }
        assert_eq!(post(&world, "/v1/api/logout").status, 401, "it is over already");
        let answer = post(&world, come_back);
        assert_eq!(answer.status, 200, "{come_back}: {}", answer.text());
        world.wait_for(Phase::Connected);
        assert_eq!(post(&world, "/v1/api/tickle").status, 200);
    }
}

#[test]
fn a_logout_can_be_ignored() {
    let world = World::with(|settings| settings.on_logout = OnLogout::Ignore).ready();
    assert_eq!(post(&world, "/v1/portal/logout").text(), r#"{"status":true}"#);
    assert_eq!(post(&world, "/v1/api/tickle").status, 200);
    assert_eq!(world.count(Endpoint::Logout), 0);
}

#[test]
fn a_persons_pause_holds_against_clients() {
    let world = World::new().ready();
    let html = get(&world, "/gateway").text();
    let csrf = html.split('"').find(|part| part.len() == 24).expect("what the page shows").to_owned();
    let pause =
        ask(world.address, "POST", "/gateway/pause", &["Content-Length: 0", &format!("X-CSRF: {csrf}")], "");
    assert!(pause.status < 300, "{} {}", pause.status, pause.text());
    world.wait_for(Phase::Paused);
    assert_eq!(post(&world, "/v1/api/iserver/auth/ssodh/init").status, 401);
    post(&world, "/v1/api/iserver/reauthenticate");
    assert_eq!(post(&world, "/v1/api/tickle").status, 401);
    assert_eq!(world.session().phase(), Phase::Paused);
}

#[test]
fn while_there_is_no_session_clients_are_told_so() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    world.session().pause();
    world.wait_for(Phase::Paused);
    for (method, path) in [
        ("POST", "/v1/api/tickle"),
        ("GET", "/v1/api/tickle"),
        ("GET", "/v1/api/sso/validate"),
        ("GET", "/v1/api/one/user"),
        ("POST", "/v1/portal/iserver/auth/status"),
        ("GET", "/v1/api/ws"),
    ] {
        let answer = ask(world.address, method, path, &["Content-Length: 0"], "");
        if path == "/v1/api/ws" {
            assert_eq!(answer.status, 426, "no WebSocket: {}", answer.text());
            continue;
        }
        assert_eq!((answer.status, answer.reason.as_str()), (401, "Unauthorized"), "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        assert_eq!(answer.json()["statusCode"], 401);
    }
    let upgrade = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    assert_eq!(ask(world.address, "GET", "/v1/api/ws", &upgrade, "").status, 401);
    assert!([200, 302].contains(&get(&world, "/").status));
    assert!(upstream.seen().is_empty());
}

#[test]
fn waiting_for_the_session_has_an_end_in_number_and_time() {
    let world = World::planned(|plan| {
        plan.settings.wait = Duration::from_millis(1_500);
        plan.lab = Lab::with(|config| config.sim.faults.push(Fault::on(Endpoint::Token, Action::hang())));
    });
    let begin = std::time::Instant::now();
    let mut wires: Vec<Wire> = (0..300).map(|_| Wire::open(world.address)).collect();
    wires.iter_mut().for_each(|wire| wire.write(request("GET", "/v1/api/portfolio/accounts", &[], "")));
    let answers: Vec<Answer> = wires.iter_mut().map(|wire| wire.read().unwrap()).collect();
    let took = begin.elapsed();
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(401), count(503)), (256, 44), "{:?}", answers[0]);
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status == 503)
            .all(|answer| answer.header("retry-after").is_some())
    );
    assert!((Duration::from_millis(1_400)..Duration::from_secs(8)).contains(&took), "{took:?}");
}

#[test]
fn the_rest_of_the_originals_surface_is_there() {
    let world = World::new().ready();
    for (path, status, text) in [
        ("/sso/Dispatcher", 200, "Client login succeeds"),
        ("/sso/ping", 200, r#"{"result":"true"}"#),
        ("/v1/api/sso/ping", 200, r#"{"result":"true"}"#),
        ("/healthz", 200, "OK"),
        ("/readyz", 200, "OK"),
    ] {
        let answer = get(&world, path);
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{path}");
    }
    let login = get(&world, "/sso/Login?forwardTo=22&RL=1&ip2loc=on");
    assert_eq!((login.status, login.header("location")), (302, Some("/gateway/")));
    assert_eq!(get(&world, "/gateway/").status, 200);
    assert_eq!(get(&world, "/").status, 200);
    for path in ["/api/x", "/v1", "/v2/api/tickle", "/oauth2/api/v1/token", "/gw/api/v1/accounts"] {
        assert_eq!(get(&world, path).status, 404, "{path}");
    }
}

#[test]
fn who_leaves_while_it_waits_leaves_nothing_behind() {
    const WAITING: &str = "ibkr_gateway_requests_waiting{session=\"default\"}";
    let world = World::planned(|plan| {
        // Who has said all that it has to say may still listen, so it is noticed only then.
        plan.settings.wait = Duration::from_secs(2);
        plan.lab = Lab::with(|config| config.sim.faults.push(Fault::on(Endpoint::Token, Action::hang())));
    });
    let mut wires: Vec<Wire> = (0..5).map(|_| Wire::open(world.address)).collect();
    wires.iter_mut().for_each(|wire| wire.write(request("GET", "/v1/api/portfolio/accounts", &[], "")));
    until("all wait", || world.metric(WAITING) == 5);
    drop(wires);
    until("none waits", || world.metric(WAITING) == 0);
    until("none is connected", || world.connections() == 0);
}

#[test]
fn buttons_work_from_the_status_page_alone() {
    let world = World::new().ready();
    let page = ask(world.address, "GET", "/gateway/", &[], "");
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let text = page.text();
    let (_, rest) = text.split_once(r#"<meta name="csrf" content=""#).unwrap();
    let token = format!("X-CSRF: {}", rest.split_once('"').unwrap().0);
    let press = |button: &str, headers: &[&str]| {
        let headers = [&["Content-Length: 0"], headers].concat();
        ask(world.address, "POST", &format!("/gateway/{button}"), &headers, "").status
    };
    for headers in
        [&[][..], &["X-CSRF: "], &["X-CSRF: guessed"], &[token.as_str(), "Origin: https://evil.example"]]
    {
        assert_eq!(press("pause", headers), 403, "{headers:?}");
    }
    assert_eq!(ask(world.address, "GET", "/gateway/pause", &[&token], "").status, 405);
    assert_eq!(world.session().phase(), Phase::Connected);
    assert_eq!(press("pause", &[&token]), 204);
    world.wait_for(Phase::Paused);
    assert_eq!(press("resume", &[&token]), 204);
    world.wait_for(Phase::Connected);
}
