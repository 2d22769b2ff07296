//! The stream, as WebSocket clients see it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message, Utf8Bytes,
        client::IntoClientRequest,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::world::World;

pub(crate) type Socket = WebSocketStream<TcpStream>;

pub(crate) const AAPL: &str = r#"smd+265598+{"fields":["31"]}"#;
const NO_REASON: CloseFrame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };

pub(crate) async fn open(world: &World, path: &str, cookie: Option<&str>) -> Socket {
    let headers: Vec<(&str, &str)> = cookie.iter().map(|cookie| ("cookie", *cookie)).collect();
    open_with(world, path, &headers).await
}

pub(crate) async fn open_with(world: &World, path: &str, headers: &[(&'static str, &str)]) -> Socket {
    try_open(world, path, headers).await.unwrap_or_else(|status| panic!("{path}: {status}"))
}

/// The status, if it is refused.
pub(crate) async fn try_open(
    world: &World,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, u16> {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let mut request = format!("ws://localhost:5000{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The next frame of a topic.
pub(crate) async fn heard(socket: &mut Socket, topic: &str) -> Value {
    heard_where(socket, |value| value["topic"] == topic).await
}

/// The next frame of this kind. All frames are binary, as from IBKR's gateway.
pub(crate) async fn heard_where(socket: &mut Socket, is_it: impl Fn(&Value) -> bool) -> Value {
    let next = async {
        loop {
            match socket.next().await.expect("the stream goes on").unwrap() {
                Message::Binary(bytes) => {
                    let Ok(value) = serde_json::from_slice(&bytes) else { continue };
                    if is_it(&value) {
                        return value;
                    }
                }
                Message::Pong(_) | Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(Duration::from_secs(20), next).await.expect("such a frame")
}

/// What the simulator has heard from clients, `tic` apart.
pub(crate) fn received(world: &World) -> Vec<String> {
    let received = world.lab.server.handle().sockets().received;
    received.into_iter().filter(|said| said != "tic").collect()
}

#[test]
fn what_a_client_sends_at_once_arrives_when_ibkr_is_ready() {
    let world = World::new().ready();
    world.runtime.block_on(async {
        for (path, cookie) in [
            ("/v1/api/ws", None),
            ("/v1/portal/ws", Some("api=undefined")),
            ("/v1/api/ws", Some(r#"api={"session": "0123456789abcdef"}"#)),
            ("//v1/api/ws", Some("api=0123456789abcdef0123456789abcdef; x=y")),
        ] {
            let mut socket = open(&world, path, cookie).await;
            socket.send(Message::text(r#"{"session":"0123"}"#)).await.unwrap();
            socket.send(Message::text(AAPL)).await.unwrap();
            heard(&mut socket, "sts").await;
            assert_eq!(heard(&mut socket, "smd+265598").await["31"], "100.00", "{path}");
            socket.close(None).await.unwrap();
        }
    });
    assert_eq!(world.lab.server.handle().sockets().early, 0);
}

#[test]
fn one_stream_serves_many() {
    let world = World::with(|settings| settings.share_stream = true).ready();
    world.runtime.block_on(async {
        let mut first = open(&world, "/v1/api/ws", None).await;
        first.send(Message::text(AAPL)).await.unwrap();
        heard(&mut first, "smd+265598").await;
        let mut second = open(&world, "/v1/api/ws", None).await;
        second.send(Message::binary(AAPL)).await.unwrap();
        heard(&mut second, "sts").await;
        heard(&mut second, "smd+265598").await;
        assert_eq!(world.lab.server.handle().sockets().open, 1);
        second.send(Message::Ping("x".into())).await.unwrap();
        loop {
            if let Message::Pong(payload) = second.next().await.unwrap().unwrap() {
                assert_eq!(payload, "x");
                break;
            }
        }
    });
}

#[test]
fn a_client_that_ends_its_stream_is_answered() {
    for share_stream in [false, true] {
        let world = World::with(|settings| settings.share_stream = share_stream).ready();
        world.runtime.block_on(async {
            let mut socket = open(&world, "/v1/api/ws", None).await;
            heard(&mut socket, "sts").await;
            socket.close(None).await.unwrap();
            assert!(ended(&mut socket).await.is_some(), "shared: {share_stream}");
        });
    }
}

#[test]
fn a_gateway_that_ends_says_so_on_streams_and_waits_for_none() {
    for share_stream in [false, true] {
        let mut world = World::with(|settings| settings.share_stream = share_stream).ready();
        let gateway = world.gateway.take().unwrap();
        world.runtime.block_on(async {
            let mut socket = open(&world, "/v1/api/ws", None).await;
            heard(&mut socket, "sts").await;
            let (end, outcome) = tokio::join!(ended(&mut socket), gateway.stop());
            outcome.unwrap();
            let end = end.expect("a reason");
            assert_eq!((end.code, end.reason.as_str()), (CloseCode::Away, "the gateway ends"));
        });
    }
}

/// How the other side ends the stream; `None` when it just breaks off.
async fn ended(socket: &mut Socket) -> Option<CloseFrame> {
    let end = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return Some(frame.unwrap_or(NO_REASON)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    timeout(Duration::from_secs(20), end).await.expect("it ends")
}
