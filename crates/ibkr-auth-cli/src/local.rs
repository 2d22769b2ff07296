//! Times as a person at this machine reads them. Logs, programs and tickets have [UTC](crate::utc).

use std::time::SystemTime;

use jiff::{Timestamp, tz::TimeZone};

/// Such as `19:00:00`.
pub(crate) fn clock(at: SystemTime) -> String {
    shown(at, "%H:%M:%S")
}

/// Such as `19:00:00 CET`.
pub(crate) fn clock_with_zone(at: SystemTime) -> String {
    shown(at, "%H:%M:%S %Z")
}

fn shown(at: SystemTime, form: &str) -> String {
    let here = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    Timestamp::try_from(at).unwrap_or_default().to_zoned(here).strftime(form).to_string()
}
