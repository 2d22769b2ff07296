//! When IBKR's servers are up: the nightly reset, the weekend maintenance, outages, and the midnight that
//! ends sessions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Moment,
    zone::{Region, weekday},
};

/// A window that opens at a local time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Opens this long after local midnight.
    pub opens: Duration,
    /// Stays open this long.
    pub lasts: Duration,
}

/// When the servers are up. The times of day are IBKR's; how long each window lasts is not published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Whose local time counts.
    pub region: Region,
    /// `/iserver` is "briefly unavailable" on weekdays at 01:00 and brokerage sessions do not survive it
    /// (IBKR's Web API documentation). Here for 5 minutes.
    pub nightly_reset: Option<Window>,
    /// "Saturday evenings" (IBKR's Web API documentation): everything answers 503. Here 20:00 to 22:00.
    pub maintenance: Option<Window>,
    /// Everything answers 503 from the first moment of a pair until the second.
    pub outages: Vec<(Moment, Moment)>,
    /// Whether every session ends at local midnight, however well it is kept alive (IBKR's Client Portal API
    /// page).
    pub midnight_ends_sessions: bool,
}

impl Calendar {
    /// IBKR's hours, in New York.
    pub fn ibkr() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self {
            nightly_reset: Some(Window { opens: hours(1), lasts: Duration::from_secs(300) }),
            maintenance: Some(Window { opens: hours(20), lasts: hours(2) }),
            midnight_ends_sessions: true,
            ..Self::always_up()
        }
    }

    /// A calendar on which nothing ever happens: for tests whose outcome must not depend on the hour they run
    /// at.
    pub fn always_up() -> Self {
        Self {
            region: Region::default(),
            nightly_reset: None,
            maintenance: None,
            outages: Vec::new(),
            midnight_ends_sessions: false,
        }
    }

    /// Whether a complete login can succeed at this moment, as far as the servers are concerned.
    pub fn is_up(&self, at: Moment) -> bool {
        self.down(at).is_none() && !self.in_nightly_reset(at)
    }

    /// The first moment after `at` at which [`is_up`](Self::is_up) may change.
    pub fn next_change(&self, at: Moment) -> Option<Moment> {
        let edges = |window: Option<Window>, on: fn(i64) -> bool| {
            let window = window?;
            let ends = self.last_opening(window, at, on) + window.lasts;
            Some(if ends > at { ends } else { self.next_opening(window, at, on) })
        };
        let windows = [edges(self.maintenance, is_saturday), edges(self.nightly_reset, is_workday)];
        let outages = self.outages.iter().flat_map(|(from, until)| [*from, *until]);
        windows.into_iter().flatten().chain(outages.filter(|edge| *edge > at)).min()
    }

    /// Why everything answers 503, if it does.
    pub(crate) fn down(&self, at: Moment) -> Option<&'static str> {
        if self.outages.iter().any(|(from, until)| (*from..*until).contains(&at)) {
            return Some("an outage");
        }
        let window = self.maintenance?;
        let opened = self.last_opening(window, at, is_saturday);
        (at < opened + window.lasts).then_some("the Saturday maintenance")
    }

    /// Whether `/iserver` is being reset.
    pub(crate) fn in_nightly_reset(&self, at: Moment) -> bool {
        self.nightly_reset.is_some_and(|window| at < self.last_reset(window, at) + window.lasts)
    }

    /// Whether a nightly reset began after `from` and not after `until`.
    pub(crate) fn reset_between(&self, from: Moment, until: Moment) -> bool {
        self.nightly_reset.is_some_and(|window| self.last_reset(window, until) > from)
    }

    /// The first nightly reset that begins after `at`.
    pub(crate) fn next_reset(&self, at: Moment) -> Option<Moment> {
        self.nightly_reset.map(|window| self.next_opening(window, at, is_workday))
    }

    /// The moment at which a session made now ends at the latest.
    pub(crate) fn session_end(&self, made: Moment) -> Option<Moment> {
        self.midnight_ends_sessions.then(|| self.region.next_midnight(made))
    }

    fn last_reset(&self, window: Window, at: Moment) -> Moment {
        self.last_opening(window, at, is_workday)
    }

    fn last_opening(&self, window: Window, at: Moment, on: impl Fn(i64) -> bool) -> Moment {
        let opens = seconds(window.opens);
        let today = self.region.local(at).0;
        (0..=7)
            .map(|ago| today - ago)
            .filter(|&day| on(weekday(day)))
            .map(|day| self.region.moment(day, opens))
            .find(|&opened| opened <= at)
            .unwrap_or(Moment::from_millis(i64::MIN / 4))
    }

    fn next_opening(&self, window: Window, at: Moment, on: impl Fn(i64) -> bool) -> Moment {
        let opens = seconds(window.opens);
        let today = self.region.local(at).0;
        (today..=today + 7)
            .filter(|&day| on(weekday(day)))
            .map(|day| self.region.moment(day, opens))
            .find(|&opening| opening > at)
            .unwrap_or(Moment::from_millis(i64::MAX / 4))
    }
}

fn is_saturday(weekday: i64) -> bool {
    weekday == 6
}

fn is_workday(weekday: i64) -> bool {
    (1..=5).contains(&weekday)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-18, a Wednesday, 00:00 in New York.
    const WEDNESDAY: Moment = Moment::from_secs(1_794_978_000);

    fn at(days: u64, hours: u64, minutes: u64) -> Moment {
        WEDNESDAY + Duration::from_secs(days * 86_400 + hours * 3_600 + minutes * 60)
    }

    #[test]
    fn the_nightly_reset_is_on_weekdays_at_one() {
        let calendar = Calendar::ibkr();
        assert!(calendar.is_up(at(0, 0, 59)));
        assert!(!calendar.is_up(at(0, 1, 0)));
        assert!(!calendar.is_up(at(0, 1, 4)));
        assert!(calendar.is_up(at(0, 1, 5)));
        assert!(calendar.is_up(at(3, 1, 2)), "Saturday has none");
        assert!(calendar.reset_between(at(0, 0, 59), at(0, 1, 0)));
        assert!(!calendar.reset_between(at(0, 1, 0), at(0, 23, 0)));
        assert!(!calendar.reset_between(at(2, 2, 0), at(4, 23, 0)), "none on the weekend");
        assert!(calendar.reset_between(at(2, 2, 0), at(5, 1, 0)));
    }

    #[test]
    fn maintenance_is_on_saturday_evening() {
        let calendar = Calendar::ibkr();
        assert!(calendar.down(at(3, 19, 59)).is_none());
        assert!(calendar.down(at(3, 20, 0)).is_some());
        assert!(calendar.down(at(3, 21, 59)).is_some());
        assert!(calendar.down(at(3, 22, 0)).is_none());
        assert!(calendar.down(at(4, 21, 0)).is_none());
    }

    #[test]
    fn every_change_is_foretold() {
        let mut calendar = Calendar::ibkr();
        calendar.outages.push((at(2, 0, 58), at(2, 1, 2)));
        let mut foretold = calendar.next_change(at(0, 0, 0));
        for minute in 0..14 * 1440 {
            let (before, now) = (at(0, 0, minute), at(0, 0, minute + 1));
            let changed = calendar.is_up(before) != calendar.is_up(now);
            assert!(!changed || foretold == Some(now), "{}", now.http_date());
            if foretold <= Some(now) {
                foretold = calendar.next_change(now);
            }
        }
    }

    #[test]
    fn outages_and_midnight() {
        let mut calendar = Calendar::always_up();
        calendar.outages.push((at(0, 2, 0), at(0, 3, 0)));
        assert!(calendar.is_up(at(0, 1, 0)));
        assert!(!calendar.is_up(at(0, 2, 30)));
        assert!(calendar.is_up(at(0, 3, 0)));
        assert_eq!(calendar.session_end(at(0, 5, 0)), None);
        assert_eq!(Calendar::ibkr().session_end(at(0, 5, 0)), Some(at(1, 0, 0)));
    }
}
