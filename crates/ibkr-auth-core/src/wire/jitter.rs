//! What keeps two programs of one client from signing the same bytes.

/// `Date` shows whole seconds: that much a clock may be ahead unseen, and IBKR refuses an `iat` that is still
/// to come.
const UNSEEN: u64 = 2;

/// Seconds by which what is signed begins and ends earlier than IBKR's samples have it, and in which order an
/// assertion says what it says. There is no `jti`: two programs that sign at about the same time could send
/// the same bytes, and a server that remembers them refuses the second. Different seeds make that unlikely.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AssertionJitter {
    pub(super) assertion_begins: u64,
    /// An assertion never ends within the 15 s that a request may take.
    pub(super) assertion_ends: u64,
    assertion_order: u64,
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
            assertion_order: seed / 720_000 % 120,
            sso_request_begins: UNSEEN + begins,
            sso_request_ends: UNSEEN + begins + seed / 100 % 3_600,
        }
    }

    /// The members of a JSON object may stand in any order (RFC 8259 §4).
    pub(super) fn reorder<T>(self, claims: &mut [T; 5]) {
        let mut order = self.assertion_order;
        for (at, left) in (2..=claims.len()).rev().enumerate() {
            let from = usize::try_from(order % left as u64).unwrap_or_default();
            claims.swap(at, at + from);
            order /= left as u64;
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

    #[test]
    fn seeds_lead_to_every_order() {
        let order = |seed| {
            let mut claims = ["iss", "sub", "aud", "exp", "iat"];
            AssertionJitter::from_seed(seed).reorder(&mut claims);
            claims
        };
        assert_eq!(order(0), ["iss", "sub", "aud", "exp", "iat"]);
        assert_eq!((0..120).map(|seed| order(seed * 720_000)).collect::<BTreeSet<_>>().len(), 120);
    }
}
