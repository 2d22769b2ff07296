//! What systemd is told: that the session is good, where it stands, and that the program is alive.

use std::time::{Duration, Instant};

use ibkr_auth_blocking::Phase;

use super::status::Status;

/// A start is given so much longer each time: IBKR may be closed for hours, and a restart would not open it.
const MORE: Duration = Duration::from_secs(120);
const GIVE_MORE_EVERY: Duration = Duration::from_secs(30);

/// Says nothing where no service manager listens.
#[derive(Default)]
pub(super) struct Systemd {
    ready: bool,
    said: String,
    petted: Option<Instant>,
    gave_more: Option<Instant>,
}

impl Systemd {
    /// How often [`pulse`](Self::pulse) must be called.
    pub(super) fn every(&self) -> Option<Duration> {
        let more = (!self.ready && is_there()).then_some(GIVE_MORE_EVERY);
        watchdog().map(|watchdog| watchdog / 2).into_iter().chain(more).min()
    }

    /// `alive`: the session's own thread is at work too.
    pub(super) fn pulse(&mut self, status: &Status, alive: bool) {
        if !is_there() {
            return;
        }
        let text = status.headline();
        if self.said != text {
            notify(&format!("STATUS={text}"));
            self.said = text;
        }
        if !self.ready && status.phase() == Phase::Connected {
            self.ready = true;
            notify("READY=1");
        }
        if !alive {
            return;
        }
        if !self.ready && passed(self.gave_more, GIVE_MORE_EVERY) {
            self.gave_more = Some(Instant::now());
            notify(&format!("EXTEND_TIMEOUT_USEC={}", MORE.as_micros()));
        }
        if let Some(watchdog) = watchdog()
            && passed(self.petted, watchdog / 2)
        {
            self.petted = Some(Instant::now());
            notify("WATCHDOG=1");
        }
    }

    pub(super) fn stopping(&self) {
        notify("STOPPING=1");
    }
}

/// The loop may wake a moment too soon.
fn passed(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() + Duration::from_millis(50) >= every)
}

#[cfg(unix)]
fn notify(message: &str) {
    // A service manager that is gone needs to know nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Custom(message)]);
}

#[cfg(unix)]
fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

#[cfg(unix)]
fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|watchdog| is_there() && !watchdog.is_zero())
}

#[cfg(not(unix))]
fn notify(_: &str) {}

#[cfg(not(unix))]
fn is_there() -> bool {
    false
}

#[cfg(not(unix))]
fn watchdog() -> Option<Duration> {
    None
}
