//! What keeps two programs of one client from signing the same bytes.

/// `Date` shows whole seconds: that much a clock may be ahead unseen, and IBKR refuses an `iat` that is still
/// to come.
const UNSEEN: u64 = 2;

/// Seconds by which what is signed begins and ends earlier than IBKR's samples have it. There is no `jti`:
/// two programs that sign at about the same time could send the same bytes, and a server that remembers them
/// refuses the second. Different seeds make that unlikely.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AssertionJitter {
    pub(super) assertion_begins: u64,
    /// An assertion never ends within the 15 s that a request may take.
    pub(super) assertion_ends: u64,
    pub(super) sso_request_begins: u64,
    /// At least as much as it begins earlier: it lives for a day at most.
    pub(super) sso_request_ends: u64,
}

impl AssertionJitter {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let begins = seed % 20;
        Self {
            assertion_begins: begins,
            assertion_ends: seed / 20 % 5,
            sso_request_begins: UNSEEN + begins,
            sso_request_ends: UNSEEN + begins + seed / 100 % 3_600,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn seeds_lead_to_different_bytes() {
        let assertions = |jitter: AssertionJitter| (jitter.assertion_begins, jitter.assertion_ends);
        let sso_requests = |jitter: AssertionJitter| (jitter.sso_request_begins, jitter.sso_request_ends);
        let spreads = || (0..720_000).map(AssertionJitter::from_seed);
        assert_eq!(spreads().map(assertions).collect::<BTreeSet<_>>().len(), 100);
        assert_eq!(spreads().map(sso_requests).collect::<BTreeSet<_>>().len(), 72_000);
    }
}
