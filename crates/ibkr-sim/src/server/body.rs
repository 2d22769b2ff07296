//! Response bodies that arrive whole, in drops, cut short, or without end.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::keep_alive::End;
use crate::Manner;

static SPACES: [u8; 64 * 1024] = [b' '; 64 * 1024];

/// Before a connection is closed in the middle of a body: time for the first half to be written out.
const LAST_GASP: Duration = Duration::from_millis(20);

pub(super) struct Body {
    bytes: Bytes,
    manner: Manner,
    /// Bytes that the header promises and that have not been sent.
    left: u64,
    pause: Option<Pin<Box<Sleep>>>,
    _end: End,
}

impl Body {
    pub(super) fn new(bytes: Vec<u8>, manner: Manner, end: End) -> Self {
        let left = match manner {
            Manner::Huge(bytes) => bytes,
            _ => bytes.len() as u64,
        };
        Self { bytes: bytes.into(), manner, left, pause: None, _end: end }
    }

    /// Ready when `pause` has passed since it was first asked.
    fn paused(&mut self, pause: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.pause.get_or_insert_with(|| Box::pin(sleep(pause)));
        std::task::ready!(sleep.as_mut().poll(cx));
        self.pause = None;
        Poll::Ready(())
    }

    fn next(&mut self, most: usize) -> Frame<Bytes> {
        let bytes = match self.manner {
            Manner::Huge(_) => Bytes::from_static(&SPACES).slice(..most.min(SPACES.len())),
            _ => self.bytes.split_to(most.min(self.bytes.len())),
        };
        self.left -= bytes.len() as u64;
        Frame::data(bytes)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let frame = match self.manner {
            Manner::Truncate(0) => {
                std::task::ready!(self.paused(LAST_GASP, cx));
                return Poll::Ready(Some(Err(io::Error::other("cut short on order"))));
            }
            Manner::Truncate(bytes) => {
                self.manner = Manner::Truncate(0);
                self.next(bytes)
            }
            Manner::Drip(pause) => {
                std::task::ready!(self.paused(pause, cx));
                self.next(1)
            }
            _ => self.next(left),
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
