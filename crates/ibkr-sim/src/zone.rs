//! Local time in the three places by whose clocks IBKR ends sessions and resets servers.

use serde::{Deserialize, Serialize};

use crate::Moment;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// The region whose servers answer. IBKR's pages: sessions end at midnight in New York, Zug or Hong Kong,
/// whichever is nearest, and `/iserver` is reset at 01:00 US/Eastern, Central European or Hong Kong time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// New York and Chicago.
    #[default]
    NewYork,
    /// Europe.
    Zug,
    /// Asia.
    HongKong,
}

impl Region {
    /// What `sso/validate` calls the region (IBKR's example: `NJ`).
    pub fn code(self) -> &'static str {
        match self {
            Self::NewYork => "NJ",
            Self::Zug => "CH",
            Self::HongKong => "HK",
        }
    }

    /// Seconds that the local clock is ahead of UTC, daylight saving included.
    fn offset(self, utc: i64) -> i64 {
        let year = year_of(utc);
        match self {
            Self::NewYork => {
                let starts = nth_sunday(year, 3, 2) * DAY + 7 * HOUR;
                let ends = nth_sunday(year, 11, 1) * DAY + 6 * HOUR;
                if (starts..ends).contains(&utc) { -4 * HOUR } else { -5 * HOUR }
            }
            Self::Zug => {
                let starts = last_sunday_of_31(year, 3) * DAY + HOUR;
                let ends = last_sunday_of_31(year, 10) * DAY + HOUR;
                if (starts..ends).contains(&utc) { 2 * HOUR } else { HOUR }
            }
            Self::HongKong => 8 * HOUR,
        }
    }

    /// Day number (0 is 1970-01-01) and second of the day on the local clock.
    pub(crate) fn local(self, at: Moment) -> (i64, i64) {
        let local = at.secs() + self.offset(at.secs());
        (local.div_euclid(DAY), local.rem_euclid(DAY))
    }

    /// The moment at which the local clock shows `second` of `day`.
    pub(crate) fn moment(self, day: i64, second: i64) -> Moment {
        let local = day * DAY + second;
        // The offset is asked for at a guess; the second round settles it on days when the clock changes.
        let guess = local - self.offset(local);
        Moment::from_secs(local - self.offset(guess))
    }

    /// The first local midnight after `at`.
    pub fn next_midnight(self, at: Moment) -> Moment {
        self.moment(self.local(at).0 + 1, 0)
    }
}

/// 0 is Sunday. 1970-01-01 was a Thursday.
pub(crate) fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

fn nth_sunday(year: i64, month: i64, nth: i64) -> i64 {
    let first = day_number(year, month, 1);
    first + (7 - weekday(first)) % 7 + 7 * (nth - 1)
}

fn last_sunday_of_31(year: i64, month: i64) -> i64 {
    let last = day_number(year, month, 31);
    last - weekday(last)
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

pub(crate) fn year_of(utc: i64) -> i64 {
    let days = utc.div_euclid(DAY);
    // Right to within a year: 400 years have 146097 days.
    let guess = 1969 + (days * 400).div_euclid(146_097);
    (guess..).find(|&year| day_number(year + 1, 1, 1) > days).unwrap_or(guess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbered_as_in_the_civil_calendar() {
        assert_eq!(day_number(1970, 1, 1), 0);
        assert_eq!(day_number(2000, 2, 29), 11_016);
        assert_eq!(day_number(2026, 11, 21), 20_778);
        assert_eq!(weekday(20_778), 6);
        assert_eq!((year_of(-1), year_of(0)), (1969, 1970));
        assert_eq!(year_of(1_798_761_599), 2026);
        assert_eq!(year_of(1_798_761_600), 2027);
    }

    #[test]
    fn the_end_of_time_is_no_trouble() {
        for secs in [i64::MIN, -1_000_000_000_000, i64::MAX] {
            let at = Moment::from_secs(secs);
            assert!(Region::Zug.next_midnight(at).since(at) <= std::time::Duration::from_secs(90_000));
            assert!(!at.http_date().is_empty());
        }
    }

    #[test]
    fn midnight_follows_daylight_saving() {
        let noon = |day| Moment::from_secs(day * DAY + 12 * HOUR);
        let hours = |region: Region, day| (region.next_midnight(noon(day)).secs() - (day + 1) * DAY) / HOUR;
        let (winter, summer) = (day_number(2026, 1, 15), day_number(2026, 7, 15));
        assert_eq!((hours(Region::NewYork, winter), hours(Region::NewYork, summer)), (5, 4));
        assert_eq!((hours(Region::Zug, winter), hours(Region::Zug, summer)), (-1, -2));
        assert_eq!((hours(Region::HongKong, winter), hours(Region::HongKong, summer)), (-8, -8));
        // The clocks change in the night from Saturday to Sunday; the midnight between the days is on the old
        // offset.
        assert_eq!(hours(Region::NewYork, day_number(2026, 3, 7)), 5);
        assert_eq!(hours(Region::NewYork, day_number(2026, 3, 8)), 4);
        assert_eq!(hours(Region::NewYork, day_number(2026, 10, 31)), 4);
        assert_eq!(hours(Region::NewYork, day_number(2026, 11, 1)), 5);
    }
}
