//! Times as logs, programs and support tickets want them: UTC, to the second.

use std::time::{Duration, SystemTime};

/// The last second that has four digits of a year.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Such as `2026-11-21T19:00:00Z`. A time that cannot be written so is shown as the nearest that can.
pub(crate) fn stamp(at: SystemTime) -> String {
    let at = at.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + LAST);
    humantime::format_rfc3339_seconds(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_far_off_is_no_reason_to_panic() {
        let year = Duration::from_secs(31_536_000);
        assert_eq!(stamp(SystemTime::UNIX_EPOCH - year), "1970-01-01T00:00:00Z");
        assert_eq!(stamp(SystemTime::UNIX_EPOCH + LAST + year), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn times_are_shown_to_the_second() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_287_600);
        assert_eq!(stamp(at), "2026-11-21T19:00:00Z");
    }
}
