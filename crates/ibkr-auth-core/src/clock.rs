//! What IBKR's clock says, learnt from the `Date` header of its answers.

use std::time::{Duration, SystemTime};

use crate::Response;

/// How far IBKR's clock is from ours. Zero unless an answer has proved otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockSkew {
    millis: i64,
}

impl ClockSkew {
    /// A difference worth telling a person, and enough to have an assertion refused.
    const NOTABLE: u64 = 5_000;

    /// Milliseconds that IBKR's clock is ahead of ours; negative when it is behind.
    pub fn millis(self) -> i64 {
        self.millis
    }

    /// Our wall clock, corrected to IBKR's.
    pub fn correct(self, wall: SystemTime) -> SystemTime {
        let by = Duration::from_millis(self.millis.unsigned_abs());
        let corrected = if self.millis < 0 { wall.checked_sub(by) } else { wall.checked_add(by) };
        corrected.unwrap_or(wall)
    }

    /// What an answer to a request sent and received at these times of our clock proves; `None` if it has no `Date`.
    ///
    /// `Date` has whole seconds and was written between the two, so the difference lies in a span. What was known before
    /// stays if it is in the span: a slow answer proves little. Else, if zero is in it, our clock may be right. If not, the
    /// span's lower end is taken: IBKR refuses an `iat` that is still to come.
    pub(crate) fn observed(
        self,
        response: &Response,
        sent: SystemTime,
        received: SystemTime,
    ) -> Option<Self> {
        let date = date(response)?;
        let least = signed_millis(received, date)?;
        let most = signed_millis(sent, date + Duration::from_secs(1))?;
        let may_be = |millis: &i64| (least..=most).contains(millis);
        Some(Self { millis: [self.millis, 0].into_iter().find(may_be).unwrap_or(least) })
    }

    pub(crate) fn differs_notably_from(self, other: Self) -> bool {
        self.millis.abs_diff(other.millis) >= Self::NOTABLE
    }
}

/// From `from` to `to`; negative when `to` is earlier.
fn signed_millis(from: SystemTime, to: SystemTime) -> Option<i64> {
    match to.duration_since(from) {
        Ok(later) => i64::try_from(later.as_millis()).ok(),
        Err(earlier) => Some(-i64::try_from(earlier.duration().as_millis()).ok()?),
    }
}

/// The `Date` header (RFC 9110 §6.6.1).
pub(crate) fn date(response: &Response) -> Option<SystemTime> {
    httpdate::parse_http_date(response.headers().get(http::header::DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000 + millis)
    }

    /// The skew seen when the server's clock differs by `offset` ms and each way takes `latency` ms.
    fn seen(start: u64, offset: i64, latency: u64) -> i64 {
        seen_by(ClockSkew::default(), start, offset, latency)
    }

    fn seen_by(known: ClockSkew, start: u64, offset: i64, latency: u64) -> i64 {
        let mut response = Response::new(Vec::new());
        let server =
            at(start + latency).checked_add(Duration::from_millis(offset.max(0).unsigned_abs())).unwrap();
        let server = server - Duration::from_millis(offset.min(0).unsigned_abs());
        response.headers_mut().insert(http::header::DATE, httpdate::fmt_http_date(server).parse().unwrap());
        known.observed(&response, at(start), at(start + 2 * latency)).unwrap().millis()
    }

    #[test]
    fn a_slow_answer_does_not_unlearn() {
        let known = ClockSkew { millis: -3_000 };
        assert_eq!(seen_by(known, 0, -2_500, 4_000), -3_000);
        assert_eq!(seen_by(known, 0, 0, 25), 0, "a quick one that proves the clock right does");
    }

    #[test]
    fn a_right_clock_is_left_alone_whatever_the_latency() {
        for start in (0..3_000).step_by(7) {
            for latency in [0, 1, 25, 400, 5_000] {
                assert_eq!(seen(start, 0, latency), 0, "start {start}, latency {latency}");
            }
        }
    }

    #[test]
    fn a_wrong_clock_is_corrected_to_a_time_that_is_not_to_come() {
        for start in (0..3_000).step_by(7) {
            for offset in [-86_400_000, -3_000, 3_000, 86_400_000] {
                let skew = seen(start, offset, 25);
                assert!((offset - 1_050..=offset).contains(&skew), "start {start}, offset {offset}: {skew}");
            }
        }
    }
}
