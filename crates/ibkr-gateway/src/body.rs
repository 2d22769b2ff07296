//! Bodies on their way: whole, or as they come.

use std::{
    error::Error as StdError,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::{deadline::Progress, line::Busy};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What a client sends, or gets.
pub(crate) enum Content {
    /// All of it: it can be sent again.
    Whole(Bytes),
    /// As it comes, once.
    Flowing(Flowing),
}

impl Content {
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// The same once more, if there is nothing that only goes once.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Flowing(_) => None,
        }
    }

    /// Whoever waits for an answer waits from the last byte on that has moved; what is whole moves at once.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        match self {
            Self::Whole(_) => Progress::new(Instant::now()),
            Self::Flowing(flowing) => Arc::clone(&flowing.progress),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(whole: T) -> Self {
        Self::Whole(whole.into())
    }
}

/// An answer on its way to a client: until its end its connection is at work.
pub(crate) struct Sending {
    answer: Content,
    _busy: Busy,
}

impl Sending {
    pub(crate) fn new(answer: Content, busy: Busy) -> Self {
        Self { answer, _busy: busy }
    }
}

/// What is left of a body that somebody else sends. One that stands still for too long is given up, so that
/// nobody waits for it for good.
pub(crate) struct Flowing {
    /// What was read of it already.
    begin: Bytes,
    rest: Incoming,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    progress: Arc<Progress>,
}

impl Flowing {
    pub(crate) fn new(begin: Bytes, rest: Incoming, patience: Duration) -> Self {
        Self { begin, rest, patience, stalled: None, progress: Progress::new(Instant::now()) }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.begin.is_empty() {
            self.progress.note(Instant::now());
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.begin)))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(context) {
            self.stalled = None;
            self.progress.note(Instant::now());
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        std::task::ready!(stalled.as_mut().poll(context));
        Poll::Ready(Some(Err("the body stands still".into())))
    }

    fn size_hint(&self) -> SizeHint {
        let begin = self.begin.len() as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + begin);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + begin);
        }
        hint
    }

    fn is_end_stream(&self) -> bool {
        self.begin.is_empty() && self.rest.is_end_stream()
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Flowing(flowing) => flowing.poll(context),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Flowing(flowing) => flowing.size_hint(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Flowing(flowing) => flowing.is_end_stream(),
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.get_mut().answer).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }
}
