//! Until when something is waited for.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// When something last moved.
#[derive(Debug)]
pub(crate) struct Progress {
    begin: Instant,
    /// Milliseconds since then.
    moved: AtomicU64,
}

impl Progress {
    pub(crate) fn new(begin: Instant) -> Arc<Self> {
        Arc::new(Self { begin, moved: AtomicU64::new(0) })
    }

    pub(crate) fn note(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.begin).as_millis();
        self.moved.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.begin + Duration::from_millis(self.moved.load(Ordering::Relaxed))
    }
}

/// What the work brings; `None` when it did not end within `limit` of the last move.
pub(crate) async fn within<T>(
    limit: Duration,
    progress: &Progress,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(work);
    loop {
        let until = progress.last() + limit;
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = sleep_until(until) => if progress.last() + limit <= Instant::now() {
                return None;
            },
        }
    }
}
