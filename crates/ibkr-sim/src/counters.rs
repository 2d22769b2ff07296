//! What happened so far, in numbers, and the last requests one by one.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::{Endpoint, Moment, Refusal};

/// What the simulated servers have seen since they were started. A simulated restart does not reset it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests by endpoint.
    pub requests: BTreeMap<Endpoint, u64>,
    /// Requests by host, unknown hosts together as `other`.
    pub hosts: BTreeMap<String, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Refusals by [rule](Refusal::rule).
    pub refusals: BTreeMap<&'static str, u64>,
    /// Refusals for pace by the endpoint whose limit was used up; `*` is the limit of all together.
    pub paced: BTreeMap<&'static str, u64>,
    /// Faults that struck.
    pub faults: u64,
    /// Access tokens issued.
    pub tokens: u64,
    /// SSO bearers issued.
    pub bearers: u64,
    /// Live session tokens minted (OAuth 1.0a).
    pub live_session_tokens: u64,
    /// Brokerage sessions begun by `ssodh/init`.
    pub inits: u64,
    /// Orders executed.
    pub orders: u64,
}

impl Counters {
    /// All requests.
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Requests to one endpoint.
    pub fn of(&self, endpoint: Endpoint) -> u64 {
        self.requests.get(&endpoint).copied().unwrap_or(0)
    }

    /// Refusals under one rule.
    ///
    /// # Panics
    /// When it is none of [`Refusal::RULES`]: a count of it would always be 0.
    #[track_caller]
    pub fn refused_for(&self, rule: &str) -> u64 {
        Refusal::assert_rule(rule);
        self.refusals.get(rule).copied().unwrap_or(0)
    }

    pub(crate) fn count(&mut self, entry: &Entry) {
        *self.requests.entry(entry.endpoint).or_default() += 1;
        *self.statuses.entry(entry.status).or_default() += 1;
        match self.hosts.get_mut(&entry.host) {
            Some(count) => *count += 1,
            None => {
                self.hosts.insert(entry.host.clone(), 1);
            }
        }
        for refusal in &entry.refusals {
            *self.refusals.entry(refusal.rule).or_default() += 1;
        }
        self.faults += u64::from(entry.fault.is_some());
    }
}

/// One request in the journal. It holds no query, header or body, and so no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Counts up from 1.
    pub number: u64,
    /// When, on the servers' clock, in milliseconds since 1970.
    pub at: Moment,
    /// The host asked for, `other` when the simulator does not stand for it.
    pub host: String,
    /// The method.
    pub method: String,
    /// The path, shortened.
    pub path: String,
    /// The endpoint that answered.
    pub endpoint: Endpoint,
    /// The status of the answer.
    pub status: u16,
    /// Why it was refused.
    pub refusals: Vec<Refusal>,
    /// The fault that struck.
    pub fault: Option<String>,
}

/// The last requests.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    most: usize,
    pub(crate) count: u64,
}

impl Journal {
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: VecDeque::new(), most, count: 0 }
    }

    pub(crate) fn write(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        if self.entries.len() > self.most {
            self.entries.pop_front();
        }
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }
}
