//! Ends that no answer brought: given up, cancelled, panicked. Whoever drives a session makes these errors.

use std::time::Duration;

use crate::{Advice, Error, ErrorKind};

impl Error {
    /// A command that its caller has ended. The task goes on when the session is polled again.
    #[doc(hidden)]
    pub fn cancelled() -> Self {
        let (what, help) = (
            "cancelled",
            "what was sent may still take effect: the same call goes on from there, and `logout` ends a session that has \
             come of it",
        );
        Self::plain(ErrorKind::Cancelled, None, what, help, Advice::DoNotRetry)
    }

    /// A login that its caller has given up after this time. The task goes on when the session is polled
    /// again. What is in the way is its source.
    #[doc(hidden)]
    pub fn not_connected_within(within: Duration, last_failure: Option<&Self>) -> Self {
        let why =
            last_failure.map_or_else(|| "no step has failed".to_owned(), |error| format!("last: {error}"));
        let what = format!("not connected within {} s ({why})", within.as_secs_f64());
        let help =
            "wait longer: `connect` goes on from there, and `logout` ends a session that has come of it";
        Self::plain(ErrorKind::Timeout, None, what, help, Advice::Reconnect).because_of(last_failure.cloned())
    }

    /// What drove the automatic mode has panicked.
    #[doc(hidden)]
    pub fn panicked() -> Self {
        let (what, help) = (
            "what kept the session connected has panicked",
            "see the message of the panic, then begin anew: `save` gives the session that was left at IBKR",
        );
        Self::plain(ErrorKind::Panicked, None, what, help, Advice::Reconnect)
    }

    /// What drove the automatic mode was ended from outside, such as the runtime under it.
    #[doc(hidden)]
    pub fn driver_gone(what: &'static str) -> Self {
        let help = "begin anew: `save` gives the session that was left at IBKR";
        Self::plain(ErrorKind::Cancelled, None, what, help, Advice::Reconnect)
    }
}
