//! The WebSocket: who may open it, what is said on it and when.

use std::time::Duration;

use http::Request;
use ibkr_sim::{Action, Fault, Frame, Reply, SimConfig, SocketEnd, SocketId, Stage, demo};
use serde_json::{Value, json};

use crate::world::*;

pub(crate) const PATH: &str = "/v1/api/ws";

pub(crate) fn upgrade(path: &str, cookie: Option<&str>) -> Request<Vec<u8>> {
    let request = builder("GET", path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let request = match cookie {
        Some(cookie) => request.header("cookie", format!("api={cookie}")),
        None => request,
    };
    request.body(Vec::new()).unwrap()
}

/// A world with a session that has read its accounts, and the session's number of tickle.
fn traded(change: impl FnOnce(&mut SimConfig)) -> (World, String, String) {
    let mut world = World::with(change);
    let bearer = world.brokerage();
    let session = body(&world.send(&tickle(&bearer)))["session"].as_str().unwrap().to_owned();
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    (world, bearer, session)
}

/// A socket, and what it has said since it was last asked.
pub(crate) struct Line(pub(crate) SocketId);

impl Line {
    fn open(world: &mut World, bearer: &str, session: &str) -> Self {
        let reply = world.send(&upgrade(&format!("{PATH}?bearer_token={bearer}"), Some(session)));
        assert_eq!((status(&reply), rules(&reply)), (101, vec![]));
        Self(reply.socket.unwrap())
    }

    /// One that is ready, and what it has said until then is read.
    fn ready(world: &mut World, bearer: &str, session: &str) -> Self {
        let line = Self::open(world, bearer, session);
        world.wait(1);
        assert_eq!(line.topics(world), ["system", "act", "sts", "sts"]);
        line
    }

    pub(crate) fn frames(&self, world: &mut World) -> Vec<Frame> {
        world.sim.socket_frames(world.now, self.0).0
    }

    fn said(&self, world: &mut World) -> Vec<Value> {
        let frames = self.frames(world).into_iter();
        frames
            .map(|frame| match frame {
                Frame::Text(text) => serde_json::from_str(&text).unwrap(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    pub(crate) fn topics(&self, world: &mut World) -> Vec<String> {
        self.said(world).iter().map(|said| said["topic"].as_str().unwrap_or("").to_owned()).collect()
    }

    pub(crate) fn send(&self, world: &mut World, text: &str) -> Vec<Value> {
        world.sim.socket_receive(world.now, self.0, text);
        self.said(world)
    }

    /// When it wants to be asked next, in milliseconds from now.
    fn next(&self, world: &mut World) -> Option<i64> {
        let now = world.now;
        world.sim.socket_frames(now, self.0).1.map(|next| next.millis() - now.millis())
    }
}

/// Waits for a while, and lets the socket speak whenever it wants to.
fn listen(world: &mut World, line: &Line, secs: u64) -> Vec<Value> {
    let until = world.now + Duration::from_secs(secs);
    let mut said = line.said(world);
    while let Some(next) = world.sim.socket_frames(world.now, line.0).1.filter(|next| *next <= until) {
        world.now = next;
        said.extend(line.said(world));
    }
    world.now = until;
    said.extend(line.said(world));
    said
}

#[test]
fn the_upgrade_is_that_of_the_rfc() {
    let (mut world, bearer, session) = traded(|_| {});
    let path = format!("{PATH}?bearer_token={bearer}");
    let reply = world.send(&upgrade(&path, Some(&session)));
    let header = |reply: &Reply, name| reply.response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(status(&reply), 101);
    assert_eq!(header(&reply, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the RFC's example");
    assert_eq!(
        (header(&reply, "upgrade"), header(&reply, "connection")),
        ("websocket".into(), "upgrade".into())
    );
    assert_eq!(status(&world.send(&upgrade(&path.replace("/v1", "/alpha"), Some(&session)))), 101);
    for (name, wrong) in [
        ("connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("sec-websocket-version", "8"),
        ("sec-websocket-key", "c2hvcnQ="),
    ] {
        let mut request = upgrade(&path, Some(&session));
        request.headers_mut().insert(name, wrong.parse().unwrap());
        let reply = world.send(&request);
        assert_eq!((status(&reply), rules(&reply)), (400, vec!["upgrade"]), "{name}");
        assert!(reply.socket.is_none());
    }
    let mut nameless = upgrade(&path, Some(&session));
    nameless.headers_mut().remove("user-agent");
    assert_eq!(rules(&world.send(&nameless)), ["user-agent"]);
    assert_eq!(world.sim.sockets().opened, 2);
}

#[test]
fn a_socket_says_who_it_is_and_then_that_it_is_ready() {
    let (mut world, bearer, session) = traded(|_| {});
    let line = Line::open(&mut world, &bearer, &session);
    assert_eq!(line.said(&mut world), [json!({ "topic": "system", "success": demo::CREDENTIAL })]);
    assert_eq!(line.next(&mut world), Some(300));
    world.now = world.now + Duration::from_millis(299);
    assert_eq!(line.said(&mut world), [] as [Value; 0]);
    world.now = world.now + Duration::from_millis(1);
    let said = line.said(&mut world);
    assert_eq!(said[0]["args"]["accounts"], json!([demo::ACCOUNT]));
    assert_eq!(
        said[1..],
        [
            json!({ "topic": "sts", "args": { "authenticated": true } }),
            json!({ "topic": "sts", "args": { "competing": false } }),
        ]
    );
}

#[test]
fn it_is_not_ready_before_the_brokerage_session_is_established() {
    let mut world = World::with(|config| config.rules.established_after = Duration::from_secs(5));
    let bearer = world.bearer();
    world.send(&init(&bearer, true));
    let session = body(&world.send(&tickle(&bearer)))["session"].as_str().unwrap().to_owned();
    let line = Line::open(&mut world, &bearer, &session);
    world.wait(4);
    assert_eq!(line.topics(&mut world), ["system"]);
    world.wait(1);
    assert_eq!(line.topics(&mut world), ["act", "sts", "sts"]);
}

#[test]
fn without_a_brokerage_session_it_is_closed_at_once() {
    let mut world = World::new();
    let bearer = world.bearer();
    let session = body(&world.send(&tickle(&bearer)))["session"].as_str().unwrap().to_owned();
    let line = Line::open(&mut world, &bearer, &session);
    assert_eq!(line.frames(&mut world), [Frame::End(SocketEnd::Close(1000))]);
    assert_eq!(line.next(&mut world), None);
}

#[test]
fn a_socket_that_names_no_session_waits_for_one() {
    let (mut world, bearer, session) = traded(|_| {});
    let with_bearer = format!("{PATH}?bearer_token={bearer}");
    for (path, cookie, rule) in [
        (PATH, Some(session.as_str()), "bearer"),
        (&format!("{PATH}?bearer_token=nonsense"), Some(&session), "bearer"),
        (&format!("{PATH}?sessionToken={bearer}"), Some(&session), "bearer"),
        (&with_bearer, None, "session"),
        (&with_bearer, Some("undefined"), "session"),
    ] {
        let reply = world.send(&upgrade(path, cookie));
        assert_eq!((status(&reply), rules(&reply)), (101, vec![rule]));
        let line = Line(reply.socket.unwrap());
        let waiting = json!({ "message": "waiting for session" });
        assert_eq!(line.said(&mut world), std::slice::from_ref(&waiting));
        assert_eq!(line.said(&mut world), [] as [Value; 0], "it says so once");
        assert_eq!(line.send(&mut world, r#"{"session":"wrong"}"#), [waiting]);
        assert_eq!(line.send(&mut world, "tic"), [] as [Value; 0]);
        let said = line.send(&mut world, &json!({ "session": session }).to_string());
        assert_eq!(said, [json!({ "topic": "system", "success": demo::CREDENTIAL })]);
        world.wait(1);
        assert_eq!(line.topics(&mut world), ["act", "sts", "sts"]);
    }
    assert_eq!(world.sim.sockets().early, 5);
    assert!(!format!("{:?}", world.sim.sockets()).contains(&session));
}

#[test]
fn what_names_the_session_is_a_rule() {
    let (mut world, bearer, session) = traded(|config| {
        config.rules.ws_session_token = true;
        config.rules.ws_cookie_required = false;
    });
    for path in [format!("{PATH}?sessionToken={bearer}"), format!("{PATH}?bearer_token={bearer}")] {
        assert_eq!(rules(&world.send(&upgrade(&path, None))), [""; 0]);
        assert_eq!(rules(&world.send(&upgrade(&path, Some(&session)))), [""; 0]);
    }
}

#[test]
fn the_upgrade_is_a_request_like_any() {
    let (mut world, bearer, session) = traded(|_| {});
    world.wait(299);
    Line::open(&mut world, &bearer, &session);
    world.wait(299);
    assert_eq!(world.status(&bearer)["authenticated"], true, "it keeps the session");
    world.set_ip("198.51.100.9");
    let other = world.send(&upgrade(&format!("{PATH}?bearer_token={bearer}"), Some(&session)));
    assert_eq!((status(&other), rules(&other)), (101, vec!["ip"]));
    let line = Line(other.socket.unwrap());
    let said = line.send(&mut world, &json!({ "session": session }).to_string());
    assert_eq!(said.len(), 2, "it goes on waiting: {said:?}");
    world.set_ip("203.0.113.7");
    for _ in 0..10 {
        world.send(&upgrade(&format!("{PATH}?bearer_token={bearer}"), Some(&session)));
    }
    let reply = world.send(&upgrade(&format!("{PATH}?bearer_token={bearer}"), Some(&session)));
    assert_eq!((status(&reply), rules(&reply)), (429, vec!["pacing"]));
}

#[test]
fn what_comes_too_early_is_dropped_and_counted() {
    let (mut world, bearer, session) = traded(|_| {});
    let line = Line::open(&mut world, &bearer, &session);
    line.send(&mut world, r#"smd+265598+{"fields":["31"]}"#);
    world.wait(1);
    line.said(&mut world);
    world.wait(5);
    assert_eq!(line.said(&mut world), [] as [Value; 0]);
    assert_eq!(world.sim.sockets().early, 1);
    assert_eq!(line.send(&mut world, "spl").len(), 1);
    let sockets = world.sim.sockets();
    assert_eq!((sockets.early, sockets.received), (1, ["smd+265598".to_owned(), "spl".to_owned()].into()));
}

#[test]
fn market_data_ticks_until_it_is_left_or_too_old() {
    let (mut world, bearer, session) = traded(|config| config.rules.ws_heartbeat = None);
    let line = Line::ready(&mut world, &bearer, &session);
    let first = line.send(&mut world, r#"smd+265598+{"fields":["84"]}"#);
    assert_eq!(first.len(), 1, "at once");
    let tick = &first[0];
    assert_eq!((&tick["topic"], &tick["conid"]), (&json!("smd+265598"), &json!(265_598)));
    assert_eq!((&tick["31"], &tick["84"], &tick["86"]), (&json!("100.00"), &json!("99.99"), &Value::Null));
    assert_eq!(tick["_updated"], world.now.millis());
    assert_eq!(listen(&mut world, &line, 10).len(), 10);

    let more = line.send(&mut world, r#"smd+265598+{"fields":["86"]}"#);
    assert_eq!((&more[0]["84"], &more[0]["86"]), (&json!("99.99"), &json!("100.01")), "fields unite");
    assert_eq!(listen(&mut world, &line, 10).len(), 10, "and it is still one stream");
    assert_eq!(line.send(&mut world, "umd+265598+{}"), [] as [Value; 0]);
    assert_eq!(listen(&mut world, &line, 10), [] as [Value; 0]);

    line.send(&mut world, "smd+8314@SMART+{}");
    for _ in 0..3 {
        assert_eq!(listen(&mut world, &line, 150).len(), 150);
        line.send(&mut world, "tic");
    }
    assert_eq!(listen(&mut world, &line, 149).len(), 149);
    assert_eq!(listen(&mut world, &line, 100), [] as [Value; 0], "ten minutes are over");
}

#[test]
fn heartbeats_come_and_are_not_made_up_for() {
    let (mut world, bearer, session) = traded(|_| {});
    let line = Line::ready(&mut world, &bearer, &session);
    world.wait(8);
    assert_eq!(line.said(&mut world), [] as [Value; 0]);
    world.wait(1);
    assert_eq!(line.said(&mut world), [json!({ "topic": "system", "hb": world.now.millis() })]);
    world.wait(100);
    assert_eq!(line.said(&mut world).len(), 1);
    assert_eq!(line.next(&mut world), Some(10_000));
}

#[test]
fn tic_keeps_the_brokerage_session() {
    let (mut world, bearer, session) = traded(|_| {});
    let line = Line::ready(&mut world, &bearer, &session);
    let opened = world.now - Duration::from_secs(1);
    let said = line.send(&mut world, "tic");
    assert_eq!((&said[0]["topic"], &said[0]["lastAccessed"]), (&json!("tic"), &json!(opened.millis())));
    for _ in 0..5 {
        world.wait(200);
        line.send(&mut world, "tic");
    }
    assert_eq!(world.status(&bearer)["authenticated"], true);
    world.sim.socket_receive(world.now, line.0, "ech+hb");
    assert_eq!(line.frames(&mut world), [Frame::Text("ech+hb".into())], "which is no JSON");
}

#[test]
fn topics_are_answered_and_left() {
    let (mut world, bearer, session) = traded(|config| config.rules.ws_heartbeat = None);
    let line = Line::ready(&mut world, &bearer, &session);
    for (subscribe, topic, leave, confirmation) in [
        ("spl", "spl", "upl{}", None),
        ("spl+{}", "spl", "upl+{}", None),
        (
            "ssd+DU1234567+{\"keys\":[]}",
            "ssd+DU1234567",
            "usd+DU1234567+{}",
            Some("unsubscribed from summary"),
        ),
        ("sld+DU1234567+{}", "sld+DU1234567", "uld+DU1234567", Some("unsubscribed from ledger")),
        ("sbd+DU1234567+265598+NASDAQ", "sbd+DU1234567+265598", "ubd+DU1234567", None),
        ("sor+{\"filters\":[]}", "sor", "uor+{}", None),
        ("str+{\"days\":1}", "str", "utr", None),
    ] {
        let said = line.send(&mut world, subscribe);
        assert_eq!((said.len(), said[0]["topic"].as_str()), (1, Some(topic)), "{subscribe}");
        let told_again = !["sor", "str"].contains(&topic);
        world.wait(1);
        assert_eq!(line.said(&mut world).len(), usize::from(told_again), "{subscribe}");
        let said = line.send(&mut world, leave);
        assert_eq!(said.first().map(|said| said["result"].as_str().unwrap()), confirmation, "{leave}");
        world.wait(1);
        assert_eq!(line.said(&mut world), [] as [Value; 0], "{leave}");
    }
    let history = line.send(&mut world, r#"smh+265598+{"period":"1d","bar":"1min"}"#);
    assert_eq!((&history[0]["topic"], &history[0]["data"][0]["c"]), (&json!("smh+265598"), &json!(100.0)));
    let id = history[0]["serverId"].as_str().unwrap();
    let left = line.send(&mut world, &format!("umh+{id}"));
    assert_eq!(left, [json!({ "message": format!("Unsubscribed {id}") })]);
}

#[test]
fn what_is_no_topic_is_an_error() {
    let (mut world, bearer, session) = traded(|_| {});
    let line = Line::ready(&mut world, &bearer, &session);
    let again = json!({ "session": session }).to_string();
    for (text, start) in
        [(again.as_str(), "{\"s"), ("xyz+1", "xyz"), ("sm", "sm"), ("é", "é"), ("ech+x", "ech")]
    {
        let said = line.send(&mut world, text);
        assert_eq!(said, [json!({ "error": format!("Topic unknown '{start}'"), "topic": "error" })]);
    }
    let received = world.sim.sockets().received;
    assert_eq!(received, ["session", "xyz+1", "unknown", "unknown", "ech+x"], "no secret is remembered");
    assert_eq!(line.send(&mut world, "smd+x+{}")[0]["error"], "Invalid conid");
    assert_eq!(line.send(&mut world, "ssd+U1+{}")[0]["error"], "Invalid account ID");
}

#[test]
fn market_data_needs_the_accounts_first() {
    let mut world = World::new();
    let bearer = world.brokerage();
    let session = body(&world.send(&tickle(&bearer)))["session"].as_str().unwrap().to_owned();
    let line = Line::ready(&mut world, &bearer, &session);
    let refused = json!({ "error": "No accounts", "code": 500, "topic": "smd" });
    assert_eq!(line.send(&mut world, "smd+265598+{}"), [refused]);
    world.send(&get("/v1/api/iserver/accounts", &bearer));
    assert_eq!(line.send(&mut world, "smd+265598+{}")[0]["topic"], "smd+265598");
}

#[test]
fn orders_that_are_placed_over_rest_are_told() {
    let (mut world, bearer, session) = traded(|_| {});
    let line = Line::ready(&mut world, &bearer, &session);
    assert_eq!(line.send(&mut world, "sor+{}"), [json!({ "topic": "sor", "args": [] })]);
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    let order = |name: &str| json!({ "orders": [{ "conid": 1, "cOID": name }] });
    world.send(&post_json(&path, &bearer, &order("a")));
    let told = line.said(&mut world);
    assert_eq!((&told[0]["topic"], &told[0]["args"][0]["order_ref"]), (&json!("sor"), &json!("a")));
    let placed = body(&world.send(&post_json(&path, &bearer, &order("b"))));
    assert_eq!(line.said(&mut world)[0]["args"].as_array().unwrap().len(), 1, "the new one alone");
    let id = placed[0]["order_id"].as_str().unwrap();
    let path = format!("/v1/api/iserver/account/{}/order/{id}", demo::ACCOUNT);
    world.send(&authorized("DELETE", &path, &bearer).body(Vec::new()).unwrap());
    assert_eq!(line.said(&mut world)[0]["args"][0]["status"], "Cancelled");
}

#[test]
fn a_lost_brokerage_session_is_told_and_ends_market_data() {
    for (idle, competing) in [(true, false), (false, true)] {
        let (mut world, bearer, session) = traded(|config| config.rules.ws_heartbeat = None);
        let line = Line::ready(&mut world, &bearer, &session);
        line.send(&mut world, "smd+265598+{}");
        if idle {
            let mut said = listen(&mut world, &line, 300);
            let last = said.pop().unwrap();
            assert_eq!((&last["topic"], &last["args"]["authenticated"]), (&json!("sts"), &json!(false)));
            assert_eq!(last["args"]["competing"], false);
        } else {
            line.said(&mut world);
            world.sim.kick(None);
            let said = line.said(&mut world);
            assert_eq!(said.len(), 1);
            assert_eq!(said[0]["args"]["authenticated"], false);
        }
        assert_eq!(body(&world.send(&tickle(&bearer)))["iserver"]["authStatus"]["competing"], competing);
        assert_eq!(line.send(&mut world, "smd+265598+{}"), [] as [Value; 0], "it is dropped");
        assert_eq!(line.send(&mut world, "spl").len(), 1, "this needs none");
        line.send(&mut world, "upl");
        assert_eq!(listen(&mut world, &line, 10), [] as [Value; 0]);

        world.send(&init(&bearer, true));
        assert_eq!(line.said(&mut world), [] as [Value; 0]);
        world.wait(1);
        assert_eq!(line.topics(&mut world), ["act", "sts", "sts"], "it is back");
        assert_eq!(listen(&mut world, &line, 10), [] as [Value; 0], "without what it was subscribed to");
        assert_eq!(world.sim.sockets().early, 0);
    }
}

#[test]
fn a_brokerage_session_that_was_replaced_unseen_is_told() {
    let (mut world, bearer, session) = traded(|_| {});
    let line = Line::ready(&mut world, &bearer, &session);
    world.sim.kick(None);
    world.send(&init(&bearer, true));
    let said = line.said(&mut world);
    assert_eq!((said.len(), &said[0]["args"]["authenticated"]), (1, &json!(false)));
}

#[test]
fn the_end_of_the_bearer_closes_the_socket() {
    let end = [Frame::End(SocketEnd::Close(1000))];
    let (mut world, bearer, session) = traded(|config| config.rules.bearer_life = Duration::from_secs(60));
    let line = Line::ready(&mut world, &bearer, &session);
    line.said(&mut world);
    world.wait(60);
    assert_eq!(line.frames(&mut world), end);

    type Ends = fn(&mut World, &str);
    let logout: Ends = |world, bearer| drop(world.send(&post("/v1/api/logout", bearer)));
    let restart: Ends = |world, _| world.sim.restart();
    for ends in [logout, restart] {
        let (mut world, bearer, session) = traded(|_| {});
        let line = Line::ready(&mut world, &bearer, &session);
        ends(&mut world, &bearer);
        assert_eq!(line.frames(&mut world), end);
    }
}

#[test]
fn frames_may_be_binary() {
    let (mut world, bearer, session) = traded(|config| config.rules.ws_binary = true);
    let line = Line::open(&mut world, &bearer, &session);
    assert!(matches!(&line.frames(&mut world)[..], [Frame::Binary(text)] if text.contains("system")));
}

#[test]
fn faults_strike_frames() {
    for (script, end) in [
        (r#"{"on":"ws-frame","calls":3,"do":{"reset":true}}"#, Some(SocketEnd::Reset)),
        (r#"{"on":"ws-frame","path":"sts","do":{"close":true}}"#, Some(SocketEnd::Close(1000))),
        (r#"{"on":"ws-frame","path":"sts","do":{"close_code":1011}}"#, Some(SocketEnd::Close(1011))),
        (
            r#"{"on":"ws-frame","host":"api.ibkr.com","path":"st*","do":{"hang":true}}"#,
            Some(SocketEnd::Silence),
        ),
        (r#"{"on":"ws-frame","host":"1.api.ibkr.com","do":{"reset":true}}"#, None),
    ] {
        let (mut world, bearer, session) = traded(|_| {});
        Fault::parse_script(script).unwrap().into_iter().for_each(|fault| world.sim.add_fault(fault));
        let line = Line::open(&mut world, &bearer, &session);
        world.wait(1);
        let mut frames = line.frames(&mut world);
        match end {
            Some(end) => {
                assert_eq!((frames.len(), frames.pop()), (3, Some(Frame::End(end))), "{script}");
                assert_eq!(line.frames(&mut world), [Frame::End(end)]);
                assert_eq!(line.next(&mut world), None);
            }
            None => assert_eq!(frames.len(), 4),
        }
    }
    let (mut world, bearer, session) = traded(|_| {});
    let kick = Action { kick: true, ..Action::default() };
    world.sim.add_fault(Fault::at(Stage::Frame, kick).calls(4, 4));
    let line = Line::open(&mut world, &bearer, &session);
    world.wait(1);
    assert_eq!(line.topics(&mut world).len(), 4, "what strikes the servers lets the frame pass");
    assert_eq!(line.said(&mut world)[0]["args"]["competing"], true);
}

#[test]
fn faults_strike_the_upgrade() {
    let (mut world, bearer, session) = traded(|_| {});
    for script in [
        r#"{"on":"ws","calls":1,"do":{"status":503}}"#,
        r#"{"on":"ws","calls":2,"do":{"status":503,"processed":true}}"#,
    ] {
        Fault::parse_script(script).unwrap().into_iter().for_each(|fault| world.sim.add_fault(fault));
    }
    for _ in 0..2 {
        let reply = world.send(&upgrade(&format!("{PATH}?bearer_token={bearer}"), Some(&session)));
        assert_eq!((status(&reply), reply.socket), (503, None));
    }
    assert_eq!((world.sim.sockets().open, world.sim.sockets().opened), (0, 1));
}

#[test]
fn anything_can_be_said_on_all_sockets() {
    let (mut world, bearer, session) = traded(|_| {});
    let lines = [(); 2].map(|()| Line::ready(&mut world, &bearer, &session));
    let waits = Line(world.send(&upgrade(PATH, None)).socket.unwrap());
    waits.said(&mut world);
    let notice = json!({ "topic": "ntf", "args": [{ "id": "1" }] });
    world.sim.push(&notice);
    for line in &lines {
        assert_eq!(line.said(&mut world), std::slice::from_ref(&notice));
    }
    assert_eq!(waits.said(&mut world), [] as [Value; 0]);
    world.sim.close_socket(lines[0].0);
    world.sim.end_sockets(SocketEnd::Close(1001));
    assert_eq!(lines[1].frames(&mut world), [Frame::End(SocketEnd::Close(1001))]);
    assert_eq!((world.sim.sockets().open, world.sim.sockets().opened), (2, 3));
}
