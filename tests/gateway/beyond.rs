//! Account management, which IBKR's own gateway does not serve.

use crate::{raw::ask, world::World};

const JSON: &str = "Content-Type: application/json";

#[test]
fn it_is_served_where_that_is_asked_for_with_the_right_token_and_signed() {
    let world = World::with(|settings| settings.beyond = true).ready();
    let answer = ask(world.address, "GET", "/gw/api/v1/echo/https?x=1", &[], "");
    assert_eq!(
        (answer.status, answer.json()["securityPolicy"].as_str()),
        (200, Some("HTTPS")),
        "{}",
        answer.text()
    );
    let body = r#"{"none":null,"a":{"b":1}}"#;
    let length = format!("Content-Length: {}", body.len());
    let answer = ask(world.address, "POST", "//gw/api/v1/echo/signed-jwt", &[JSON, &length], body);
    assert_eq!(
        (answer.status, answer.json()["securityPolicy"].as_str()),
        (200, Some("SIGNED_JWT")),
        "{}",
        answer.text()
    );
    let answer = ask(world.address, "POST", "/gw/api/v1/echo/signed-jwt", &[JSON, "Content-Length: 2"], "[]");
    assert_eq!(answer.status, 400, "{}", answer.text());
    let before = world.lab.server.handle().requests().len();
    for path in ["/oauth2/api/v1/token", "/gw/api/v1/sso-sessions", "/gw/api/v1/%73so-sessions", "/gw/x"] {
        let answer = ask(world.address, "POST", path, &[JSON, "Content-Length: 2"], "{}");
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    assert_eq!(world.lab.server.handle().requests().len(), before, "nothing was sent");
}

#[test]
fn it_is_not_served_otherwise() {
    let world = World::new().ready();
    let answer = ask(world.address, "GET", "/gw/api/v1/echo/https", &[], "");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("gateway_beyond"), "{}", answer.text());
    let read_only = World::with(|settings| (settings.beyond, settings.read_only) = (true, true)).ready();
    let answer =
        ask(read_only.address, "POST", "/gw/api/v1/echo/signed-jwt", &[JSON, "Content-Length: 2"], "{}");
    assert_eq!(answer.status, 403);
}
