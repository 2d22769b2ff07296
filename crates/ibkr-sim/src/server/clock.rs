//! The servers' clock: true time, faster, or stepped by hand.

use std::time::{Duration, Instant, SystemTime};

use crate::Moment;

/// Shows simulated time for true time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    shown: Moment,
    since: Instant,
    scale: f64,
}

impl Clock {
    pub(super) fn new(start: Option<Moment>, scale: f64) -> Self {
        let shown = start.unwrap_or_else(|| SystemTime::now().into());
        Self { shown, since: Instant::now(), scale: sane(scale) }
    }

    pub(super) fn now(&self) -> Moment {
        let elapsed = self.since.elapsed().as_secs_f64() * self.scale;
        self.shown + Duration::try_from_secs_f64(elapsed).unwrap_or(Duration::MAX)
    }

    /// The true time until it shows this; `None` when it stands still.
    pub(super) fn until(&self, moment: Moment) -> Option<Duration> {
        let left = moment.since(self.now()).as_secs_f64() / self.scale;
        Duration::try_from_secs_f64(left).ok()
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    pub(super) fn set_scale(&mut self, scale: f64) {
        *self = Self { shown: self.now(), since: Instant::now(), scale: sane(scale) };
    }

    pub(super) fn step(&mut self, millis: i64) {
        self.shown = self.shown.shifted(millis);
    }
}

/// A clock that runs backwards or by NaN is a stopped one.
fn sane(scale: f64) -> f64 {
    if scale.is_finite() { scale.max(0.0) } else { 0.0 }
}
