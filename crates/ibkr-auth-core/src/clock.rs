//! What IBKR's clock says, learnt from the `Date` header of its answers.

use std::time::{Duration, SystemTime};

use crate::{Now, Response, excerpt};

/// A clock that is wrong by more is not corrected. Whoever could move it freely would have us sign, today,
/// logins for any day to come.
pub const CORRECTED: Duration = Duration::from_secs(300);

/// So old may be what another process knew.
const RECALLED: Duration = Duration::from_secs(3_600);

/// What is known of IBKR's clock, and of ours.
#[derive(Clone, Default)]
pub(crate) struct Clock {
    skew: ClockSkew,
    /// A moment at which IBKR's clock and the one on the wall agreed so far. A clock that is set wrong later
    /// is still corrected: the monotonic clock vouches for that.
    agreed: Option<Now>,
    /// What the last answer said, if that was too much to believe.
    beyond: Option<ClockSkew>,
}

impl Clock {
    /// How far IBKR's clock is from ours, as far as it is believed.
    pub(crate) fn skew(&self) -> ClockSkew {
        self.skew
    }

    /// How far it is by the last answer, when that is too far.
    pub(crate) fn beyond(&self) -> Option<ClockSkew> {
        self.beyond
    }

    /// What another process knew of IBKR's clock, in milliseconds, when it last signed a request of OAuth
    /// 1.0a: its requests and ours are stamped alike then. What is old is not believed, for this clock may
    /// have been set.
    pub(crate) fn recall(&mut self, millis: i64, stamp: u64, now: Now) {
        let skew = ClockSkew { millis };
        let stamped = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(stamp));
        let is_plausible = u128::from(millis.unsigned_abs()) <= CORRECTED.as_millis();
        if let (Some(stamped), true, None) = (stamped, is_plausible, self.agreed) {
            let age = signed_millis(stamped, skew.correct(now.wall)).map(i64::unsigned_abs);
            if age.is_some_and(|age| u128::from(age) <= RECALLED.as_millis()) {
                self.skew = skew;
            }
        }
    }

    /// Learns from an answer to a request sent and received at these times.
    pub(crate) fn observe(&mut self, response: &Response, sent: Now, received: Now) {
        if told(response).is_none() {
            return;
        }
        let Some(seen) = self.skew.observed(response, sent.wall, received.wall) else { return };
        let agreed = *self.agreed.get_or_insert(sent);
        let by_wall = seen.millis.unsigned_abs();
        let passed = received.mono.saturating_duration_since(agreed.mono);
        let by_mono = agreed
            .wall
            .checked_add(passed)
            .and_then(|expected| signed_millis(expected, seen.correct(received.wall)).map(i64::unsigned_abs));
        let most = CORRECTED.as_millis() as u64;
        if by_wall <= most {
            self.agreed = Some(received);
        }
        (self.skew, self.beyond) = match by_wall <= most || by_mono.is_some_and(|millis| millis <= most) {
            true => (seen, None),
            false => (self.skew, Some(seen)),
        };
    }
}

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

    /// What an answer to a request sent and received at these times of our clock proves; `None` if it has no
    /// `Date`.
    ///
    /// `Date` has whole seconds and was written between the two, so the difference lies in a span. What was
    /// known before stays if it is in the span: a slow answer proves little. Else, if zero is in it, our
    /// clock may be right. If not, the span's lower end is taken: IBKR refuses an `iat` that is still to
    /// come.
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

/// What IBKR's clock shows. A web page and an error of the server may come from anybody on the road.
pub(crate) fn told(response: &Response) -> Option<SystemTime> {
    let is_ibkrs = !response.status().is_server_error() && !excerpt::is_html(response);
    date(response).filter(|_| is_ibkrs)
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

    fn dated(date: SystemTime) -> http::response::Builder {
        http::Response::builder().header("date", httpdate::fmt_http_date(date))
    }

    #[test]
    fn it_is_moved_by_minutes_only_and_by_ibkr_alone() {
        let start = Now { mono: crate::testing::Bench::new().now.mono, wall: at(0) };
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let told = |clock: &mut Clock, now: Now, ahead: Duration| {
            clock.observe(&dated(now.wall + ahead).body(Vec::new()).unwrap(), now, now);
            clock.skew().millis() / 60_000
        };
        let mut clock = Clock::default();
        assert_eq!(told(&mut clock, start, minutes(4)), 4);
        assert_eq!(told(&mut clock, start, minutes(8)), 4, "it does not creep");
        assert!(clock.beyond().is_some());
        assert_eq!(told(&mut clock, start, minutes(60 * 24 * 365)), 4);
        assert_eq!(told(&mut clock, start, Duration::ZERO), 0);
        assert!(clock.beyond().is_none());

        let page = dated(start.wall + minutes(3)).header("content-type", "text/html").body(Vec::new());
        clock.observe(&page.unwrap(), start, start);
        let failed = dated(start.wall + minutes(3)).status(503).body(Vec::new());
        clock.observe(&failed.unwrap(), start, start);
        assert_eq!(clock.skew().millis(), 0);
    }

    #[test]
    fn a_clock_that_is_set_wrong_while_we_run_is_corrected_however_far() {
        let start = Now { mono: crate::testing::Bench::new().now.mono, wall: at(0) };
        let hours = |count: u64| Duration::from_secs(3_600 * count);
        let mut clock = Clock::default();
        clock.observe(&dated(start.wall).body(Vec::new()).unwrap(), start, start);
        let later = Now { mono: start.mono + hours(5), wall: start.wall + hours(3) };
        clock.observe(&dated(start.wall + hours(5)).body(Vec::new()).unwrap(), later, later);
        assert_eq!(clock.skew().millis() / 3_600_000, 2);
        assert_eq!(clock.beyond(), None);
    }
}
