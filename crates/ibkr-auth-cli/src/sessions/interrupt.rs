//! Ctrl-C while a login is under way, or a session is healed: what is there by then is ended, or kept, first.
//! The second one ends the program at once, and so does the first at any other time.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Whoever waits meanwhile looks for it so often.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Flags {
    seen: Arc<AtomicBool>,
    /// A signal does what it does by default.
    is_deadly: Arc<AtomicBool>,
}

static FLAGS: OnceLock<Flags> = OnceLock::new();

/// Signals are noted instead of deadly, until drop.
pub(crate) struct Interrupt(&'static Flags);

impl Interrupt {
    pub(crate) fn watch() -> Self {
        let flags = FLAGS.get_or_init(hooked);
        flags.seen.store(false, Ordering::SeqCst);
        flags.is_deadly.store(false, Ordering::SeqCst);
        Self(flags)
    }

    pub(crate) fn is_seen(&self) -> bool {
        self.0.seen.load(Ordering::SeqCst)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.is_deadly.store(true, Ordering::SeqCst);
    }
}

#[cfg(unix)]
fn hooked() -> Flags {
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        flag,
    };

    let flags = Flags::default();
    for signal in [SIGINT, SIGTERM] {
        // Where the system refuses, a signal ends the program as ever. The order counts: deadly from the
        // second one on.
        let _ = flag::register_conditional_default(signal, Arc::clone(&flags.is_deadly));
        let _ = flag::register(signal, Arc::clone(&flags.is_deadly));
        let _ = flag::register(signal, Arc::clone(&flags.seen));
    }
    flags
}

#[cfg(not(unix))]
fn hooked() -> Flags {
    Flags::default()
}
