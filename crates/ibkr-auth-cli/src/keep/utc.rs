//! Times as logs and programs want them.

use std::time::SystemTime;

use crate::store::seconds;

const DAY: u64 = 86_400;

/// Such as `2026-11-21T19:00:00Z`.
pub(super) fn stamp(at: SystemTime) -> String {
    let (year, month, day) = date(seconds(at) / DAY);
    format!("{year}-{month:02}-{day:02}T{}Z", clock(at))
}

/// Such as `19:00:00`.
pub(super) fn clock(at: SystemTime) -> String {
    let second = seconds(at) % DAY;
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// The date so many days after 1970-01-01, in the Gregorian calendar. Years are counted from March, so that the leap
/// day is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_287_600, "2026-11-21T19:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
