//! Ctrl-C ends the program at once with its exit code, but never in the middle of writing.

use crate::failure::Failure;

#[cfg(unix)]
mod platform {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use signal_hook::consts::SIGINT;

    use super::Failure;
    use crate::exit::Exit;

    pub(in crate::init) struct Interrupt(Arc<AtomicBool>);

    impl Interrupt {
        /// From now on. Nothing has to be restored: no question changes the terminal.
        pub(in crate::init) fn at_once() -> Result<Self, Failure> {
            let ends = Arc::new(AtomicBool::new(true));
            let status = i32::from(Exit::Interrupted as u8);
            signal_hook::flag::register_conditional_shutdown(SIGINT, status, Arc::clone(&ends)).map_err(
                |error| Failure::new(Exit::Failed, "Ctrl-C cannot be handled").why(error.to_string()),
            )?;
            Ok(Self(ends))
        }

        /// Ctrl-C is ignored while `work` writes, which takes no time.
        pub(in crate::init) fn not_during<T>(&self, work: impl FnOnce() -> T) -> T {
            self.0.store(false, Ordering::SeqCst);
            let result = work();
            self.0.store(true, Ordering::SeqCst);
            result
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use super::Failure;

    pub(in crate::init) struct Interrupt;

    impl Interrupt {
        pub(in crate::init) fn at_once() -> Result<Self, Failure> {
            Ok(Self)
        }

        pub(in crate::init) fn not_during<T>(&self, work: impl FnOnce() -> T) -> T {
            work()
        }
    }
}

pub(super) use platform::Interrupt;
