//! What a client says on the WebSocket: `TOPIC+TARGET+{json}`.

use std::{borrow::Borrow, fmt};

use super::{Readiness, arguments};

/// A frame of a client's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// `s…`: begins a subscription, or adds to one.
    Subscribe(Subscription<'a>),
    /// `u…`: ends every subscription that [the key ends](Key::ends). That of a `umh` names a server id.
    Unsubscribe(Key),
    /// `{"session":…}`. Never to be passed on: a socket that has its session takes it for a topic.
    Session,
    /// `tic`: keeps the session alive.
    Tic,
    /// `ech+hb`: wants an echo, which only the client that asked can read.
    Echo,
    /// Anything else, to be passed on as it is.
    Other(&'a str),
}

/// A wish to be told of something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription<'a> {
    /// Which one.
    pub key: Key,
    /// The JSON behind it, as it was written; empty where there is none.
    pub arguments: &'a str,
}

impl<'a> Command<'a> {
    /// Reads a frame of a client's.
    pub fn parse(text: &'a str) -> Self {
        let text = text.trim();
        match text {
            "tic" => return Self::Tic,
            "ech+hb" => return Self::Echo,
            // IBKR's documentation writes it with single quotes.
            _ if text.starts_with('{') && text.contains("session") => return Self::Session,
            _ => {}
        }
        let Some((kind, name, rest)) = topic(text) else { return Self::Other(text) };
        let (target, arguments) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
        let mut key = format!("s{name}");
        for part in target.split('+').filter(|part| !part.is_empty()) {
            key.push('+');
            key.push_str(part);
        }
        match kind {
            's' => {
                // Bars of one minute and of one day are two subscriptions.
                if name == "mh" && !arguments.is_empty() {
                    key.push('+');
                    key.push_str(&arguments::canonical(arguments));
                }
                Self::Subscribe(Subscription { key: Key(key), arguments })
            }
            _ => Self::Unsubscribe(Key(key)),
        }
    }

    /// What it takes for IBKR not to drop it.
    pub fn needs(&self) -> Readiness {
        match self {
            Self::Subscribe(Subscription { key, .. }) | Self::Unsubscribe(key) => key.needs(),
            Self::Tic | Self::Session => Readiness::NotYet,
            Self::Echo | Self::Other(_) => Readiness::Ready,
        }
    }
}

/// `s` or `u`, the two letters behind it, and what follows them.
fn topic(text: &str) -> Option<(char, &str, &str)> {
    let kind = text.chars().next().filter(|kind| matches!(kind, 's' | 'u'))?;
    let (name, rest) = (text.get(1..3)?, text.get(3..)?);
    let is_topic = name.bytes().all(|byte| byte.is_ascii_lowercase())
        && (rest.is_empty() || rest.starts_with(['+', '{']));
    is_topic.then_some((kind, name, rest))
}

/// What a subscription is known by: its topic and target, `smd+265598`. For `smh` the arguments belong to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The key as messages name it in `topic`, but for a `smh`'s arguments.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its topic: `smd`.
    pub fn topic(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }

    /// What it is about: `265598`, an account, or nothing.
    pub fn target(&self) -> &str {
        let target = self.0.split_once('+').map_or("", |(_, target)| target);
        target.split('{').next().unwrap_or_default().trim_end_matches('+')
    }

    /// Whether an unsubscription with this key ends that one: itself, or what it names more exactly. `ubd`
    /// has the account alone, `umd` the conid.
    pub fn ends(&self, other: &Self) -> bool {
        covers(&self.0, &other.0)
    }

    /// `spl`, `ssd` and `sld` need no brokerage session (IBKR's documentation of Client Portal API v1).
    pub fn needs(&self) -> Readiness {
        match self.topic() {
            "spl" | "ssd" | "sld" => Readiness::Portfolio,
            _ => Readiness::Ready,
        }
    }

    /// The order in which subscriptions are made anew.
    pub(super) fn rank(&self) -> u8 {
        match self.topic() {
            "ssd" => 0,
            "sld" => 1,
            "smd" => 2,
            "smh" => 3,
            "sor" => 4,
            "spl" => 5,
            "str" => 6,
            _ => 7,
        }
    }

    /// So much of it is ended by the one unsubscription that IBKR has for it.
    pub(super) fn scope(&self) -> Self {
        let whole = self.0.as_str();
        let end = match self.topic() {
            "smd" => whole.find('@'),
            "sbd" => whole.match_indices('+').nth(1).map(|(at, _)| at),
            _ => None,
        };
        Self(whole[..end.unwrap_or(whole.len())].to_owned())
    }

    /// The frame that asks for it.
    pub(super) fn subscribe(&self, arguments: &str) -> String {
        let (topic, target) = (self.topic(), self.target());
        let parts = [topic, target, arguments].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("+")
    }

    /// The frame that ends it. A `smh` is ended by its server id: see [`end_of_history`].
    pub(super) fn unsubscribe(&self) -> String {
        let without_s = self.0.get(1..).unwrap_or_default();
        match self.topic() {
            "str" | "sbd" => format!("u{without_s}"),
            _ => format!("u{without_s}+{{}}"),
        }
    }
}

/// The frame that ends the history of that server id.
pub(super) fn end_of_history(server_id: &str) -> String {
    format!("umh+{server_id}")
}

/// Whether the one text is the other, or the beginning of it up to the end of a part.
pub(super) fn covers(general: &str, exact: &str) -> bool {
    exact.strip_prefix(general).is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '@']))
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0)
    }
}
