//! One client's stream, and one of IBKR's for it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ibkr_auth_async::{
    SessionMark,
    core::stream::{Frame, Gate},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

use super::{
    Socket, command, ended, farewell, is_allowed, lost, passed_on, refused,
    upstream::{self, Opened},
};
use crate::seat::Seat;

/// A client waits so long for IBKR's stream.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to open it: this, then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// A look at the session takes so long at most.
const LOOK_WITHIN: Duration = Duration::from_secs(3);
/// IBKR's heart beats each 10 s.
const SILENCE: Duration = Duration::from_secs(35);

/// Until either side ends it.
pub(super) async fn run(seat: &Seat, client: &mut Socket) {
    let tier = seat.handle.snapshot().config().tier();
    let mut gate = Gate::new(tier);
    let Some(ibkr) = opened(seat, client, &mut gate).await else { return };
    gate.opened(ibkr.session_id.as_ref());
    let end = tokio::select! {
        end = carried(seat.settings().read_only, client, ibkr.socket, &mut gate) => end,
        // IBKR may leave a stream of the session before open, and silent.
        () = renewed(seat, ibkr.mark) => End::Lost,
    };
    if let End::Lost = end {
        let _ = client.send(lost("the stream to IBKR was lost")).await;
        // Its client connects again at once: it finds the session as it is then.
        seat.look(Instant::now() + LOOK_WITHIN).await;
        farewell(client, CloseCode::Away, "the stream to IBKR was lost").await;
    } else {
        ended(client).await;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The client has left.
    Left,
    /// IBKR has.
    Lost,
}

/// Opens IBKR's stream, as soon as there is a session; the client's frames are held meanwhile.
async fn opened(seat: &Seat, client: &mut Socket, gate: &mut Gate) -> Option<Opened> {
    let until = Instant::now() + PATIENCE;
    let mut wait = FIRST_WAIT;
    loop {
        let opening = async {
            let left = until.saturating_duration_since(Instant::now());
            match seat.handle.ready(left).await {
                Ok(()) => upstream::open(seat).await,
                // Without a brokerage session there is a stream too.
                Err(_) => match seat.handle.snapshot().authorization() {
                    Some(_) => upstream::open(seat).await,
                    None => None,
                },
            }
        };
        tokio::select! {
            opened = opening => if opened.is_some() { return opened },
            () = hold(seat, client, gate) => return None,
        }
        let again = Instant::now() + wait;
        if again > until {
            let _ = client.send(lost("there is no session")).await;
            farewell(client, CloseCode::Again, "there is no session").await;
            return None;
        }
        tokio::select! {
            () = sleep_until(again) => wait = (2 * wait).min(LONGEST_WAIT),
            () = hold(seat, client, gate) => return None,
        }
    }
}

/// Takes the client's frames until it leaves.
async fn hold(seat: &Seat, client: &mut Socket, gate: &mut Gate) {
    while let Some(Ok(message)) = client.next().await {
        if let Some(answer) = taken(seat.settings().read_only, &message, gate)
            && client.send(answer).await.is_err()
        {
            return;
        }
    }
}

/// Holds a client's frame, to be released in its turn; what to say if it is not taken.
fn taken(is_read_only: bool, message: &Message, gate: &mut Gate) -> Option<Message> {
    let text = command(message)?;
    if !is_allowed(is_read_only, text) {
        return Some(refused(text, "this gateway is read-only"));
    }
    gate.hold(text).err().map(|error| refused(text, error.message()))
}

/// Until there was a new login.
async fn renewed(seat: &Seat, mark: Option<SessionMark>) {
    let mut events = seat.handle.events();
    while !Opened::is_of_before(mark, seat) {
        if events.next().await.is_none() {
            return std::future::pending().await;
        }
    }
}

async fn carried<C, I>(
    is_read_only: bool,
    client: &mut WebSocketStream<C>,
    mut ibkr: WebSocketStream<I>,
    gate: &mut Gate,
) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = Instant::now();
    loop {
        let now = std::time::Instant::now();
        while let Some(text) = gate.release(now) {
            if ibkr.send(Message::text(text)).await.is_err() {
                return End::Lost;
            }
        }
        let more =
            gate.until(now).map_or(heard + SILENCE, |until| Instant::from_std(until).min(heard + SILENCE));
        tokio::select! {
            message = ibkr.next() => match message {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if let Message::Text(_) | Message::Binary(_) = &message {
                        gate.saw(now, &Frame::parse(message.to_text().unwrap_or_default()));
                    }
                    if let Some(message) = passed_on(message)
                        && client.send(message).await.is_err()
                    {
                        return End::Left;
                    }
                }
                _ => return End::Lost,
            },
            message = client.next() => match message {
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => {
                    let _ = ibkr.close(None).await;
                    return End::Left;
                }
                Some(Ok(message)) => if let Some(answer) = taken(is_read_only, &message, gate)
                    && client.send(answer).await.is_err()
                {
                    return End::Left;
                },
            },
            () = sleep_until(more) => if heard.elapsed() >= SILENCE {
                return End::Lost;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use ibkr_auth_async::Tier;
    use tokio::{
        io::{DuplexStream, duplex},
        time::sleep,
    };
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    async fn pair() -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (one, other) = duplex(1 << 20);
        (
            WebSocketStream::from_raw_socket(one, Role::Client, None).await,
            WebSocketStream::from_raw_socket(other, Role::Server, None).await,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_falls_silent_is_lost() {
        let (client, mut clients) = pair().await;
        let (ibkr, mut ibkrs) = pair().await;
        let begin = Instant::now();
        tokio::spawn(async move {
            let _stays = client;
            for _ in 0..3 {
                sleep(SILENCE - Duration::from_secs(1)).await;
                ibkrs.send(Message::text(r#"{"topic":"system","hb":1}"#)).await.unwrap();
            }
            sleep(10 * SILENCE).await;
        });
        let end = carried(false, &mut clients, ibkr, &mut Gate::new(Tier::Brokerage)).await;
        assert_eq!((end, begin.elapsed().as_secs()), (End::Lost, 4 * SILENCE.as_secs() - 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_side_says_the_other_hears_at_once() {
        let (mut client, mut clients) = pair().await;
        let (ibkr, mut ibkrs) = pair().await;
        let carrying =
            tokio::spawn(
                async move { carried(false, &mut clients, ibkr, &mut Gate::new(Tier::Brokerage)).await },
            );
        let begin = Instant::now();
        client.send(Message::text("sor+{}")).await.unwrap();
        client.send(Message::text(r#"{"session":"0123"}"#)).await.unwrap();
        ibkrs.send(Message::text(r#"{"topic":"sts","args":{"authenticated":true}}"#)).await.unwrap();
        assert!(client.next().await.unwrap().unwrap().is_binary());
        assert_eq!(ibkrs.next().await.unwrap().unwrap(), Message::text("sor+{}"));
        ibkrs.send(Message::text("hb")).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::binary("hb"));
        client.send(Message::Ping("p".into())).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("p".into()));
        assert!(begin.elapsed() < Duration::from_millis(1), "{:?}", begin.elapsed());
        client.close(None).await.unwrap();
        assert_eq!(carrying.await.unwrap(), End::Left);
    }
}
