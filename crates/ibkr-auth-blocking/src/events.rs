//! What happens to a session that is kept, as an iterator.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
};

use ibkr_auth_core::Event;

/// So many events are kept for a listener that is slow; it misses the oldest beyond that.
const KEPT: usize = 256;

/// Events as they happen. A listener that is slow misses the oldest; it never holds the session up.
pub struct Events(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    is_over: bool,
}

impl Queue {
    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut lock(&self.waiting));
        self.changed.notify_all();
    }
}

impl Iterator for Events {
    type Item = Event;

    /// Waits for the next event; `None` when the session has ended.
    fn next(&mut self) -> Option<Event> {
        let waiting = lock(&self.0.waiting);
        let nothing = |waiting: &mut Waiting| waiting.events.is_empty() && !waiting.is_over;
        let waiting = self.0.changed.wait_while(waiting, nothing);
        waiting.unwrap_or_else(PoisonError::into_inner).events.pop_front()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// Whoever listens; told that there is nothing more when it is dropped.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<Weak<Queue>>>);

impl Listeners {
    pub(crate) fn tell(&self, event: &Event) {
        lock(&self.0).retain(|listener| {
            let listener = listener.upgrade();
            if let Some(listener) = &listener {
                listener.change(|waiting| {
                    if waiting.events.len() == KEPT {
                        waiting.events.pop_front();
                    }
                    waiting.events.push_back(event.clone());
                });
            }
            listener.is_some()
        });
    }

    pub(crate) fn subscribe(&self) -> Events {
        let events = Events(Arc::default());
        lock(&self.0).push(Arc::downgrade(&events.0));
        events
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for listener in lock(&self.0).iter().filter_map(Weak::upgrade) {
            listener.change(|waiting| waiting.is_over = true);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
