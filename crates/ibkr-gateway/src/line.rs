//! A client's connection: what it is doing, and how long it may take over it. A client that is slow keeps
//! nobody waiting but itself.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::{Instant, Sleep, sleep},
};

/// From the first byte of a request to the last of its head.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// Between two requests. Programs keep a connection for hours, and some do not look whether it was closed.
const IDLE_WITHIN: Duration = Duration::from_secs(30 * 60);
/// A client that takes nothing of its answer for so long is gone.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// What a connection is doing, for whoever serves it and whoever counts them.
#[derive(Debug)]
pub(crate) struct Line {
    /// Requests that are being answered, and streams.
    busy: AtomicUsize,
    /// The head of a request has begun to arrive.
    has_begun: AtomicBool,
    begin: Instant,
    /// Milliseconds since `begin`, when it last began to do something else.
    since: AtomicU64,
    pub(crate) close: Notify,
}

/// What it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Head,
    Work,
}

impl Line {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            busy: AtomicUsize::new(0),
            has_begun: AtomicBool::new(false),
            begin: Instant::now(),
            since: AtomicU64::new(0),
            close: Notify::new(),
        })
    }

    /// A request is being answered, until drop.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        self.has_begun.store(false, Ordering::Release);
        Busy(Arc::clone(self))
    }

    fn doing(&self) -> Doing {
        match (self.busy.load(Ordering::Acquire), self.has_begun.load(Ordering::Acquire)) {
            (0, false) => Doing::Nothing,
            (0, true) => Doing::Head,
            _ => Doing::Work,
        }
    }

    pub(crate) fn is_in_a_head(&self) -> bool {
        self.doing() == Doing::Head
    }

    fn note_bytes(&self) {
        if self.doing() == Doing::Nothing {
            self.has_begun.store(true, Ordering::Release);
            self.turn();
        }
    }

    fn turn(&self) {
        let millis = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(millis, Ordering::Release);
    }

    fn since(&self) -> Instant {
        self.begin + Duration::from_millis(self.since.load(Ordering::Acquire))
    }
}

pub(crate) struct Busy(Arc<Line>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.turn();
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

/// All connections. When there are too many, the one that has been idle longest makes room.
#[derive(Debug)]
pub(crate) struct Lines {
    most: usize,
    lines: Mutex<Vec<Weak<Line>>>,
}

impl Lines {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), lines: Mutex::default() })
    }

    /// A place for one more; `None` when all others are at work.
    pub(crate) fn enter(&self) -> Option<Arc<Line>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= self.most {
            lines.retain(|line| line.strong_count() > 0);
        }
        if lines.len() >= self.most {
            let idle = lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.upgrade()?)));
            let (at, longest) =
                idle.filter(|(_, line)| line.doing() != Doing::Work).min_by_key(|(_, line)| line.since())?;
            longest.close.notify_one();
            lines.swap_remove(at);
        }
        let line = Line::new();
        lines.push(Arc::downgrade(&line));
        Some(line)
    }

    pub(crate) fn count(&self) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.strong_count() > 0).count()
    }
}

/// A stream that is given up when its client takes too long.
pub(crate) struct Patient<S> {
    stream: S,
    line: Arc<Line>,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, line: Arc<Line>) -> Self {
        Self { stream, line, reading: None, writing: None }
    }

    /// Whether the client still has time to send.
    fn wait_for_bytes(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let within = match self.line.doing() {
            Doing::Nothing => IDLE_WITHIN,
            Doing::Head => HEAD_WITHIN,
            Doing::Work => {
                self.reading = None;
                return Poll::Pending;
            }
        };
        let until = self.line.since() + within;
        let sleep = self.reading.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        std::task::ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn wait_for_room<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let sleep = self.writing.get_or_insert_with(|| Box::pin(sleep(TAKEN_WITHIN)));
        std::task::ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.wait_for_bytes(context),
            Poll::Ready(outcome) => {
                self.line.note_bytes();
                Poll::Ready(outcome)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.wait_for_room(context),
            done => {
                self.writing = None;
                done
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(context, slices) {
            Poll::Pending => self.wait_for_room(context),
            done => {
                self.writing = None;
                done
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.wait_for_room(context),
            done => {
                self.writing = None;
                done
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => self.wait_for_room(context),
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn the_longest_idle_connection_makes_room_and_none_at_work() {
        let lines = Lines::new(2);
        let first = lines.enter().unwrap();
        let second = lines.enter().unwrap();
        let at_work = first.busy();
        let third = lines.enter();
        assert!(third.is_some(), "the second was idle");
        drop(second);
        let third = third.unwrap();
        let _also = third.busy();
        assert!(lines.enter().is_none(), "all are at work");
        drop(at_work);
        assert!(lines.enter().is_some());
    }

    async fn ends(patient: &mut Patient<tokio::io::DuplexStream>) -> (Option<io::ErrorKind>, Duration) {
        let begin = Instant::now();
        loop {
            match patient.read_u8().await {
                Ok(_) => {}
                Err(error) => return (Some(error.kind()), begin.elapsed()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_however_it_drips() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut patient = Patient::new(server, Line::new());
        tokio::spawn(async move {
            sleep(Duration::from_secs(100)).await;
            while client.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let (error, after) = ends(&mut patient).await;
        assert_eq!(error, Some(io::ErrorKind::TimedOut));
        assert_eq!(after.as_secs(), 100 + HEAD_WITHIN.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_kept_for_long_and_not_for_ever() {
        let (_client, server) = tokio::io::duplex(64);
        let line = Line::new();
        let mut patient = Patient::new(server, Arc::clone(&line));
        let busy = line.busy();
        tokio::spawn(async move {
            sleep(10 * IDLE_WITHIN).await;
            drop(busy);
        });
        let at_work = tokio::time::timeout(10 * IDLE_WITHIN, ends(&mut patient)).await;
        assert!(at_work.is_err(), "work has all the time it wants");
        sleep(Duration::from_secs(1)).await;
        let (error, after) = ends(&mut patient).await;
        assert_eq!(error, Some(io::ErrorKind::TimedOut));
        assert_eq!(after.as_secs(), IDLE_WITHIN.as_secs() - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_takes_little_is_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut patient = Patient::new(server, Line::new());
        let begin = Instant::now();
        tokio::spawn(async move {
            for _ in 0..5 {
                sleep(TAKEN_WITHIN - Duration::from_secs(1)).await;
                client.read_exact(&mut [0; 64]).await.unwrap();
            }
            sleep(3 * TAKEN_WITHIN).await;
        });
        let error = patient.write_all(&[0; 10_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed().as_secs(), 5 * (TAKEN_WITHIN.as_secs() - 1) + TAKEN_WITHIN.as_secs());
    }
}
