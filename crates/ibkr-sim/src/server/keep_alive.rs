//! How long a connection is kept for further requests.

use std::{pin::Pin, sync::Arc};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep_until},
};

use super::{
    body::Body,
    line::{Cut, Stream, farewell},
    shared::Shared,
    ws::{self, Opened},
};

/// What happens on a connection that matters to its end.
pub(super) enum Happened {
    Asked,
    /// The answer is on its way; whether it is to be the last.
    Answered {
        last: bool,
    },
    /// The connection is to be closed without an answer.
    Close,
    /// The answer on its way makes it a socket, or `None` to close it.
    Upgraded(Option<Opened>),
}

/// Reports what happens on one connection.
#[derive(Clone)]
pub(super) struct Course(UnboundedSender<Happened>);

/// Reports that an answer is on its way, when it is dropped.
pub(super) struct End(UnboundedSender<Happened>, bool);

pub(super) fn course() -> (Course, UnboundedReceiver<Happened>) {
    let (send, receive) = mpsc::unbounded_channel();
    (Course(send), receive)
}

impl Course {
    // Nobody listens any more when the connection has ended.

    pub(super) fn asked(&self) {
        let _ = self.0.send(Happened::Asked);
    }

    pub(super) fn close(&self) {
        let _ = self.0.send(Happened::Close);
    }

    pub(super) fn upgraded(&self, socket: Opened, closes: bool) {
        let _ = self.0.send(Happened::Upgraded((!closes).then_some(socket)));
    }

    pub(super) fn answering(&self, last: bool) -> End {
        End(self.0.clone(), last)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.0.send(Happened::Answered { last: self.1 });
    }
}

/// Serves a connection until either side closes it.
pub(super) async fn serve<S>(
    shared: &Arc<Shared>,
    stream: Box<dyn Stream>,
    service: S,
    mut events: UnboundedReceiver<Happened>,
    cut: &Cut,
) where
    S: Service<Request<Incoming>, Response = http::Response<Body>, Error = std::convert::Infallible> + Unpin,
{
    // The simulator sets the Date header by its own clock.
    let mut builder = http1::Builder::new();
    let mut connection = builder.auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    let mut answers = 0;
    let mut idle_until = idle_end(shared);
    let mut upgraded = None;
    loop {
        let idle = async move {
            match idle_until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let last = tokio::select! {
            // How a client ends a connection is its own affair.
            _ = &mut connection => break,
            () = idle => {
                idle_until = None;
                true
            }
            Some(happened) = events.recv() => match happened {
                Happened::Asked => {
                    idle_until = None;
                    false
                }
                Happened::Answered { last } => {
                    answers += 1;
                    idle_until = idle_end(shared);
                    let most = shared.sim().config().rules.connection_requests;
                    last || most.is_some_and(|most| answers >= most)
                }
                Happened::Upgraded(socket) => {
                    upgraded = Some(socket);
                    false
                }
                Happened::Close => {
                    return farewell(connection.into_parts().io.into_inner()).await;
                }
            },
        };
        if last {
            // The head of the answer, which could have said so, has been written.
            Pin::new(&mut connection).graceful_shutdown();
        }
    }
    while let Ok(happened) = events.try_recv() {
        if let Happened::Upgraded(socket) = happened {
            upgraded = Some(socket);
        }
    }
    let Some(socket) = upgraded else { return };
    let parts = connection.into_parts();
    match socket {
        Some(socket) => ws::serve(socket, parts.io.into_inner(), parts.read_buf, cut).await,
        None => farewell(parts.io.into_inner()).await,
    }
}

fn idle_end(shared: &Shared) -> Option<Instant> {
    shared.sim().config().rules.connection_idle.map(|idle| Instant::now() + idle)
}
