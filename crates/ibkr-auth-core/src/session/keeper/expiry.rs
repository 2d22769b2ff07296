//! When a session without fault is looked at next: it is tickled, and extended before its announced end, or
//! replaced where it cannot be extended (OAuth 1.0a). One that lives so short that this does not help is not
//! given up for that: whether it has ended is asked when the end has passed.

use std::time::{Duration, Instant, SystemTime};

use super::{Action, View};
use crate::{Region, session::facts::VALIDATE_PAUSE};

/// `sso/validate` extends the SSO session; IBKR takes one a minute.
const VALIDATE_EVERY: Duration = Duration::from_secs(300);
/// A bearer token that ends within this time is extended.
const EXTEND_BEFORE: Duration = Duration::from_secs(150);
/// Two ends of a session that differ by less are the same: answers take time.
const SAME_END: Duration = Duration::from_secs(15);
/// Beyond a session's end, so that IBKR's clock has passed it too.
const AFTER_END: Duration = Duration::from_millis(500);
/// However soon the next end is announced, it is not looked at more often.
const BETWEEN_ENDS: Duration = Duration::from_secs(10);

/// A live session token that ends within this time is replaced.
const REPLACE_BEFORE: Duration = Duration::from_secs(600);
/// But none that is younger, however soon it ends: nobody logs in in a loop.
const REPLACE_AFTER: Duration = Duration::from_secs(3_600);

/// The announced ends of the session.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    /// The one that the last extension brought.
    extended: Option<SystemTime>,
    /// One that extending has not moved, such as IBKR's midnight.
    hard: Option<SystemTime>,
    /// When a live session token was last made.
    replaced: Option<Instant>,
}

impl Expiries {
    /// What to do next, after this was done, and when.
    pub(super) fn next(
        &mut self,
        view: View<'_>,
        done: Action,
        region: Region,
        tickled: Option<Instant>,
        tickle_every: Duration,
    ) -> (Action, Option<Instant>) {
        let (now, facts) = (view.now, view.facts);
        let tickle = tickled.map_or(now.mono, |last| (last + tickle_every).max(now.mono));
        if view.config.login.oauth1().is_some() {
            return self.next_of_live_session(view, region, tickle);
        }
        let validated = facts.last_validated(now);
        let may_validate = now.mono + VALIDATE_PAUSE.saturating_sub(validated.unwrap_or(VALIDATE_PAUSE));
        let validate_due = validated.is_none_or(|ago| ago >= VALIDATE_EVERY);
        let left = facts.bearer_ends.map(|ends| {
            let left = ends.mono.saturating_duration_since(now.mono).min(until(now.wall, ends.wall));
            (ends.wall, left)
        });
        let (ends, left) = match left {
            // Whoever answers after the end that he names knows it no better than we do: it may come at any
            // time.
            Some((_, Duration::ZERO)) if may_validate <= tickle => {
                return (Action::ValidateSso, Some(may_validate));
            }
            None if validate_due => return (Action::ValidateSso, None),
            Some((_, Duration::ZERO)) | None => return (Action::Tickle, Some(tickle)),
            Some(end) => end,
        };
        let ends_soon = left <= EXTEND_BEFORE;
        if done == Action::ValidateSso {
            // The first extension of a short life moves its end by too little to be seen.
            let has_moved = self.extended.replace(ends).is_none_or(|before| !near(before, ends));
            if ends_soon && !has_moved {
                self.hard = Some(ends);
            }
        }
        if validate_due {
            return (Action::ValidateSso, None);
        }
        let skew = facts.clock.skew();
        let is_midnight = near(region.next_midnight(skew.correct(now.wall)), skew.correct(ends));
        let is_hard = is_midnight || self.hard.is_some_and(|hard| near(hard, ends));
        let not_before = tickled.map_or(now.mono, |last| last + BETWEEN_ENDS);
        let next_tickle = tickle.min((now.mono + left + AFTER_END).max(not_before));
        match ends_soon && !is_hard && may_validate <= next_tickle {
            true => (Action::ValidateSso, Some(may_validate)),
            false => (Action::Tickle, Some(next_tickle)),
        }
    }
}

impl Expiries {
    /// When a login last made one.
    pub(super) fn last_replaced(&self) -> Option<Instant> {
        self.replaced
    }

    /// A login has made a new session.
    pub(super) fn replaced(&mut self, now: Instant) {
        self.replaced = Some(now);
    }

    fn next_of_live_session(
        &self,
        view: View<'_>,
        region: Region,
        tickle: Instant,
    ) -> (Action, Option<Instant>) {
        let now = view.now;
        // Nothing announces IBKR's midnight here: what has ended with it is found out right after.
        let wall = view.facts.clock.skew().correct(now.wall);
        let midnight = until(wall, region.next_midnight(wall)) + AFTER_END;
        let tickle = tickle.min(now.mono + midnight);
        let Some(ends) = view.facts.bearer_ends else { return (Action::Tickle, Some(tickle)) };
        let left = ends.mono.saturating_duration_since(now.mono).min(until(now.wall, ends.wall));
        let not_before = self.replaced.map_or(now.mono, |last| last + REPLACE_AFTER);
        let replace = (now.mono + left.saturating_sub(REPLACE_BEFORE)).max(not_before);
        match replace <= tickle {
            true => (Action::Login, Some(replace.max(now.mono))),
            false => (Action::Tickle, Some(tickle)),
        }
    }
}

pub(super) fn until(now: SystemTime, then: SystemTime) -> Duration {
    then.duration_since(now).unwrap_or_default()
}

fn near(one: SystemTime, other: SystemTime) -> bool {
    until(one, other).max(until(other, one)) <= SAME_END
}
