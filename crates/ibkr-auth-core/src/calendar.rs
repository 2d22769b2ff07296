//! When IBKR closes its doors, by region: so that nobody takes it for a failure.

use std::time::{Duration, SystemTime};

use crate::time::unix_seconds;

/// Whose clock on the wall counts: IBKR resets by the region nearest to the user (IBKR's Web API
/// documentation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Region {
    /// America.
    #[default]
    NewYork,
    /// Europe.
    Zug,
    /// Asia.
    HongKong,
}

/// A time in which IBKR is known to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// `/iserver` is reset on weekdays at 01:00, "briefly".
    NightlyReset,
    /// The Web API is maintained on Saturday evenings.
    WeekendMaintenance,
}

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// IBKR publishes when the reset begins and not when it ends.
const RESET: (i64, i64) = (HOUR, HOUR + HOUR / 2);
/// "Saturday evenings" is all that IBKR publishes.
const MAINTENANCE: (i64, i64) = (18 * HOUR, 24 * HOUR);

impl Region {
    /// The region that `sso/validate` names so. `NJ` alone is documented.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        match code {
            "NJ" | "US" => Some(Self::NewYork),
            "CH" | "ZG" => Some(Self::Zug),
            "HK" => Some(Self::HongKong),
            _ => None,
        }
    }

    /// What IBKR is closed for at this time, and until when at the latest.
    pub(crate) fn closed(self, wall: SystemTime) -> Option<(Closed, SystemTime)> {
        let (day, second) = self.local(wall);
        let (closed, window) = match weekday(day) {
            Weekday::Saturday => (Closed::WeekendMaintenance, MAINTENANCE),
            Weekday::Sunday => return None,
            Weekday::Working => (Closed::NightlyReset, RESET),
        };
        let left = u64::try_from(window.1 - second).ok().filter(|_| second >= window.0)?;
        (left > 0).then(|| (closed, wall + Duration::from_secs(left)))
    }

    /// The next midnight, at which IBKR ends sessions however well they are kept alive.
    pub(crate) fn next_midnight(self, wall: SystemTime) -> SystemTime {
        let (day, _) = self.local(wall);
        let utc = |offset: i64| (day + 1) * DAY - offset;
        // The offset may change between now and then: take the one that holds at that moment.
        let guess = utc(self.offset(i64::try_from(unix_seconds(wall)).unwrap_or(i64::MAX)));
        let midnight = utc(self.offset(guess));
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(midnight).unwrap_or(0))
    }

    /// Local day since 1970 and second of the day.
    fn local(self, wall: SystemTime) -> (i64, i64) {
        let utc = i64::try_from(unix_seconds(wall)).unwrap_or(i64::MAX - 2 * DAY);
        let local = utc + self.offset(utc);
        (local.div_euclid(DAY), local.rem_euclid(DAY))
    }

    /// Seconds east of Greenwich. Summer time: in America from the second Sunday of March to the first of
    /// November at 02:00 local time, in Europe from the last Sunday of March to the last of October at 01:00
    /// UTC.
    fn offset(self, utc: i64) -> i64 {
        let year = year_of(utc.div_euclid(DAY));
        let (standard, begins, ends) = match self {
            Self::NewYork => (
                -5 * HOUR,
                sunday_on_or_after(year, 3, 8) * DAY + 7 * HOUR,
                sunday_on_or_after(year, 11, 1) * DAY + 6 * HOUR,
            ),
            Self::Zug => (
                HOUR,
                sunday_on_or_after(year, 3, 25) * DAY + HOUR,
                sunday_on_or_after(year, 10, 25) * DAY + HOUR,
            ),
            Self::HongKong => return 8 * HOUR,
        };
        if (begins..ends).contains(&utc) { standard + HOUR } else { standard }
    }
}

enum Weekday {
    Working,
    Saturday,
    Sunday,
}

/// 1970-01-01 was a Thursday.
fn weekday(day: i64) -> Weekday {
    match (day + 4).rem_euclid(7) {
        0 => Weekday::Sunday,
        6 => Weekday::Saturday,
        _ => Weekday::Working,
    }
}

fn sunday_on_or_after(year: i64, month: i64, day_of_month: i64) -> i64 {
    let day = day_number(year, month, day_of_month);
    day + (7 - (day + 4).rem_euclid(7)) % 7
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

fn year_of(day: i64) -> i64 {
    let guess = 1970 + day.div_euclid(366);
    (guess..).take_while(|year| day_number(*year, 1, 1) <= day).last().unwrap_or(guess)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i64, month: i64, day: i64, utc_hour: i64, minute: i64) -> SystemTime {
        let seconds = day_number(year, month, day) * DAY + utc_hour * HOUR + minute * 60;
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(day_number(1970, 1, 1), 0);
        assert_eq!(day_number(2000, 3, 1), 11_017);
        assert_eq!(day_number(2026, 11, 21), 20_778);
        for day in 0..60_000 {
            let year = year_of(day);
            assert!(day_number(year, 1, 1) <= day && day < day_number(year + 1, 1, 1), "{day}");
        }
    }

    #[test]
    fn the_nightly_reset_follows_summer_time() {
        let reset = |time| Region::NewYork.closed(time).map(|(closed, _)| closed);
        // Wednesdays: 01:05 in New York is 06:05 UTC in winter, 05:05 in summer.
        assert_eq!(reset(at(2026, 1, 14, 6, 5)), Some(Closed::NightlyReset));
        assert_eq!(reset(at(2026, 1, 14, 5, 5)), None);
        assert_eq!(reset(at(2026, 7, 15, 5, 5)), Some(Closed::NightlyReset));
        assert_eq!(reset(at(2026, 7, 15, 6, 5)), None);
        assert_eq!(Region::Zug.closed(at(2026, 7, 14, 23, 10)).unwrap().0, Closed::NightlyReset);
        assert_eq!(Region::HongKong.closed(at(2026, 7, 14, 17, 10)).unwrap().0, Closed::NightlyReset);
        assert_eq!(reset(at(2026, 7, 12, 5, 5)), None, "not on Sunday");
    }

    #[test]
    fn saturday_evening_is_maintenance_with_an_end() {
        let (closed, until) = Region::NewYork.closed(at(2026, 1, 18, 1, 0)).unwrap();
        assert_eq!((closed, until), (Closed::WeekendMaintenance, at(2026, 1, 18, 5, 0)));
        assert_eq!(Region::NewYork.closed(at(2026, 1, 18, 5, 0)), None);
        assert_eq!(Region::NewYork.closed(at(2026, 1, 17, 22, 59)), None);
    }

    #[test]
    fn midnight_is_found_across_changes_of_the_clock() {
        let new_york = |time| Region::NewYork.next_midnight(time);
        assert_eq!(new_york(at(2026, 1, 14, 12, 0)), at(2026, 1, 15, 5, 0));
        assert_eq!(new_york(at(2026, 7, 14, 12, 0)), at(2026, 7, 15, 4, 0));
        assert_eq!(new_york(at(2026, 1, 15, 5, 0)), at(2026, 1, 16, 5, 0));
        // Summer time began on 2026-03-08 and ended on 2026-11-01.
        assert_eq!(new_york(at(2026, 3, 8, 5, 30)), at(2026, 3, 9, 4, 0));
        assert_eq!(new_york(at(2026, 11, 1, 4, 30)), at(2026, 11, 2, 5, 0));
        assert_eq!(Region::HongKong.next_midnight(at(2026, 1, 14, 12, 0)), at(2026, 1, 14, 16, 0));
    }
}
