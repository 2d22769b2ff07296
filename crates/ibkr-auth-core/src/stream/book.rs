//! Which subscriptions are wished for, and what has to be sent so that IBKR serves these and no others.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    time::{Instant, SystemTime},
};

use super::{
    Frame, Gap, Key, Readiness, Subscription, arguments,
    command::{covers, end_of_history},
    timers::RENEW_AFTER,
};
use crate::Now;

#[derive(Default)]
pub(super) struct Book {
    wished: BTreeMap<Key, Entry>,
    /// What has to be asked for, in this order: by rank, then as it was wished for.
    due: BTreeMap<(u8, u64), Key>,
    endings: Endings,
    /// When market data was asked for, in order.
    renewals: VecDeque<(Instant, Key)>,
    /// Subscriptions so far.
    count: u64,
}

/// What ends subscriptions that were asked for on this connection.
#[derive(Default)]
struct Endings {
    due: VecDeque<(Readiness, String)>,
    /// Server ids of histories that were ended: their last messages may still come.
    histories: BTreeSet<String>,
}

impl Endings {
    fn add(&mut self, scope: &Key) {
        self.due.push_back((scope.needs(), scope.unsubscribe()));
    }

    fn add_history(&mut self, server_id: String) {
        self.due.push_back((Readiness::Ready, end_of_history(&server_id)));
        self.histories.insert(server_id);
    }

    fn next(&mut self, readiness: Readiness) -> Option<String> {
        let served = self.due.iter().position(|(needs, _)| *needs <= readiness)?;
        self.due.remove(served).map(|(_, text)| text)
    }
}

struct Entry {
    number: u64,
    arguments: String,
    /// When it was last asked for on this connection.
    asked: Option<Instant>,
    /// Since when its messages may be missing.
    silent_since: Option<SystemTime>,
    /// What ends it, for a history.
    server_id: Option<String>,
}

impl Book {
    /// Asks for it, or for more of it: always with a frame, so that IBKR says anew how things stand. A
    /// history is ended before that; one that has not begun yet is not asked for again.
    pub(super) fn subscribe(&mut self, Subscription { key, arguments }: Subscription<'_>) {
        let rank = key.rank();
        let number = match self.wished.get_mut(&key) {
            Some(entry) => {
                entry.arguments = arguments::unite(key.topic(), &entry.arguments, arguments);
                match entry.server_id.take() {
                    Some(id) => self.endings.add_history(id),
                    None if key.topic() == "smh" && entry.asked.is_some() => return,
                    None => {}
                }
                entry.number
            }
            None => {
                self.count += 1;
                let entry = Entry {
                    number: self.count,
                    arguments: arguments.to_owned(),
                    asked: None,
                    silent_since: None,
                    server_id: None,
                };
                self.wished.insert(key.clone(), entry);
                self.count
            }
        };
        self.due.insert((rank, number), key);
    }

    /// Ends every subscription that the key ends, a history also by its server id.
    pub(super) fn end(&mut self, ending: &Key) {
        let is_ended = |key: &Key, entry: &Entry| match key.topic() {
            "smh" => {
                key == ending
                    || (ending.topic() == "smh" && entry.server_id.as_deref() == Some(ending.target()))
            }
            _ => ending.ends(key),
        };
        let gone = self.wished.iter().filter(|(key, entry)| is_ended(key, entry));
        let gone: Vec<_> = gone.map(|(key, _)| key.clone()).collect();
        let mut scopes = BTreeSet::new();
        for key in gone {
            let Some(entry) = self.wished.remove(&key) else { continue };
            self.due.remove(&(key.rank(), entry.number));
            match (key.topic(), entry.server_id) {
                // Without a server id it is ended when that is heard.
                ("smh", None) => {}
                (_, Some(id)) => self.endings.add_history(id),
                _ if entry.asked.is_some() => _ = scopes.insert(key.scope()),
                _ => {}
            }
        }
        for scope in scopes {
            self.endings.add(&scope);
            let others = self.wished.iter().filter(|(key, _)| key.scope() == scope);
            self.due.extend(others.map(|(key, entry)| ((key.rank(), entry.number), key.clone())));
        }
    }

    /// What has to be sent next, and what was missed of it until now.
    pub(super) fn next(&mut self, now: Now, readiness: Readiness) -> Option<(String, Option<Gap>)> {
        if let Some(text) = self.endings.next(readiness) {
            return Some((text, None));
        }
        self.renew(now.mono);
        let at = *self.due.iter().find(|(_, key)| key.needs() <= readiness)?.0;
        let key = self.due.remove(&at)?;
        let entry = self.wished.get_mut(&key)?;
        entry.asked = Some(now.mono);
        let text = key.subscribe(&entry.arguments);
        let since = entry.silent_since.take();
        if key.topic() == "smd" {
            self.renewals.push_back((now.mono, key.clone()));
        }
        Some((text, since.map(|since| Gap { key, since, until: now.wall })))
    }

    fn renew(&mut self, now: Instant) {
        while self.until().is_some_and(|until| until <= now) {
            let Some((asked, key)) = self.renewals.pop_front() else { return };
            match self.wished.get(&key) {
                Some(entry) if entry.asked == Some(asked) => {
                    self.due.insert((key.rank(), entry.number), key);
                }
                _ => {}
            }
        }
    }

    /// When the next market data has to be renewed.
    pub(super) fn until(&self) -> Option<Instant> {
        self.renewals.front().map(|(asked, _)| *asked + RENEW_AFTER)
    }

    /// The connection has ended: everything has to be asked for again, and nothing has to be ended any more.
    pub(super) fn lost(&mut self, since: SystemTime) {
        self.silence(since, Readiness::NotYet);
        self.wished.values_mut().for_each(|entry| entry.asked = None);
        self.endings = Endings::default();
    }

    /// The brokerage session has ended, and with it what needs one.
    pub(super) fn lost_brokerage(&mut self, since: SystemTime) {
        self.silence(since, Readiness::Ready);
    }

    fn silence(&mut self, since: SystemTime, need_at_least: Readiness) {
        let lost = self.wished.iter_mut().filter(|(key, _)| key.needs() >= need_at_least);
        for (key, entry) in lost.filter(|(_, entry)| entry.asked.is_some()) {
            entry.silent_since.get_or_insert(since);
            // Two of the same would count twice: IBKR serves five.
            entry.server_id.take().into_iter().for_each(|id| self.endings.add_history(id));
            self.due.insert((key.rank(), entry.number), key.clone());
        }
    }

    /// Learns a history's server id. IBKR answers in the order it was asked in, as far as is known. A history
    /// that nobody wishes for is ended.
    pub(super) fn learn(&mut self, frame: &Frame<'_>) {
        let Frame::Message { topic, server_id: Some(id) } = frame else { return };
        let is_known = |entry: &Entry| entry.server_id.as_deref() == Some(id.as_ref());
        if !topic.starts_with("smh")
            || self.endings.histories.contains(id.as_ref())
            || self.wished.values().any(is_known)
        {
            return;
        }
        let asked = self.wished.iter_mut().filter(|(key, entry)| {
            covers(topic, key.as_str()) && entry.asked.is_some() && entry.server_id.is_none()
        });
        match asked.min_by_key(|(_, entry)| (entry.asked, entry.number)) {
            Some((_, entry)) => entry.server_id = Some(id.as_ref().to_owned()),
            None => self.endings.add_history(id.as_ref().to_owned()),
        }
    }

    /// The subscriptions that a message belongs to.
    pub(super) fn keys_of<'a>(&'a self, frame: &'a Frame<'a>) -> impl Iterator<Item = &'a Key> {
        let (topic, id) = match frame {
            Frame::Message { topic, server_id } => (topic.as_ref(), server_id.as_deref()),
            _ => ("", None),
        };
        let from = self.wished.range::<str, _>((Bound::Included(topic), Bound::Unbounded));
        let named = from.take_while(move |(key, _)| !topic.is_empty() && key.as_str().starts_with(topic));
        let named = named.filter(move |(key, _)| covers(topic, key.as_str()));
        let belongs = move |entry: &Entry| id.is_none() || entry.server_id.as_deref() == id;
        named.filter(move |(key, entry)| key.topic() != "smh" || belongs(entry)).map(|(key, _)| key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.wished.keys()
    }
}
