//! The machine that a client runs on: its two clocks, and when it is awake.

use std::time::{Duration, Instant, SystemTime};

use ibkr_auth_core::Now;
use ibkr_sim::Moment;

use crate::world::{CLOCK_SET_EVERY, START};

/// Two clocks, neither of which is the truth.
#[derive(Debug)]
pub(crate) struct Machine {
    origin: Instant,
    drift: f64,
    /// How long the monotonic clock has stood still.
    stood: Duration,
    asleep: Option<(Moment, bool)>,
    /// Milliseconds by which the wall clock was set wrong.
    step: i64,
    /// Since when nobody sets it.
    unset: Option<Moment>,
}

impl Machine {
    pub(crate) fn new(drift: f64) -> Self {
        Self { origin: Instant::now(), drift, stood: Duration::ZERO, asleep: None, step: 0, unset: None }
    }

    pub(crate) fn is_awake(&self) -> bool {
        self.asleep.is_none()
    }

    pub(crate) fn sleep(&mut self, at: Moment, stands: bool) {
        self.asleep = Some((at, stands));
    }

    pub(crate) fn wake(&mut self, at: Moment) {
        if let Some((since, true)) = self.asleep.take() {
            self.stood += at.since(since);
        }
    }

    pub(crate) fn step_clock(&mut self, millis: i64) {
        self.step = millis;
    }

    pub(crate) fn let_drift(&mut self, at: Moment) {
        self.unset = Some(at);
    }

    pub(crate) fn set_clock(&mut self) {
        (self.step, self.unset) = (0, None);
    }

    /// What the clocks show at the true time `at`.
    pub(crate) fn now(&self, at: Moment) -> Now {
        Now { mono: self.mono(at), wall: SystemTime::from(at.shifted(self.error(at))) }
    }

    /// When the monotonic clock will show at least `mono`, if the machine stays awake.
    pub(crate) fn when(&self, mono: Instant, now: Moment) -> Moment {
        let left = mono.saturating_duration_since(self.mono(now));
        now + Duration::from_millis(left.as_nanos().div_ceil(1_000_000) as u64)
    }

    pub(crate) fn mono(&self, at: Moment) -> Instant {
        self.origin + at.since(START).saturating_sub(self.stood)
    }

    fn error(&self, at: Moment) -> i64 {
        let alone = match self.unset {
            Some(since) => at.since(since).as_millis(),
            None => at.since(START).as_millis() % CLOCK_SET_EVERY.as_millis(),
        };
        self.step + (alone as f64 * self.drift) as i64
    }
}
