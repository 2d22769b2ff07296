//! The whole login, for no longer than it may take.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_blocking::{Client, Error, Event, TransportError, TransportKind};
use ibkr_auth_core::Step;

use super::{
    Listener,
    interrupt::{Interrupt, LOOK_AGAIN},
};

/// A login ends by itself before that: every request has a time limit.
const FOR_EVER: Duration = Duration::from_secs(3_600);

enum News {
    Event(Event),
    Ended(Box<Client>, Result<(), Error>),
}

/// Connects, and gives the client back. After `within`, or a Ctrl-C, it is given up, unless there may be a bearer token by then: a
/// session that nobody knows would be in the way of the next login.
pub(super) fn connect(
    mut client: Client,
    mut listener: Listener,
    within: Duration,
    interrupt: &Interrupt,
) -> (Option<Client>, Result<(), Error>) {
    let (news, heard) = channel();
    let events: Sender<News> = news.clone();
    client.on_event(move |event| {
        listener(event);
        // Nobody listens any more to what was given up.
        let _ = events.send(News::Event(event.clone()));
    });
    thread::spawn(move || {
        let outcome = client.connect().map(drop);
        let _ = news.send(News::Ended(Box::new(client), outcome));
    });

    let begin = Instant::now();
    let (mut is_open, mut reason) = (false, None);
    loop {
        let left = if is_open { FOR_EVER } else { within.saturating_sub(begin.elapsed()) };
        if interrupt.is_seen() && !is_open {
            return (None, Err(reason.unwrap_or_else(late)));
        }
        match heard.recv_timeout(left.min(LOOK_AGAIN)) {
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Ok(News::Ended(client, outcome)) => return (Some(*client), outcome),
            Ok(News::Event(Event::Sent { step: Step::GetBearerToken })) => is_open = true,
            Ok(News::Event(Event::Failed { error, .. })) => {
                is_open &= error.step() != Some(Step::GetBearerToken);
                reason = Some(error);
            }
            Ok(News::Event(_)) => {}
            Err(_) => return (None, Err(reason.unwrap_or_else(late))),
        }
    }
}

fn late() -> Error {
    Error::transport(None, &TransportError::new(TransportKind::Timeout, "the login was given up"))
}
