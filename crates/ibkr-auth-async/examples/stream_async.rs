//! Subscribes to market data on IBKR's WebSocket, and stays subscribed whatever happens to the connection:
//! `cargo run -p ibkr-auth-async --example stream_async -- config.yaml`

use std::time::{Duration, Instant, SystemTime};

use futures_util::{SinkExt, StreamExt};
use ibkr_auth_async::{
    Client, Error, Handle, KeepConnected, Tier,
    core::{
        Now,
        stream::{Event, Frame, Output, Stream},
    },
};
use tokio::{net::TcpStream, time::sleep};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = std::env::args().nth(1).unwrap_or_else(|| "config.yaml".to_owned());
    let session = Client::from_yaml(config)?.keep_connected(KeepConnected::default());
    session.ready(Duration::from_secs(90)).await?;
    // IBKR wants the accounts to be asked for before market data.
    session.get("/v1/api/iserver/accounts").await?;
    watch(&session, r#"smd+265598+{"fields":["31","84","86"]}"#, |topic, text| {
        println!("{topic}: {text}");
        true
    })
    .await?;
    session.stop().await
}

/// Shows each message of a subscription, until `show` has had enough.
pub(crate) async fn watch(
    session: &Handle,
    subscription: &str,
    mut show: impl FnMut(&str, &str) -> bool,
) -> Result<(), Error> {
    let mut stream = Stream::new(Tier::Brokerage, u64::from(std::process::id()));
    stream.wish(subscription)?;
    let mut socket: Option<Socket> = None;
    loop {
        let wait = loop {
            match stream.poll(now()) {
                Output::Open => match open(session).await {
                    Some((opened, id)) => {
                        socket = Some(opened);
                        stream.opened(now(), id.as_ref());
                    }
                    None => stream.closed(now()),
                },
                Output::Close => socket = None,
                Output::Send(text) => {
                    if let Some(socket) = &mut socket {
                        // Whatever fails here shows when nothing more is heard.
                        let _ = socket.send(Message::text(text)).await;
                    }
                }
                Output::Event(event @ Event::Lost { .. }) => eprintln!("{event}"),
                Output::Event(_) => {}
                Output::Wait(until) => break until,
            }
        };
        let left =
            wait.map_or(Duration::from_secs(1), |until| until.saturating_duration_since(Instant::now()));
        let heard = async {
            match &mut socket {
                Some(socket) => socket.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = heard => match message {
                // Pings are answered by the library.
                Some(Ok(message)) if !message.is_text() && !message.is_binary() => {}
                Some(Ok(message)) => {
                    let text = message.into_data();
                    if let Frame::Message { topic, .. } = stream.receive(now(), &text)
                        && !show(&topic, &String::from_utf8_lossy(&text))
                    {
                        return Ok(());
                    }
                }
                Some(Err(_)) | None => {
                    socket = None;
                    stream.closed(now());
                }
            },
            () = sleep(left) => {}
        }
    }
}

/// A connection, and the session id that IBKR may ask for on it.
async fn open(session: &Handle) -> Option<(Socket, Option<ibkr_auth_async::Secret>)> {
    let upgrade = session.websocket().ok()?;
    let id = upgrade.session_id().cloned();
    let (socket, _) = connect_async(upgrade.into_request()).await.ok()?;
    Some((socket, id))
}

fn now() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
}
