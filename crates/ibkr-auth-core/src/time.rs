//! Both clocks, read by the caller at every call.

use std::time::{Duration, Instant, SystemTime};

/// The present, on both clocks. Exhaustive on purpose: it is written as a literal, at every call.
///
/// Timers run on `mono`, because a clock that is set would break them; `iat` and `exp` come from `wall`,
/// because a monotonic clock may stand still while the machine sleeps. Read both anew for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic clock: `Instant::now()`.
    pub mono: Instant,
    /// Wall clock: `SystemTime::now()`.
    pub wall: SystemTime,
}

/// Whole seconds since 1970, rounded down: what `iat` and `exp` are written in.
pub(crate) fn unix_seconds(wall: SystemTime) -> u64 {
    wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How far into its second a time is.
pub(crate) fn within_second(wall: SystemTime) -> Duration {
    Duration::from_nanos(
        wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos().into()),
    )
}

/// A duration for people.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}
