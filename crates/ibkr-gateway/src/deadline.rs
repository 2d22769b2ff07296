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

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn what_moves_has_more_time() {
        let (begin, progress) = (Instant::now(), Progress::new(Instant::now()));
        let moving = Arc::clone(&progress);
        let work = async {
            for _ in 0..5 {
                sleep(LIMIT - Duration::from_secs(1)).await;
                moving.note(Instant::now());
            }
            sleep(2 * LIMIT).await;
        };
        assert_eq!(within(LIMIT, &progress, work).await, None);
        assert_eq!(begin.elapsed(), 5 * (LIMIT - Duration::from_secs(1)) + LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_in_time_has_ended() {
        let progress = Progress::new(Instant::now());
        assert_eq!(within(LIMIT, &progress, sleep(LIMIT)).await, Some(()));
    }
}
