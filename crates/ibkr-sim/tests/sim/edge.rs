//! What the edge refuses before a server sees it.

use http::Request;
use ibkr_sim::{HostState, Manner};

use crate::world::*;

#[test]
fn a_request_without_user_agent_gets_a_web_page() {
    let mut world = World::new();
    let request = Request::get("https://api.ibkr.com/v1/api/tickle").body(Vec::new()).unwrap();
    let reply = world.send(&request);
    assert_eq!((status(&reply), rules(&reply)), (403, vec!["user-agent"]));
    assert_eq!(reply.response.headers()["content-type"], "text/html");
    assert!(text(&reply).starts_with("<HTML>"));
}

#[test]
fn a_post_needs_a_content_length_and_no_chunks() {
    let mut world = World::new();
    let bearer = world.bearer();
    let post = || authorized("POST", "/v1/api/tickle", &bearer);
    for request in [
        post().body(Vec::new()).unwrap(),
        post().header("transfer-encoding", "chunked").body(Vec::new()).unwrap(),
        post().header("transfer-encoding", "chunked").header("content-length", 0).body(Vec::new()).unwrap(),
    ] {
        let reply = world.send(&request);
        assert_eq!((status(&reply), rules(&reply)), (411, vec!["content-length"]));
        assert_eq!(reply.response.headers()["content-type"], "text/html");
    }
    let wrong = world.send(&post().header("content-length", 7).body(Vec::new()).unwrap());
    assert_eq!((status(&wrong), rules(&wrong)), (400, vec!["content-length"]));
    assert_eq!(status(&world.send(&with_body(post(), ""))), 200);
}

#[test]
fn only_ibkrs_own_cookies_are_welcome() {
    let mut world = World::new();
    let bearer = world.bearer();
    let mut with = |cookie: &str| {
        let request = authorized("GET", "/v1/api/sso/validate", &bearer).header("cookie", cookie);
        rules(&world.send(&request.body(Vec::new()).unwrap()))
    };
    assert_eq!(with("CF_Authorization=x"), ["cookies"]);
    assert_eq!(with("api=1; api=2"), ["cookies"]);
    // The second one is of a folder above: a cookie jar's doing, as IBKR sets it without a path.
    assert_eq!(with("api=1; x-sess-uuid=0.2; x-sess-uuid=0.3"), [""; 0]);
    world.sim.config_mut().rules.strict_cookies = false;
    let request = authorized("GET", "/v1/api/tickle", &bearer).header("cookie", "CF_Authorization=x");
    assert_eq!(status(&world.send(&request.body(Vec::new()).unwrap())), 200);
}

#[test]
fn unknown_paths_methods_and_hosts() {
    let mut world = World::new();
    let bearer = world.bearer();
    assert_eq!(status(&world.send(&get("/v1/api/nothing", &bearer))), 404);
    assert_eq!(status(&world.send(&get("/v1/api/logout", &bearer))), 405);
    assert_eq!(
        status(&world.send(&get("/alpha/api/tickle", &bearer))),
        200,
        "the other prefix of IBKR's OpenAPI"
    );
    let lost = Request::get("https://example.com/").header("user-agent", "test").body(Vec::new()).unwrap();
    assert_eq!(rules(&world.send(&lost)), ["host"]);
    let nowhere = Request::get("/").header("user-agent", "test").body(Vec::new()).unwrap();
    assert_eq!(rules(&world.send(&nowhere)), ["host"]);
    let header =
        Request::get("/v1/api/nothing").header("user-agent", "test").header("host", "localhost:8443");
    assert_eq!(rules(&world.send(&header.body(Vec::new()).unwrap())), ["path"]);
    assert_eq!(world.sim.counters().hosts["other"], 2);
}

#[test]
fn bad_hosts_do_nothing() {
    for (state, expected, manner) in [
        (HostState::Gone, 410, Manner::Whole),
        (HostState::Unavailable, 503, Manner::Whole),
        (HostState::Refuse, 503, Manner::Reset),
    ] {
        let mut world = World::new();
        world.sim.set_host("api.ibkr.com", Some(state));
        let form = token_form(&sign(&world.assertion()), "echo.read");
        let reply = world.send(&token_request(&form));
        assert_eq!((status(&reply), reply.delivery.manner), (expected, manner));
        assert_eq!(world.sim.counters().tokens, 0);
    }
}

#[test]
fn answers_are_compressed_for_those_who_can_read_them() {
    let mut world = World::new();
    let bearer = world.bearer();
    let request = || authorized("GET", "/v1/api/tickle", &bearer).header("accept-encoding", "gzip, deflate");
    let reply = world.send(&request().body(Vec::new()).unwrap());
    assert_eq!(reply.response.headers()["content-encoding"], "gzip");
    assert_eq!(reply.response.body()[..2], [0x1f, 0x8b]);
    world.sim.config_mut().rules.gzip = false;
    world.wait(1);
    assert!(body(&world.send(&request().body(Vec::new()).unwrap()))["session"].is_string());
}

#[test]
fn the_lookup_services_tell_the_address_in_their_own_words() {
    let mut world = World::new();
    let mut ask = |url: &str| text(&world.send(&Request::get(url).body(Vec::new()).unwrap())).to_owned();
    assert_eq!(ask("https://api.ipify.org/"), "203.0.113.7");
    assert_eq!(ask("https://api.ipify.org/?format=json"), r#"{"ip":"203.0.113.7"}"#);
    assert_eq!(ask("https://ifconfig.me/"), "203.0.113.7");
    assert_eq!(ask("https://ipinfo.io/ip"), "203.0.113.7");
    assert_eq!(ask("https://checkip.amazonaws.com/"), "203.0.113.7\n");
}

#[test]
fn the_journal_holds_no_secret() {
    let mut world = World::new();
    let bearer = world.bearer();
    world.send(&get(&format!("/v1/api/{bearer}?token={bearer}"), &bearer));
    let journal = format!("{:?}", world.sim.requests().collect::<Vec<_>>());
    assert!(!journal.contains(&bearer[..20]));
    assert!(journal.contains("eyJ…[redacted]"));
}
