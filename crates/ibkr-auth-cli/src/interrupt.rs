//! Ctrl-C, and the other signals that ask to leave: looked for by work that must not be left half done, or
//! told to a loop that waits for more than that. Everything else they end at once.

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

/// The first signal is noted instead of deadly, until drop.
pub(crate) struct Interrupt(&'static Flags);

impl Interrupt {
    pub(crate) fn watch() -> Self {
        let flags = FLAGS.get_or_init(platform::hooked);
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

/// What a signal says to a loop.
#[cfg_attr(not(unix), allow(dead_code, reason = "signals are those of Unix"))]
pub(crate) enum Signal {
    Leave,
    /// Its terminal is gone, or it is to read its settings anew.
    Hangup,
    Resized,
}

pub(crate) use platform::tell;

#[cfg(unix)]
mod platform {
    use std::sync::Arc;

    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH},
        flag,
        iterator::Signals,
    };

    use super::{Flags, Signal};

    pub(super) fn hooked() -> Flags {
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

    /// From now on; a system that gives no thread leaves the signals as they were.
    pub(crate) fn tell(hear: impl Fn(Signal) + Send + 'static) {
        let mut wanted = vec![SIGINT, SIGQUIT, SIGTERM, SIGWINCH];
        if !is_ignored(SIGHUP) {
            wanted.push(SIGHUP);
        }
        let Ok(mut signals) = Signals::new(wanted) else { return };
        let listening = std::thread::Builder::new().name("signals".to_owned());
        let _ = listening.spawn(move || {
            for signal in signals.forever() {
                hear(match signal {
                    SIGWINCH => Signal::Resized,
                    SIGHUP => Signal::Hangup,
                    _ => Signal::Leave,
                });
            }
        });
    }

    /// Whether we were started with this signal ignored, as `nohup` does. Elsewhere than on Linux nobody
    /// tells.
    fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }
}

#[cfg(not(unix))]
mod platform {
    use super::{Flags, Signal};

    pub(super) fn hooked() -> Flags {
        Flags::default()
    }

    pub(crate) fn tell(_hear: impl Fn(Signal) + Send + 'static) {}
}
