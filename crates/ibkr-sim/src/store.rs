//! What the servers remember, and lose in a restart.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
};

use serde_json::Value;

use crate::{
    Moment,
    oauth1::{Live, Requested},
    pace::Pace,
};

/// More tokens or sessions than this at a time are a client gone wild; the oldest go.
const MOST: usize = 10_000;

/// Tokens, sessions, used assertions, the pace of requests.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// Access tokens by their text.
    pub(crate) access: BTreeMap<String, Access>,
    /// Sessions by their [key](Session::key).
    pub(crate) sessions: BTreeMap<String, Session>,
    /// Request tokens of OAuth 1.0a by their text.
    pub(crate) requested: BTreeMap<String, Requested>,
    /// The last timestamp of each consumer with each of its access tokens.
    pub(crate) timestamps: BTreeMap<String, i64>,
    /// What was signed and used, and nonces, by their digest.
    pub(crate) used: BTreeMap<String, Used>,
    /// Usernames whose brokerage session some other platform holds.
    pub(crate) elsewhere: BTreeSet<String>,
    /// The last orders of each username.
    pub(crate) orders: BTreeMap<String, VecDeque<Value>>,
    /// The orders of each username that wait for an answer.
    pub(crate) questions: BTreeMap<String, VecDeque<Question>>,
    pub(crate) pace: Pace,
    next_purge: Moment,
}

/// A client assertion or another signed request that had its effect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) at: Moment,
    /// From when on it is refused for its age.
    pub(crate) expires: Moment,
}

/// Orders that are executed when they are confirmed.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) orders: Vec<Value>,
}

/// An access token.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Moment,
}

/// An SSO session, or what a live session token of OAuth 1.0a begins.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The bearer. Of OAuth 1.0a it is the live session token, in base64: it is in no request.
    pub(crate) key: String,
    /// There for OAuth 1.0a.
    pub(crate) live: Option<Live>,
    pub(crate) credential: String,
    pub(crate) made: Moment,
    pub(crate) expires: Moment,
    /// No extension reaches beyond: midnight.
    pub(crate) ends: Option<Moment>,
    pub(crate) last_request: Moment,
    /// Addresses it may be used from: the claimed one first. OAuth 1.0a has none.
    pub(crate) ips: Vec<IpAddr>,
    /// The `api` cookie, which tickle calls `session`.
    pub(crate) cookie: String,
    pub(crate) tier: Tier,
    /// `/iserver/accounts` was asked for since the brokerage session began.
    pub(crate) accounts_read: bool,
    /// The first snapshot is a pre-flight (IBKR's Web API documentation).
    pub(crate) snapshot_warm: bool,
    /// The account that was chosen for orders and trades; else it is the first.
    pub(crate) selected: Option<String>,
    /// Questions about orders that are not asked any more in this brokerage session.
    pub(crate) suppressed: Vec<String>,
}

impl Session {
    /// One that begins `now`, and has asked for nothing yet.
    pub(crate) fn new(
        key: String,
        credential: String,
        now: Moment,
        expires: Moment,
        ends: Option<Moment>,
        cookie: String,
    ) -> Self {
        Self {
            key,
            live: None,
            credential,
            made: now,
            expires,
            ends,
            last_request: now,
            ips: Vec::new(),
            cookie,
            tier: Tier::Never,
            accounts_read: false,
            snapshot_warm: false,
            selected: None,
            suppressed: Vec::new(),
        }
    }
}

/// How a session stands with the brokerage tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// It never asked for it.
    Never,
    /// It has it, established from this moment on.
    Up(Moment),
    /// It lost it for want of requests.
    Idle,
    /// It lost it, or did not get it, because of another login.
    Competing,
    /// It did not get it because it did not ask to compete, with nobody there.
    Refused,
    /// It lost it in a nightly reset or gave it back.
    Gone,
}

impl Session {
    /// The moment at which it ends, unless it is extended.
    pub(crate) fn deadline(&self) -> Moment {
        self.ends.map_or(self.expires, |ends| ends.min(self.expires))
    }

    /// Whether it may be used from this address.
    pub(crate) fn is_at_home(&self, ip: IpAddr) -> bool {
        self.live.is_some() || self.ips.contains(&ip)
    }
}

impl Store {
    /// Forgets what has expired, once a minute.
    pub(crate) fn purge(&mut self, now: Moment) {
        let interval = std::time::Duration::from_secs(60);
        if now < self.next_purge && self.next_purge <= now + interval {
            return;
        }
        self.next_purge = now + interval;
        self.access.retain(|_, token| token.expires > now);
        self.sessions.retain(|_, session| session.deadline() > now);
        self.requested.retain(|_, token| token.expires > now);
        self.used.retain(|_, used| used.expires > now);
        self.pace.purge(now);
    }

    pub(crate) fn len(&self) -> usize {
        self.access.len() + self.sessions.len() + self.requested.len() + self.used.len()
    }

    pub(crate) fn keep_access(&mut self, token: String, access: Access) {
        self.access.insert(token, access);
        drop_oldest(&mut self.access, |access| access.expires);
    }

    pub(crate) fn keep_session(&mut self, session: Session) {
        self.sessions.insert(session.key.clone(), session);
        drop_oldest(&mut self.sessions, |session| session.made);
    }

    pub(crate) fn keep_requested(&mut self, token: String, requested: Requested) {
        self.requested.insert(token, requested);
        drop_oldest(&mut self.requested, |requested| requested.expires);
    }

    pub(crate) fn keep_used(&mut self, digest: String, used: Used) {
        self.used.insert(digest, used);
        drop_oldest(&mut self.used, |used| used.at);
    }
}

fn drop_oldest<T>(map: &mut BTreeMap<String, T>, age: impl Fn(&T) -> Moment) {
    if map.len() > MOST
        && let Some(key) = map.iter().min_by_key(|(_, value)| age(value)).map(|(key, _)| key.clone())
    {
        map.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gone_wild_cannot_fill_the_memory() {
        let mut store = Store::default();
        for number in 0..MOST as i64 + 5 {
            let expires = Moment::from_secs(number);
            store.keep_access(
                number.to_string(),
                Access { client_id: String::new(), scopes: Vec::new(), expires },
            );
            // What was used last is remembered, however soon it expires.
            let used = Used { at: Moment::from_secs(number), expires: Moment::from_secs(-number) };
            store.keep_used(number.to_string(), used);
        }
        assert_eq!(store.len(), 2 * MOST);
        assert!(!store.access.contains_key("4") && store.access.contains_key("5"));
        assert!(!store.used.contains_key("4") && store.used.contains_key("5"));
    }
}
