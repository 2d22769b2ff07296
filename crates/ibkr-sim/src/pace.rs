//! The pace of requests: IBKR's table of limits, and the penalty box (IBKR's Web API documentation).

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use crate::{Endpoint, Limit, Moment, Rules};

/// The limits of an endpoint, beside the global one.
pub(crate) fn limits_of(endpoint: Endpoint) -> &'static [Limit] {
    match endpoint {
        Endpoint::Validate => const { &[Limit::new(1, 60)] },
        Endpoint::Tickle => const { &[Limit::new(1, 1)] },
        Endpoint::Snapshot => const { &[Limit::new(10, 1)] },
        Endpoint::History => const { &[Limit::new(10, 1), Limit::new(50, 60)] },
        Endpoint::Orders | Endpoint::Trades | Endpoint::Pnl => const { &[Limit::new(1, 5)] },
        Endpoint::PortfolioAccounts | Endpoint::Subaccounts => const { &[Limit::new(1, 5)] },
        _ => &[],
    }
}

/// Who is counted: a username or client, at what, and in how much time.
type Counted = (String, Option<Endpoint>, Duration);

/// The requests that count against limits, and the addresses in the penalty box.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    taken: BTreeMap<Counted, (Limit, VecDeque<Moment>)>,
    offences: BTreeMap<IpAddr, VecDeque<Moment>>,
    boxed: BTreeMap<IpAddr, Moment>,
}

impl Pace {
    /// Counts a request of `who` unless `limit` is used up.
    pub(crate) fn admit(
        &mut self,
        who: &str,
        endpoint: Option<Endpoint>,
        limit: Limit,
        now: Moment,
    ) -> Result<(), Duration> {
        let (kept, taken) = self
            .taken
            .entry((who.to_owned(), endpoint, limit.per))
            .or_insert_with(|| (limit, VecDeque::new()));
        *kept = limit;
        forget(taken, now, limit.per);
        match taken.front() {
            Some(first) if taken.len() >= limit.count => Err((*first + limit.per).since(now)),
            _ => {
                taken.push_back(now);
                Ok(())
            }
        }
    }

    /// Notes a 429 and puts the address into the penalty box when there were too many.
    pub(crate) fn offend(&mut self, ip: IpAddr, rules: &Rules, now: Moment) {
        let offences = self.offences.entry(ip).or_default();
        forget(offences, now, MINUTE);
        offences.push_back(now);
        if offences.len() >= rules.pacing_patience {
            offences.clear();
            self.boxed.insert(ip, now + rules.pacing_penalty);
        }
    }

    /// Until when an address is in the penalty box.
    pub(crate) fn boxed(&self, ip: IpAddr, now: Moment) -> Option<Moment> {
        self.boxed.get(&ip).copied().filter(|until| *until > now)
    }

    pub(crate) fn purge(&mut self, now: Moment) {
        self.taken.retain(|_, (limit, taken)| {
            forget(taken, now, limit.per);
            !taken.is_empty()
        });
        self.offences.retain(|_, offences| {
            forget(offences, now, MINUTE);
            !offences.is_empty()
        });
        self.boxed.retain(|_, until| *until > now);
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Drops what is older than `per`, and what lies in the future because the clock was set back.
fn forget(times: &mut VecDeque<Moment>, now: Moment, per: Duration) {
    times.retain(|time| *time <= now && now.since(*time) < per);
}
