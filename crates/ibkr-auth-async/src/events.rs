//! What happens to a session that is kept, as a stream.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use ibkr_auth_core::Event;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Events as they happen. A listener that is slow misses the oldest; it never holds the session up.
#[must_use = "a stream does nothing unless it is asked"]
pub struct Events(Pin<Box<Receiving>>);

type Receiving = dyn Future<Output = (Option<Event>, Receiver<Event>)> + Send + Sync;

impl Events {
    pub(crate) fn of(receiver: Receiver<Event>) -> Self {
        Self(Box::pin(receive(receiver)))
    }

    /// The next event; `None` when the session has ended. Dropping the future misses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let (event, receiver) = ready!(self.0.as_mut().poll(context));
        *self = Self::of(receiver);
        Poll::Ready(event)
    }
}

async fn receive(mut receiver: Receiver<Event>) -> (Option<Event>, Receiver<Event>) {
    loop {
        match receiver.recv().await {
            Ok(event) => return (Some(event), receiver),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return (None, receiver),
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
