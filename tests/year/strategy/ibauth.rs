//! The two strategies that ours is compared with: loops around ibauth's `connect` and `tickle`.

use std::time::{Duration, Instant};

use ibkr_auth_core::{Now, Response, TransportError};

use super::{
    Move, Strategy, config,
    flow::{Flow, Outcome, ibauth_time_limit},
};

const TICKLE_PAUSE: Duration = Duration::from_secs(60);

/// What a loop does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Connect,
    Tickle,
}

/// `tickle`, sleep 60 s, and something that is done about failures.
#[derive(Debug)]
struct Loop {
    flow: Flow,
    next: Next,
    not_before: Option<Instant>,
}

impl Loop {
    fn new() -> Self {
        Self { flow: Flow::new(config()), next: Next::Connect, not_before: None }
    }

    fn poll(&mut self, now: Now, time_limit: impl Fn(ibkr_auth_core::Step) -> Duration) -> Move<u64> {
        if self.flow.is_idle() && self.not_before.is_none_or(|at| at <= now.mono) {
            match self.next {
                Next::Tickle if self.flow.bearer().is_some() => self.flow.tickle(),
                _ => self.flow.connect(),
            }
        }
        match self.flow.next(now) {
            Some((id, step, request)) => Move::Send(id, time_limit(step), request),
            None => Move::Wait(self.not_before.filter(|_| self.flow.is_idle())),
        }
    }

    fn after(&mut self, now: Now, pause: Duration, next: Next) {
        (self.next, self.not_before) = (next, Some(now.mono + pause));
    }
}

/// ibauth 0.1.6: `tickle` connects when it is told `authenticated: false`, and raises at everything else.
#[derive(Debug)]
pub(crate) struct Ibauth {
    inner: Loop,
    /// What follows an exception.
    after_exception: Next,
}

impl Ibauth {
    /// The loop logs exceptions and goes on.
    pub(crate) fn in_a_loop() -> Self {
        Self { inner: Loop::new(), after_exception: Next::Tickle }
    }

    /// An exception ends the program, and a supervisor starts it anew after a minute.
    pub(crate) fn under_a_supervisor() -> Self {
        Self { inner: Loop::new(), after_exception: Next::Connect }
    }
}

impl Strategy for Ibauth {
    type Id = u64;

    fn poll(&mut self, now: Now) -> Move<u64> {
        self.inner.poll(now, ibauth_time_limit)
    }

    fn receive(&mut self, now: Now, id: u64, result: Result<Response, TransportError>) {
        match self.inner.flow.receive(id, result) {
            Outcome::Going => {}
            // Within `tickle`, before the loop sleeps.
            Outcome::Done { authenticated: false } => self.inner.after(now, Duration::ZERO, Next::Connect),
            Outcome::Done { authenticated: true } => self.inner.after(now, TICKLE_PAUSE, Next::Tickle),
            Outcome::Raised => self.inner.after(now, TICKLE_PAUSE, self.after_exception),
        }
    }

    fn bearer(&self) -> Option<&str> {
        self.inner.flow.bearer()
    }

    fn host(&self) -> &str {
        self.inner.flow.host()
    }
}

/// Connects again after any failure, at once and then every second.
#[derive(Debug)]
pub(crate) struct Blind(Loop);

impl Blind {
    pub(crate) fn new() -> Self {
        Self(Loop::new())
    }
}

impl Strategy for Blind {
    type Id = u64;

    fn poll(&mut self, now: Now) -> Move<u64> {
        self.0.poll(now, |_| Duration::from_secs(10))
    }

    fn receive(&mut self, now: Now, id: u64, result: Result<Response, TransportError>) {
        let pause = if self.0.next == Next::Tickle { Duration::ZERO } else { Duration::from_secs(1) };
        match self.0.flow.receive(id, result) {
            Outcome::Going => {}
            Outcome::Done { authenticated: true } => self.0.after(now, TICKLE_PAUSE, Next::Tickle),
            Outcome::Done { authenticated: false } | Outcome::Raised => {
                self.0.after(now, pause, Next::Connect);
            }
        }
    }

    fn bearer(&self) -> Option<&str> {
        self.0.flow.bearer()
    }

    fn host(&self) -> &str {
        self.0.flow.host()
    }
}
