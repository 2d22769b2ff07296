//! A connection that has become a WebSocket: frames in, `Sim`, frames out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::sleep;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{
    line::{Cut, Stream, farewell},
    shared::Shared,
};
use crate::{Frame, Moment, SocketEnd, SocketId};

/// A socket that is open in the simulator until this is dropped.
pub(super) struct Opened {
    shared: Arc<Shared>,
    id: SocketId,
}

impl Opened {
    pub(super) fn new(shared: &Arc<Shared>, id: SocketId) -> Self {
        Self { shared: Arc::clone(shared), id }
    }

    /// What is to be sent now, and when there may be more.
    fn frames(&self) -> (Vec<Frame>, Option<Moment>) {
        let now = self.shared.clock().now();
        self.shared.sim().socket_frames(now, self.id)
    }

    fn receive(&self, text: &str) {
        let now = self.shared.clock().now();
        self.shared.sim().socket_receive(now, self.id, text);
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.shared.sim().close_socket(self.id);
    }
}

/// Serves a socket until either side ends it. `read` came with the request that opened it.
pub(super) async fn serve(opened: Opened, stream: impl Stream, read: Bytes, cut: &Cut) {
    let mut socket = WebSocketStream::from_partially_read(stream, read.to_vec(), Role::Server, None).await;
    let end = converse(&opened, &mut socket).await;
    match end {
        Some(SocketEnd::Reset) => cut.cut(),
        Some(SocketEnd::Silence) => {
            let _ = tokio::io::copy(&mut socket.into_inner(), &mut tokio::io::sink()).await;
        }
        Some(SocketEnd::Close(code)) => {
            drop(opened);
            let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
            // A client that is gone needs no farewell; another one answers with a close frame of its own.
            let _ = socket.close(Some(frame)).await;
            while let Some(Ok(_)) = socket.next().await {}
            farewell(socket.into_inner()).await;
        }
        None => {
            drop(opened);
            farewell(socket.into_inner()).await;
        }
    }
}

/// Returns how the servers end it, or `None` when the client has.
async fn converse<S: Stream>(opened: &Opened, socket: &mut WebSocketStream<S>) -> Option<SocketEnd> {
    let shared = &opened.shared;
    loop {
        // Before the simulator is asked, or what changes in between would be missed.
        let changed = shared.changed();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let (frames, next) = opened.frames();
        for frame in frames {
            let message = match frame {
                Frame::Text(text) => Message::text(text),
                Frame::Binary(text) => Message::binary(text),
                Frame::End(end) => return Some(end),
            };
            socket.send(message).await.ok()?;
        }
        tokio::select! {
            // Pings are answered by the stream itself.
            message = socket.next() => match message?.ok()? {
                Message::Text(text) => opened.receive(&text),
                Message::Binary(bytes) => opened.receive(&String::from_utf8_lossy(&bytes)),
                _ => {}
            },
            () = changed => {}
            () = reached(shared, next) => {}
        }
    }
}

/// Returns when the servers' clock shows this, unless it is set meanwhile.
async fn reached(shared: &Shared, moment: Option<Moment>) {
    let left = moment.and_then(|moment| shared.clock().until(moment));
    match left {
        Some(left) => sleep(left).await,
        None => std::future::pending().await,
    }
}
