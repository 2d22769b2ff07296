//! Subscribes to market data on IBKR's WebSocket, and stays subscribed whatever happens to the connection:
//! `cargo run -p ibkr-auth-blocking --example stream_blocking -- config.yaml`

use std::{
    io,
    net::TcpStream,
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_blocking::{
    Client, Error, Handle, KeepConnected, Secret, Tier,
    core::{
        Now,
        stream::{Event, Frame, Output, Stream},
    },
};
use tungstenite::{Message, WebSocket, connect, stream::MaybeTlsStream};

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// So long a read waits, so that nothing that is due comes later than that.
const TURN: Duration = Duration::from_millis(200);

fn main() -> Result<(), Error> {
    let config = std::env::args().nth(1).unwrap_or_else(|| "config.yaml".to_owned());
    let session = Client::from_yaml(config)?.keep_connected(KeepConnected::default());
    session.ready(Duration::from_secs(90))?;
    // IBKR wants the accounts to be asked for before market data.
    session.get("/v1/api/iserver/accounts")?;
    watch(&session, r#"smd+265598+{"fields":["31","84","86"]}"#, |topic, text| {
        println!("{topic}: {text}");
        true
    })?;
    session.stop()
}

/// Shows each message of a subscription, until `show` has had enough.
pub(crate) fn watch(
    session: &Handle,
    subscription: &str,
    mut show: impl FnMut(&str, &str) -> bool,
) -> Result<(), Error> {
    let mut stream = Stream::new(Tier::Brokerage, u64::from(std::process::id()));
    stream.wish(subscription)?;
    let mut socket: Option<Socket> = None;
    loop {
        let until = loop {
            match stream.poll(now()) {
                Output::Open => match open(session) {
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
                        let _ = socket.send(Message::text(text));
                    }
                }
                Output::Event(event @ Event::Lost { .. }) => eprintln!("{event}"),
                Output::Event(_) => {}
                Output::Wait(until) => break until,
            }
        };
        let Some(open) = &mut socket else {
            let left = until.map_or(TURN, |until| until.saturating_duration_since(Instant::now()));
            std::thread::sleep(left.min(TURN));
            continue;
        };
        match open.read() {
            // Pings are answered by the library.
            Ok(message) if !message.is_text() && !message.is_binary() => {}
            Ok(message) => {
                let text = message.into_data();
                if let Frame::Message { topic, .. } = stream.receive(now(), &text)
                    && !show(&topic, &String::from_utf8_lossy(&text))
                {
                    return Ok(());
                }
            }
            Err(tungstenite::Error::Io(error)) if is_nothing_yet(&error) => {}
            Err(_) => {
                socket = None;
                stream.closed(now());
            }
        }
    }
}

/// A connection, and the session id that IBKR may ask for on it.
fn open(session: &Handle) -> Option<(Socket, Option<Secret>)> {
    let upgrade = session.websocket().ok()?;
    let id = upgrade.session_id().cloned();
    let (socket, _) = connect(upgrade.into_request()).ok()?;
    let tcp = match socket.get_ref() {
        MaybeTlsStream::Plain(tcp) => tcp,
        MaybeTlsStream::Rustls(tls) => tls.get_ref(),
        _ => return None,
    };
    tcp.set_read_timeout(Some(TURN)).ok()?;
    Some((socket, id))
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn now() -> Now {
    Now { mono: Instant::now(), wall: SystemTime::now() }
}
