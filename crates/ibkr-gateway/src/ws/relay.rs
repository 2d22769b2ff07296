//! One client's stream, and one of IBKR's for it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ibkr_auth_async::core::stream::{Frame, Gate};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{Socket, close, command, is_allowed, lost, passed_on, refused, upstream};
use crate::seat::Seat;

/// A client waits so long for IBKR's stream.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to open it: this, then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// IBKR's heart beats each 10 s.
const SILENCE: Duration = Duration::from_secs(35);

/// Until either side ends it.
pub(super) async fn run(seat: &Seat, client: &mut Socket) {
    let tier = seat.handle.snapshot().config().tier();
    let mut gate = Gate::new(tier);
    let Some((ibkr, session_id)) = opened(seat, client, &mut gate).await else { return };
    gate.opened(session_id.as_ref());
    let end = carried(seat, client, ibkr, &mut gate).await;
    if let End::Lost = end {
        // Its client connects again, and the session looks after itself meanwhile.
        seat.handle.check();
        let _ = client.send(lost("the stream to IBKR was lost")).await;
        let _ = client.send(close(CloseCode::Away, "the stream to IBKR was lost")).await;
    }
}

enum End {
    /// The client has left.
    Left,
    /// IBKR has.
    Lost,
}

/// Opens IBKR's stream, as soon as there is a session; the client's frames are held meanwhile.
async fn opened(
    seat: &Seat,
    client: &mut Socket,
    gate: &mut Gate,
) -> Option<(Socket, Option<ibkr_auth_async::Secret>)> {
    let until = Instant::now() + PATIENCE;
    let mut wait = FIRST_WAIT;
    loop {
        let opening = async {
            let left = until.saturating_duration_since(Instant::now());
            match seat.handle.ready(left).await {
                Ok(()) => upstream::open(seat).await,
                // Without a brokerage session there is a stream too.
                Err(_) => match seat.handle.headers() {
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
            let _ = client.send(close(CloseCode::Again, "there is no session")).await;
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
        if let Some(answer) = taken(seat, &message, gate)
            && client.send(answer).await.is_err()
        {
            return;
        }
    }
}

/// Holds a client's frame, to be released in its turn; what to say if it is not taken.
fn taken(seat: &Seat, message: &Message, gate: &mut Gate) -> Option<Message> {
    let text = command(message)?;
    if !is_allowed(seat, text) {
        return Some(refused(text, "this gateway is read-only"));
    }
    gate.hold(text).err().map(|error| refused(text, error.message()))
}

async fn carried(seat: &Seat, client: &mut Socket, mut ibkr: Socket, gate: &mut Gate) -> End {
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
                Some(Ok(message)) => if let Some(answer) = taken(seat, &message, gate)
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
