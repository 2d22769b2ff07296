//! IBKR's limits, kept for all clients together: a request waits for its turn, or is told when to come again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Method;
use ibkr_auth_async::core::pacing::{self, Limit, Paced};
use tokio::time::Instant;

/// A request may overtake another on its way, and arrive closer to it than it was sent.
const LEAST_MARGIN: Duration = Duration::from_millis(250);
/// All requests of clients together: the session needs a place for its own.
const TOTAL_OF_CLIENTS: Limit = Limit { requests: pacing::TOTAL.requests - 1, ..pacing::TOTAL };
/// So many endpoints that have asked for a pause are remembered.
const MOST_PAUSES: usize = 64;

/// Not now, but after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Later(pub(crate) Duration);

/// The turns of one username.
#[derive(Default)]
pub(crate) struct Pace {
    turns: Mutex<Turns>,
    is_unlimited: bool,
}

#[derive(Default)]
struct Turns {
    total: Window,
    rows: BTreeMap<&'static str, Vec<Window>>,
    /// Endpoints at which IBKR has asked for a pause, and until when.
    paused: BTreeMap<String, Instant>,
    all_paused: Option<Instant>,
}

/// When the last requests were sent, or will be.
#[derive(Default)]
struct Window(VecDeque<Instant>);

/// How much of a limit is used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) name: &'static str,
    pub(crate) limit: Limit,
    pub(crate) used: usize,
}

impl Pace {
    /// Counts, and lets nobody wait.
    pub(crate) fn unlimited() -> Self {
        Self { turns: Mutex::default(), is_unlimited: true }
    }

    /// Takes the next turn of a request: it is to be sent at that time.
    ///
    /// # Errors
    /// When that is further off than `most`, or IBKR has asked for a pause.
    pub(crate) fn turn(
        &self,
        method: &Method,
        path: &str,
        now: Instant,
        most: Duration,
    ) -> Result<Instant, Later> {
        let mut turns = self.turns();
        turns.refuse_paused(method, path, now)?;
        let row = pacing::of(method, path);
        let at = if self.is_unlimited { now } else { turns.next(row, now) };
        let wait = at.saturating_duration_since(now);
        if wait > most {
            return Err(Later(wait));
        }
        turns.take(row, at, now);
        Ok(at)
    }

    /// Takes a turn for a request of the session's own: it is to be sent at that time, and does not wait
    /// behind those of clients.
    pub(crate) fn own_turn(&self, method: &Method, path: &str, now: Instant) -> Instant {
        let mut turns = self.turns();
        let row = pacing::of(method, path);
        let at = turns.gap(row, now);
        turns.take(row, at, now);
        at
    }

    /// IBKR has answered 429 there. Who is in its penalty box gets that answer everywhere: the second
    /// endpoint that asks for a pause means all.
    pub(crate) fn pause(&self, method: &Method, path: &str, pause: Duration, now: Instant) {
        let mut turns = self.turns();
        turns.paused.retain(|_, until| *until > now);
        let endpoint = endpoint(method, path);
        let is_second = turns.paused.keys().any(|other| *other != endpoint);
        if is_second || turns.paused.len() >= MOST_PAUSES {
            turns.all_paused = turns.all_paused.max(Some(now + pause));
        } else {
            turns.paused.insert(endpoint, now + pause);
        }
    }

    /// How much of each limit that was touched lately is used.
    pub(crate) fn uses(&self, now: Instant) -> Vec<Use> {
        let turns = self.turns();
        let total =
            [Use { name: "all requests", limit: pacing::TOTAL, used: turns.total.used(pacing::TOTAL, now) }];
        let rows = pacing::ALL.iter().filter_map(|row| Some((row, turns.rows.get(row.name)?)));
        let rows = rows.flat_map(|(row, windows)| {
            row.limits.iter().zip(windows).map(|(limit, window)| Use {
                name: row.name,
                limit: *limit,
                used: window.used(*limit, now),
            })
        });
        total.into_iter().chain(rows).collect()
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn refuse_paused(&self, method: &Method, path: &str, now: Instant) -> Result<(), Later> {
        let own =
            if self.paused.is_empty() { None } else { self.paused.get(&endpoint(method, path)).copied() };
        let until = self.all_paused.max(own);
        match until.map(|until| until.saturating_duration_since(now)) {
            Some(left) if !left.is_zero() => Err(Later(left)),
            _ => Ok(()),
        }
    }

    fn next(&self, row: Option<&'static Paced>, now: Instant) -> Instant {
        let total = self.total.next(TOTAL_OF_CLIENTS, now);
        self.of_row(row).map(|(limit, window)| window.next(limit, now)).fold(total, Instant::max)
    }

    /// The earliest time that leaves all turns that were given away as they are.
    fn gap(&self, row: Option<&'static Paced>, now: Instant) -> Instant {
        let total = self.total.gap(pacing::TOTAL, now);
        match self.of_row(row).map(|(limit, window)| window.gap(limit, now)).fold(total, Instant::max) {
            at if at == now => now,
            later => self.gap(row, later),
        }
    }

    fn of_row(&self, row: Option<&'static Paced>) -> impl Iterator<Item = (Limit, &Window)> {
        let windows = row.and_then(|row| self.rows.get(row.name));
        let limits = row.map_or(&[][..], |row| row.limits);
        limits.iter().copied().zip(windows.into_iter().flatten())
    }

    fn take(&mut self, row: Option<&'static Paced>, at: Instant, now: Instant) {
        self.total.take(pacing::TOTAL, at, now);
        let Some(row) = row else { return };
        let windows = self.rows.entry(row.name).or_default();
        windows.resize_with(row.limits.len(), Window::default);
        for (limit, window) in row.limits.iter().zip(windows) {
            window.take(*limit, at, now);
        }
    }
}

impl Window {
    /// The earliest time at which one more fits.
    fn next(&self, limit: Limit, now: Instant) -> Instant {
        let full = self.0.len().checked_sub(limit.requests).and_then(|first| self.0.get(first));
        full.map_or(now, |first| now.max(*first + stretch(limit)))
    }

    /// The earliest time at which one fits among those that were given away, some of which are yet to come.
    fn gap(&self, limit: Limit, now: Instant) -> Instant {
        let ends = self.0.iter().map(|at| *at + stretch(limit)).filter(|at| *at > now);
        let fits = |at: &Instant| {
            let mut times: Vec<Instant> = self.0.iter().copied().collect();
            times.insert(times.partition_point(|earlier| earlier <= at), *at);
            times.windows(limit.requests + 1).all(|more| more[limit.requests] - more[0] >= stretch(limit))
        };
        [now].into_iter().chain(ends).find(fits).unwrap_or(now)
    }

    fn take(&mut self, limit: Limit, at: Instant, now: Instant) {
        let place = self.0.partition_point(|earlier| *earlier <= at);
        self.0.insert(place, at);
        while self.0.len() > limit.requests
            && self.0.front().is_some_and(|first| *first + stretch(limit) <= now)
        {
            self.0.pop_front();
        }
    }

    fn used(&self, limit: Limit, now: Instant) -> usize {
        self.0.iter().filter(|at| **at <= now && **at + limit.per > now).count()
    }
}

fn stretch(limit: Limit) -> Duration {
    limit.per + LEAST_MARGIN.max(limit.per / 25)
}

/// Pauses are by endpoint: the method, and the path without what it is about.
fn endpoint(method: &Method, path: &str) -> String {
    match pacing::of(method, path) {
        Some(row) => row.name.to_owned(),
        None => {
            let names = path.split('/').filter(|name| !name.is_empty()).take(2);
            format!("{method} {}", names.collect::<Vec<_>>().join("/"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(2);
    const ORDERS: &str = "/iserver/account/orders";

    fn after(begin: Instant, millis: u64) -> Instant {
        begin + Duration::from_millis(millis)
    }

    #[test]
    fn no_stretch_of_a_limit_holds_more_than_it_allows() {
        let (pace, begin) = (Pace::default(), Instant::now());
        let mut sent = Vec::new();
        for step in 0..2_000 {
            let now = after(begin, step * 7);
            if let Ok(at) = pace.turn(&Method::GET, "/portfolio/U1/ledger", now, MOST) {
                sent.push(at);
            }
        }
        assert!(sent.len() > 110, "{}", sent.len());
        for eleven in sent.windows(11) {
            assert!(eleven[10] - eleven[0] >= Duration::from_secs(1));
        }
    }

    #[test]
    fn the_session_has_its_place_among_all_clients() {
        let (pace, begin) = (Pace::default(), Instant::now());
        let mut sent = Vec::new();
        for step in 0..1_000 {
            let now = after(begin, step * 7);
            sent.extend(pace.turn(&Method::GET, "/portfolio/U1/ledger", now, MOST));
            if step % 150 == 20 {
                let at = pace.own_turn(&Method::POST, "/iserver/auth/status", now);
                assert!(at < now + Duration::from_millis(1_100), "it waits for {:?}", at - now);
                sent.push(at);
            }
        }
        sent.sort_unstable();
        for eleven in sent.windows(11) {
            assert!(eleven[10] - eleven[0] >= Duration::from_secs(1));
        }
    }

    #[test]
    fn the_session_does_not_wait_while_there_is_room() {
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(pace.own_turn(&Method::POST, "/iserver/auth/status", now), now);
        }
        assert_eq!(pace.own_turn(&Method::POST, "/iserver/auth/status", now), now + stretch(pacing::TOTAL));
        let tickle = pace.own_turn(&Method::POST, "/tickle", after(now, 5_000));
        assert_eq!(pace.own_turn(&Method::POST, "/tickle", tickle), tickle + Duration::from_millis(1_250));
    }

    #[test]
    fn who_would_wait_too_long_is_told_how_long() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.turn(&Method::GET, ORDERS, now, MOST), Ok(now));
        assert_eq!(pace.turn(&Method::GET, ORDERS, now, MOST), Err(Later(Duration::from_millis(5_250))));
        let turn = pace.turn(&Method::GET, ORDERS, after(now, 4_000), MOST);
        assert_eq!(turn, Ok(after(now, 5_250)));
    }

    #[test]
    fn an_order_does_not_wait_for_the_list_of_orders() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.turn(&Method::GET, ORDERS, now, MOST), Ok(now));
        assert_eq!(pace.turn(&Method::POST, "/iserver/account/U1/orders", now, MOST), Ok(now));
    }

    #[test]
    fn every_limit_of_a_row_holds() {
        let (pace, begin) = (Pace::default(), Instant::now());
        let path = "/iserver/marketdata/history";
        let mut sent = 0;
        for step in 0..580 {
            sent += u32::from(pace.turn(&Method::GET, path, after(begin, step * 100), MOST).is_ok());
        }
        assert_eq!(sent, 50);
    }

    #[test]
    fn without_limits_everything_is_counted_and_nothing_waits() {
        let (pace, now) = (Pace::unlimited(), Instant::now());
        for _ in 0..100 {
            assert_eq!(pace.turn(&Method::GET, "/trsrv/futures", now, Duration::ZERO), Ok(now));
        }
        assert!(pace.uses(now)[0].used >= pacing::TOTAL.requests);
    }

    #[test]
    fn a_second_endpoint_that_asks_for_a_pause_means_all() {
        let (pace, now) = (Pace::default(), Instant::now());
        let pause = Duration::from_secs(900);
        pace.pause(&Method::GET, "/iserver/contract/1/info", pause, now);
        assert_eq!(pace.turn(&Method::GET, "/iserver/contract/2/info", now, MOST), Err(Later(pause)));
        assert_eq!(pace.turn(&Method::GET, "/portfolio/U1/ledger", now, MOST), Ok(now));
        pace.pause(&Method::GET, "/portfolio/U1/ledger", pause, now);
        assert_eq!(pace.turn(&Method::GET, "/trsrv/futures", now, MOST), Err(Later(pause)));
        assert!(pace.turn(&Method::GET, "/trsrv/futures", now + pause, MOST).is_ok());
    }
}
