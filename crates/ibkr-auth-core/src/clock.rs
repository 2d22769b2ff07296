//! What IBKR's clock says, learnt from the `Date` header of its answers.

use std::time::{Duration, SystemTime};

use crate::Response;

/// Differences below this are left alone: an assertion is good from 10 s before to 20 s after its making.
const TOLERANCE: Duration = Duration::from_secs(5);

/// How far IBKR's clock is from ours. Zero until an answer has shown otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockSkew {
    seconds: i64,
}

impl ClockSkew {
    /// Seconds that IBKR's clock is ahead of ours; negative when it is behind.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Our wall clock, corrected to IBKR's.
    pub fn correct(self, wall: SystemTime) -> SystemTime {
        let by = Duration::from_secs(self.seconds.unsigned_abs());
        let corrected = if self.seconds < 0 { wall.checked_sub(by) } else { wall.checked_add(by) };
        corrected.unwrap_or(wall)
    }

    /// What an answer received at `wall` shows; `None` if it has no `Date`.
    pub(crate) fn observed(response: &Response, wall: SystemTime) -> Option<Self> {
        let server = date(response)?;
        let (ahead, by) = match server.duration_since(wall) {
            Ok(by) => (1, by),
            Err(behind) => (-1, behind.duration()),
        };
        let rounded = i64::try_from((by + Duration::from_millis(500)).as_secs()).ok()?;
        let seconds = if by < TOLERANCE { 0 } else { ahead * rounded };
        Some(Self { seconds })
    }

    pub(crate) fn differs_from(self, other: Self) -> bool {
        self.seconds.abs_diff(other.seconds) >= TOLERANCE.as_secs()
    }
}

/// The `Date` header (RFC 9110 §6.6.1).
pub(crate) fn date(response: &Response) -> Option<SystemTime> {
    httpdate::parse_http_date(response.headers().get(http::header::DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn observed(server: u64, ours: u64) -> ClockSkew {
        let mut response = Response::new(Vec::new());
        let date = httpdate::fmt_http_date(at(server)).parse().unwrap();
        response.headers_mut().insert(http::header::DATE, date);
        ClockSkew::observed(&response, at(ours)).unwrap()
    }

    #[test]
    fn corrects_a_clock_that_is_wrong_either_way() {
        for (server, ours) in [(1_000_000, 999_000), (1_000_000, 1_003_600), (1_000_000, 1_000_000)] {
            assert_eq!(observed(server, ours).correct(at(ours)), at(server));
        }
    }

    #[test]
    fn small_differences_are_left_alone() {
        assert_eq!(observed(1_000_004, 1_000_000), ClockSkew::default());
        assert_eq!(observed(1_000_000, 1_000_004), ClockSkew::default());
        assert_ne!(observed(1_000_005, 1_000_000), ClockSkew::default());
    }
}
