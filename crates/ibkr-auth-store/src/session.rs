//! A session that is kept, and what a person wants to know of it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use ibkr_auth_core::{SavedSession, Snapshot};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seconds;

/// A session, and what a person wants to know of it. Times are seconds since 1970. `Debug` hides its tokens.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeptSession {
    saved: Zeroizing<String>,
    /// When it was made.
    pub began: u64,
    /// When it was last seen to be good; 0 once it was not.
    pub good_at: u64,
    /// When the bearer token ends unless it is extended, as IBKR said last.
    pub expires: Option<u64>,
    /// The server that it is used with.
    pub host: String,
    /// The address for which it was made.
    pub public_ip: Option<String>,
    /// Whether the account is a paper account, where that is known.
    pub paper: Option<bool>,
}

impl KeptSession {
    /// What was saved of a session that stands like this.
    pub fn new(saved: &SavedSession, snapshot: &Snapshot, began: u64, good_at: u64) -> Self {
        Self {
            saved: Zeroizing::new(saved.expose().to_owned()),
            began,
            good_at,
            expires: snapshot.bearer_ends().map(seconds),
            host: snapshot.config().host().to_string(),
            public_ip: snapshot.public_ip().map(|ip| ip.to_string()),
            paper: snapshot.sso().and_then(|sso| sso.paper),
        }
    }

    /// Every token of it, for [`Session::restore`](ibkr_auth_core::Session::restore).
    pub fn saved(&self) -> SavedSession {
        SavedSession::new(self.saved.as_str())
    }

    /// The same session, no longer known to be good.
    #[must_use]
    pub fn doubted(&self) -> Self {
        Self { good_at: 0, ..self.clone() }
    }

    /// The same, and what `before` knew of it and this does not.
    #[must_use]
    pub fn or(self, before: &Self) -> Self {
        Self { paper: self.paper.or(before.paper), ..self }
    }

    /// Whether it was seen to be good within `max_age`, and has not ended since. Within no time nothing was
    /// seen.
    pub fn is_fresh(&self, now: SystemTime, max_age: Duration) -> bool {
        let now = seconds(now);
        let age = now.checked_sub(self.good_at).map(Duration::from_secs);
        let is_recent = age.is_some_and(|age| age <= max_age) && !max_age.is_zero();
        is_recent && self.expires.is_none_or(|ends| now < ends)
    }
}

impl fmt::Debug for KeptSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptSession")
            .field("began", &self.began)
            .field("good_at", &self.good_at)
            .field("expires", &self.expires)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(good_at: u64, expires: Option<u64>) -> KeptSession {
        KeptSession {
            saved: Zeroizing::default(),
            began: 0,
            good_at,
            expires,
            host: String::new(),
            public_ip: None,
            paper: None,
        }
    }

    #[test]
    fn fresh_is_what_was_good_lately_and_has_not_ended() {
        let minute = Duration::from_secs(60);
        let is_fresh = |kept: KeptSession, now, max_age| {
            kept.is_fresh(SystemTime::UNIX_EPOCH + Duration::from_secs(now), max_age)
        };
        assert!(is_fresh(kept(1_000, None), 1_060, minute));
        assert!(!is_fresh(kept(1_000, None), 1_061, minute));
        assert!(!is_fresh(kept(1_000, None), 999, minute), "the clock was set back");
        assert!(
            !is_fresh(kept(1_000, None), 1_000, Duration::ZERO),
            "it is to be asked, even in the same second"
        );
        assert!(!is_fresh(kept(1_000, Some(1_010)), 1_010, minute));
    }
}
