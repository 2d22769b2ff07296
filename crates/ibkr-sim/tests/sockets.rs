//! WebSockets over real connections, with a client that is not the simulator's own.

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use common::{Client, Connection, Tls, dial, post, tickle};
use ibkr_sim::{Moment, Server, ServerConfig, SimConfig, SocketEnd, demo};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Error, Message, WebSocket,
    client::IntoClientRequest,
    handshake::client::Request,
    protocol::{CloseFrame, Role, frame::coding::CloseCode},
};

/// A server whose clock stands still at a Wednesday's noon.
fn stopped() -> ServerConfig {
    ServerConfig { start: Some(Moment::from_secs(1_795_021_200)), scale: 0.0, ..SimConfig::default().into() }
}

/// A server with a brokerage session that is established and has read its accounts.
struct World {
    server: Server,
    client: Client,
    bearer: String,
    session: String,
}

impl World {
    fn new(config: ServerConfig) -> Self {
        let server = Server::start(config).unwrap();
        let client = Client::of(&server);
        let bearer = client.log_in(&server);
        let headers = format!("authorization: Bearer {bearer}\r\ncontent-type: application/json\r\n");
        let init = post("/v1/api/iserver/auth/ssodh/init", &headers, r#"{"publish":true,"compete":true}"#);
        assert_eq!(client.send("localhost", &init).unwrap().status, 200);
        server.handle().advance(Duration::from_secs(1));
        let session = client.send("localhost", &tickle(&bearer)).unwrap().json()["session"].clone();
        let accounts = format!(
            "GET /v1/api/iserver/accounts HTTP/1.1\r\nhost: localhost\r\nuser-agent: test\r\n\
             authorization: Bearer {bearer}\r\n\r\n"
        );
        assert_eq!(client.send("localhost", &accounts).unwrap().status, 200);
        Self { server, client, bearer, session: session.as_str().unwrap().to_owned() }
    }

    fn request(&self, host: &str) -> Request {
        let url = format!("wss://{host}/v1/api/ws?bearer_token={}", self.bearer);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("user-agent", "test".parse().unwrap());
        request.headers_mut().insert("cookie", format!("api={}", self.session).parse().unwrap());
        request
    }

    fn connect(&self) -> Socket {
        self.over(self.client.tls("localhost", dial(self.server.ports().https).unwrap()).unwrap())
    }

    fn over(&self, stream: Tls) -> Socket {
        Socket(tungstenite::client(self.request("localhost"), stream).unwrap().0)
    }

    /// A socket that has heard `sts`.
    fn ready(&self) -> Socket {
        let mut socket = self.connect();
        assert_eq!(socket.json(), json!({ "topic": "system", "success": demo::CREDENTIAL }));
        self.server.handle().advance(Duration::from_millis(300));
        assert_eq!(socket.json()["topic"], "act");
        assert_eq!(socket.json()["args"], json!({ "authenticated": true }));
        assert_eq!(socket.json()["args"], json!({ "competing": false }));
        socket
    }

    fn fault(&self, script: &str) {
        self.server.handle().fault(script).unwrap();
    }

    fn is_open(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.server.handle().sockets().open != count {
            assert!(Instant::now() < deadline, "{:?}", self.server.handle().sockets());
            std::thread::yield_now();
        }
    }
}

struct Socket(WebSocket<Tls>);

impl Socket {
    fn read(&mut self) -> Message {
        self.0.read().unwrap()
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(self.read().to_text().unwrap()).unwrap()
    }

    fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// What ends it when nothing more is said.
    fn error(&mut self) -> Error {
        self.0.read().unwrap_err()
    }
}

fn is_reset(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn a_conversation_over_tls() {
    let world = World::new(stopped());
    let mut socket = world.ready();
    socket.send(r#"smd+265598+{"fields":["31","84"]}"#);
    assert_eq!(socket.json()["84"], "99.99");
    for _ in 0..3 {
        world.server.handle().advance(Duration::from_secs(1));
        assert_eq!(socket.json()["topic"], "smd+265598");
    }
    socket.0.send(Message::binary("ech+hb")).unwrap();
    assert_eq!(socket.read(), Message::text("ech+hb"), "binary frames are read as text");
    socket.0.send(Message::Ping("still there?".into())).unwrap();
    assert_eq!(socket.read(), Message::Pong("still there?".into()));

    let sockets = world.server.handle().sockets();
    assert_eq!((sockets.open, sockets.opened, sockets.early), (1, 1, 0));
    assert_eq!(sockets.received, ["smd+265598", "ech+hb"]);
    assert_eq!(world.server.handle().counters().refusals, [].into());
    socket.0.close(None).unwrap();
    assert_eq!(socket.read(), Message::Close(None));
    assert!(matches!(socket.error(), Error::ConnectionClosed));
    world.is_open(0);
}

#[test]
fn it_speaks_by_the_servers_clock() {
    let world = World::new(stopped());
    let mut socket = world.ready();
    world.server.handle().set_scale(1000.0);
    let mut last = 0;
    for _ in 0..3 {
        let said = socket.json();
        let beat = said["hb"].as_i64().unwrap();
        assert!(beat >= last + 10_000, "{said}");
        last = beat;
    }
}

#[test]
fn what_happens_elsewhere_is_told_at_once() {
    let world = World::new(stopped());
    let mut socket = world.ready();
    socket.send("sor+{}");
    assert_eq!(socket.json()["args"], json!([]));
    let headers = format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", world.bearer);
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    world.client.send("localhost", &post(&path, &headers, r#"{"orders":[{"conid":1,"cOID":"a"}]}"#)).unwrap();
    assert_eq!(socket.json()["args"][0]["order_ref"], "a");
    world.server.handle().kick(None);
    assert_eq!(socket.json()["args"]["competing"], true);
    world.server.handle().restart();
    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    assert_eq!(socket.read(), Message::Close(Some(close)));
}

#[test]
fn frames_are_binary_by_a_rule() {
    let world = World::new(stopped());
    world.server.handle().with(|sim| sim.config_mut().rules.ws_binary = true);
    let mut socket = world.connect();
    let Message::Binary(bytes) = socket.read() else { panic!("no binary frame") };
    assert!(bytes.starts_with(b"{\"success\""));
}

#[test]
fn sockets_are_dropped_closed_and_silenced() {
    let world = World::new(stopped());
    let handle = world.server.handle();
    let mut socket = world.ready();
    handle.drop_sockets();
    assert!(is_reset(&socket.error()));
    world.is_open(0);

    let mut socket = world.ready();
    handle.end_sockets(SocketEnd::Close(1011));
    let close = CloseFrame { code: CloseCode::Error, reason: "".into() };
    assert_eq!(socket.read(), Message::Close(Some(close)));
    assert!(matches!(socket.error(), Error::ConnectionClosed));
    world.is_open(0);

    let mut socket = world.ready();
    handle.end_sockets(SocketEnd::Silence);
    socket.send("tic");
    socket.0.send(Message::Ping("still there?".into())).unwrap();
    handle.advance(Duration::from_secs(10));
    socket.0.get_mut().sock.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let error = socket.error();
    let silent = matches!(&error, Error::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(silent, "{error}");
    world.is_open(1);
    drop(socket);
    world.is_open(0);
}

#[test]
fn faults_strike_frames() {
    let world = World::new(stopped());
    world.fault(r#"{"on":"ws-frame","path":"smd+*","calls":2,"do":{"reset":true}}"#);
    let mut socket = world.ready();
    socket.send("smd+265598+{}");
    assert_eq!(socket.json()["topic"], "smd+265598");
    world.server.handle().advance(Duration::from_secs(1));
    assert!(is_reset(&socket.error()));
}

#[test]
fn faults_strike_the_upgrade() {
    let world = World::new(stopped());
    let attempt = || {
        let stream = world.client.tls("localhost", dial(world.server.ports().https).unwrap()).unwrap();
        stream.sock.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        match tungstenite::client(world.request("localhost"), stream) {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(tungstenite::HandshakeError::Failure(error)) => Err(Some(error)),
            // Nothing came before the time was over.
            Err(tungstenite::HandshakeError::Interrupted(_)) => Err(None),
        }
    };
    let struck = |action: &str| {
        world.server.handle().clear_faults();
        world.fault(&format!(r#"{{"on":"ws","do":{action}}}"#));
        attempt()
    };
    let Err(Some(Error::Http(answer))) = struck(r#"{"status":503}"#) else { panic!("no 503") };
    assert_eq!(answer.status(), 503);
    assert!(is_reset(&struck(r#"{"reset":true}"#).err().unwrap().unwrap()));
    assert!(struck(r#"{"hang":true}"#).err().unwrap().is_none());
    assert!(struck(r#"{"hang":true,"processed":true}"#).err().unwrap().is_none());
    let mut closed = struck(r#"{"close_after":true}"#).ok().unwrap();
    assert!(
        matches!(closed.error(), Error::Protocol(_) | Error::ConnectionClosed),
        "a farewell without a frame"
    );
    world.is_open(0);
    let started = Instant::now();
    let mut delayed = struck(r#"{"delay_ms":60}"#).ok().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(60));
    assert_eq!(delayed.json()["topic"], "system");
}

#[test]
fn an_upgrade_that_is_refused_leaves_the_connection_to_others() {
    let world = World::new(stopped());
    let mut connection = world.client.connect("localhost").unwrap();
    let half = "GET /v1/api/ws HTTP/1.1\r\nhost: localhost\r\nuser-agent: test\r\nconnection: upgrade\r\n\
                upgrade: websocket\r\n\r\n";
    assert_eq!(connection.send(half).unwrap().status, 400);
    world.server.handle().advance(Duration::from_secs(1));
    assert_eq!(connection.send(&tickle(&world.bearer)).unwrap().status, 200);
}

#[test]
fn through_proxy_and_delay() {
    let config = ServerConfig { one_way_delay: Duration::from_millis(2), ..stopped() };
    let world = World::new(config);
    let mut stream = dial(world.server.ports().proxy).unwrap();
    write!(stream, "CONNECT api.ibkr.com:443 HTTP/1.1\r\nhost: api.ibkr.com:443\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let tls = world.client.tls("api.ibkr.com", stream).unwrap();
    let mut socket = Socket(tungstenite::client(world.request("api.ibkr.com"), tls).unwrap().0);
    assert_eq!(socket.json()["topic"], "system");
    world.server.handle().drop_sockets();
    assert!(is_reset(&socket.error()));
}

#[test]
fn without_tls_and_with_a_frame_right_behind_the_request() {
    let server = Server::start(ServerConfig { plain: true, ..stopped() }).unwrap();
    let mut stream: TcpStream = dial(server.ports().https).unwrap();
    // A masked text frame, `tic`, with a mask of zeros.
    let request = "GET /v1/api/ws HTTP/1.1\r\nhost: localhost\r\nuser-agent: test\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut bytes = request.as_bytes().to_vec();
    bytes.extend([0x81, 0x83, 0, 0, 0, 0, b't', b'i', b'c']);
    stream.write_all(&bytes).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    assert_eq!(socket.read().unwrap(), Message::text(r#"{"message":"waiting for session"}"#));
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.handle().sockets().early == 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn the_admin_port_speaks_on_sockets_and_ends_them() {
    let world = World::new(stopped());
    let mut socket = world.ready();
    let send =
        |request: &str| Connection::new(dial(world.server.ports().admin).unwrap()).send(request).unwrap();
    let act = |body: &str| send(&post("/sockets", "", body));
    let notice = r#"{"args":[],"topic":"ntf"}"#;
    assert_eq!(act(&format!(r#"{{"push":{notice}}}"#)).status, 200);
    assert_eq!(socket.read(), Message::text(notice));
    socket.send("tic");
    assert_eq!(socket.json()["topic"], "tic");
    let read = send("GET /sockets HTTP/1.1\r\nhost: localhost\r\n\r\n").json();
    assert_eq!(read, json!({ "open": 1, "opened": 1, "received": ["tic"], "early": 0 }));
    assert_eq!(act(r#"{"end":"explode"}"#).status, 400);
    assert_eq!(act(r#"{"end":{"close":1001}}"#).status, 200);
    let close = CloseFrame { code: CloseCode::Away, reason: "".into() };
    assert_eq!(socket.read(), Message::Close(Some(close)));
}
