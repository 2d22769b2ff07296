//! Who of the clients gets what of the one stream that they share. No socket: frames in, frames out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, UNIX_EPOCH},
};

use bytes::Bytes;
use ibkr_auth_async::core::{
    Now,
    stream::{Command, Event, Frame, Gap, Key, Stream},
};
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{frame, lost, refused};

/// A subscription that nobody wants any more is ended after this: programs that start anew ask for it again.
const ENDED_AFTER: Duration = Duration::from_secs(10);
/// A client asks for so much at most.
const MOST_KEYS: usize = 1_000;

/// Tells clients apart.
pub(super) type Id = u64;

/// Who is to get a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum To {
    All,
    One(Id),
    These(Vec<Id>),
}

/// What all clients of a session share.
pub(super) struct Hub {
    pub(super) stream: Stream,
    clients: BTreeMap<Id, BTreeSet<Key>>,
    /// When a subscription is ended that nobody wants any more.
    ending: BTreeMap<Key, Instant>,
    /// What IBKR says to whoever connects: who it is, its accounts, and how the session stands.
    greeting: BTreeMap<&'static str, Bytes>,
    /// The last value of each field of market data, for who comes later: IBKR may say what has changed alone.
    /// Of everything else it says anew how things stand to whoever asks.
    fields: BTreeMap<Key, Map<String, Value>>,
}

type Out = Vec<(To, Message)>;

impl Hub {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            clients: BTreeMap::new(),
            ending: BTreeMap::new(),
            greeting: BTreeMap::new(),
            fields: BTreeMap::new(),
        }
    }

    /// A client has come: it is told what the others have been told.
    pub(super) fn join(&mut self, id: Id) -> Out {
        self.clients.insert(id, BTreeSet::new());
        self.greeting.values().map(|text| (To::One(id), Message::Binary(text.clone()))).collect()
    }

    /// A client has left.
    pub(super) fn leave(&mut self, id: Id, now: Instant) {
        let keys = self.clients.remove(&id).unwrap_or_default();
        keys.into_iter().for_each(|key| self.release(key, now));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// A client says something.
    pub(super) fn command(&mut self, id: Id, text: &str, now: Instant) -> Out {
        match Command::parse(text) {
            Command::Session => Vec::new(),
            Command::Echo => vec![(To::One(id), Message::Binary(Bytes::copy_from_slice(text.as_bytes())))],
            // The stream says it for all.
            Command::Tic => vec![(To::One(id), frame(&json!({ "topic": "tic", "alive": true })))],
            Command::Subscribe(subscription) => {
                let key = subscription.key;
                let Some(keys) = self.clients.get_mut(&id) else { return Vec::new() };
                if keys.len() >= MOST_KEYS && !keys.contains(&key) {
                    return vec![(To::One(id), refused(text, "one client asks for too much"))];
                }
                let is_new = keys.insert(key.clone());
                self.ending.remove(&key);
                let remembered = self.remembered(id, &key, is_new);
                match self.stream.wish(text) {
                    Ok(()) => remembered,
                    Err(error) => vec![(To::One(id), refused(text, error.message()))],
                }
            }
            Command::Unsubscribe(ended) => {
                let Some(keys) = self.clients.get_mut(&id) else { return Vec::new() };
                let gone: Vec<Key> = keys.iter().filter(|key| ended.ends(key)).cloned().collect();
                keys.retain(|key| !ended.ends(key));
                gone.into_iter().for_each(|key| self.release(key, now));
                Vec::new()
            }
            // What is none of ours goes on once; what answers it goes to all.
            _ => match self.stream.wish(text) {
                Ok(()) => Vec::new(),
                Err(error) => vec![(To::One(id), refused(text, error.message()))],
            },
        }
    }

    /// IBKR says something.
    pub(super) fn heard(&mut self, now: Now, text: &Bytes) -> Out {
        let said = self.stream.receive(now, text);
        let keys: Vec<Key> = self.stream.keys_of(&said).cloned().collect();
        let message = || Message::Binary(text.clone());
        match &said {
            Frame::Success => {
                self.greeting.insert("1 system", text.clone());
                vec![(To::All, message())]
            }
            Frame::Status(status) => {
                let name = if status.authenticated.is_some() { "3 sts" } else { "4 sts" };
                self.greeting.insert(name, text.clone());
                vec![(To::All, message())]
            }
            Frame::Message { topic, .. } if keys.is_empty() => {
                if topic == "act" {
                    self.greeting.insert("2 act", text.clone());
                }
                vec![(To::All, message())]
            }
            Frame::Message { .. } => {
                keys.iter().for_each(|key| self.remember(key, text));
                self.to_whom(&keys).map_or_else(Vec::new, |to| vec![(to, message())])
            }
            // The stream's own affair, and what nobody has asked for by this connection.
            Frame::WaitingForSession | Frame::Unsubscribed(_) | Frame::Tic | Frame::Echo => Vec::new(),
            _ => vec![(To::All, message())],
        }
    }

    /// Something has happened to the stream.
    pub(super) fn event(&mut self, event: &Event) -> Out {
        match event {
            Event::Lost { .. } => {
                self.greeting.clear();
                vec![(To::All, lost("the stream to IBKR was lost, and is opened again"))]
            }
            Event::Gap(gap) => {
                self.fields.remove(&gap.key);
                self.to_whom(std::slice::from_ref(&gap.key))
                    .map_or_else(Vec::new, |to| vec![(to, marked(gap))])
            }
            _ => Vec::new(),
        }
    }

    /// Ends what nobody has wanted for a while; says when to look again.
    pub(super) fn tidy(&mut self, now: Instant) -> Option<Instant> {
        let over: Vec<Key> =
            self.ending.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        for key in over {
            self.ending.remove(&key);
            self.fields.remove(&key);
            self.stream.end(&key);
        }
        self.ending.values().min().copied()
    }

    fn release(&mut self, key: Key, now: Instant) {
        if !self.clients.values().any(|keys| keys.contains(&key)) {
            self.ending.insert(key, now + ENDED_AFTER);
        }
    }

    fn to_whom(&self, keys: &[Key]) -> Option<To> {
        let wanted = |own: &BTreeSet<Key>| keys.iter().any(|key| own.contains(key));
        let ids: Vec<Id> = self.clients.iter().filter(|(_, own)| wanted(own)).map(|(id, _)| *id).collect();
        (!ids.is_empty()).then_some(To::These(ids))
    }

    fn remember(&mut self, key: &Key, text: &Bytes) {
        if key.topic() == "smd"
            && let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(text)
        {
            self.fields.entry(key.clone()).or_default().extend(fields);
        }
    }

    fn remembered(&self, id: Id, key: &Key, is_new: bool) -> Out {
        let fields = self.fields.get(key).filter(|_| is_new);
        fields.map(|fields| (To::One(id), frame(&Value::Object(fields.clone())))).into_iter().collect()
    }
}

fn marked(gap: &Gap) -> Message {
    let millis = |at: std::time::SystemTime| {
        u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    };
    frame(&json!({
        "topic": "gap", "args": { "topic": gap.key.as_str(), "since": millis(gap.since), "until": millis(gap.until) },
    }))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ibkr_auth_async::{Secret, Tier, core::stream::Output};

    use super::*;

    const AAPL: &str = r#"smd+265598+{"fields":["31"]}"#;

    struct Bench {
        hub: Hub,
        now: Now,
    }

    impl Bench {
        fn new() -> Self {
            let now = Now {
                mono: Instant::now(),
                wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            };
            let mut bench = Self { hub: Hub::new(Stream::new(Tier::Brokerage, 0)), now };
            bench.hub.join(1);
            bench.hub.join(2);
            bench.open();
            bench
        }

        fn open(&mut self) {
            self.sent();
            self.hear(r#"{"topic":"system","success":"someone"}"#);
            self.hear(r#"{"topic":"sts","args":{"authenticated":true}}"#);
            self.sent();
        }

        fn hear(&mut self, text: &'static str) -> Out {
            self.hub.heard(self.now, &Bytes::from_static(text.as_bytes()))
        }

        fn say(&mut self, id: Id, text: &str) -> Out {
            self.hub.command(id, text, self.now.mono)
        }

        fn pass(&mut self, time: Duration) {
            self.now = Now { mono: self.now.mono + time, wall: self.now.wall + time };
            self.hub.tidy(self.now.mono);
        }

        /// What goes to IBKR, `tic` apart.
        fn sent(&mut self) -> Vec<String> {
            let mut sent = Vec::new();
            loop {
                match self.hub.stream.poll(self.now) {
                    Output::Open => self.hub.stream.opened(self.now, Some(&Secret::new("bb"))),
                    Output::Send(text) if text != "tic" => sent.push(text),
                    Output::Wait(_) => return sent,
                    _ => {}
                }
            }
        }
    }

    fn to(out: &Out) -> Vec<&To> {
        out.iter().map(|(to, _)| to).collect()
    }

    fn text(out: &Out) -> String {
        out.iter()
            .map(|(_, message)| String::from_utf8_lossy(&message.clone().into_data()).into_owned())
            .collect()
    }

    #[test]
    fn each_gets_what_it_has_asked_for() {
        let mut bench = Bench::new();
        bench.say(1, AAPL);
        assert_eq!(bench.sent(), [AAPL]);
        let out = bench.hear(r#"{"topic":"smd+265598","conid":265598,"31":"1"}"#);
        assert_eq!(to(&out), [&To::These(vec![1])]);
        assert_eq!(to(&bench.hear(r#"{"topic":"system","hb":1}"#)), [&To::All]);
        assert_eq!(to(&bench.hear(r#"{"topic":"ntf","args":[]}"#)), [&To::All]);
    }

    #[test]
    fn fields_unite_and_the_second_is_told_what_the_first_knows() {
        let mut bench = Bench::new();
        bench.say(1, AAPL);
        bench.sent();
        bench.hear(r#"{"topic":"smd+265598","conid":265598,"31":"1","84":"0.9"}"#);
        bench.hear(r#"{"topic":"smd+265598","conid":265598,"31":"2"}"#);
        let told = bench.say(2, r#"smd+265598+{"fields":["84"]}"#);
        assert_eq!(to(&told), [&To::One(2)]);
        let told: Value = serde_json::from_str(&text(&told)).unwrap();
        assert_eq!((&told["31"], &told["84"]), (&json!("2"), &json!("0.9")));
        let sent = bench.sent();
        assert!(sent.len() == 1 && sent[0].contains("31") && sent[0].contains("84"), "{sent:?}");
    }

    #[test]
    fn a_subscription_ends_when_nobody_wants_it_and_not_at_once() {
        let mut bench = Bench::new();
        bench.say(1, AAPL);
        bench.say(2, AAPL);
        bench.sent();
        bench.say(1, "umd+265598+{}");
        bench.pass(ENDED_AFTER / 2);
        assert_eq!(bench.sent(), Vec::<String>::new(), "the second still wants it");
        bench.hub.leave(2, bench.now.mono);
        bench.pass(ENDED_AFTER / 2);
        bench.hub.join(3);
        bench.say(3, AAPL);
        bench.pass(ENDED_AFTER);
        assert_eq!(bench.sent(), [AAPL], "somebody came in time: it is asked for, and not ended");
        bench.hear(r#"{"topic":"system","hb":1}"#);
        bench.say(3, "umd+265598+{}");
        bench.pass(ENDED_AFTER);
        assert_eq!(bench.sent(), ["umd+265598+{}"]);
    }

    #[test]
    fn after_a_loss_all_are_told_and_subscriptions_come_back_with_their_gap() {
        let mut bench = Bench::new();
        bench.say(1, AAPL);
        bench.sent();
        bench.hub.stream.closed(bench.now);
        let mut told = Vec::new();
        for _ in 0..2 {
            bench.pass(Duration::from_secs(3));
            loop {
                match bench.hub.stream.poll(bench.now) {
                    Output::Open => bench.hub.stream.opened(bench.now, Some(&Secret::new("bb"))),
                    Output::Event(event) => told.extend(bench.hub.event(&event)),
                    Output::Wait(_) => break,
                    _ => {}
                }
            }
            bench.hear(r#"{"topic":"sts","args":{"authenticated":true}}"#);
        }
        let told = text(&told);
        assert!(told.contains(r#""authenticated":false"#), "{told}");
        assert!(told.contains(r#""topic":"gap""#) && told.contains("smd+265598"), "{told}");
    }

    #[test]
    fn who_comes_later_hears_how_the_session_stands() {
        let mut bench = Bench::new();
        let told = text(&bench.hub.join(9));
        assert!(told.find("success").unwrap() < told.find("authenticated").unwrap(), "{told}");
    }

    #[test]
    fn an_echo_is_binary_too_and_for_who_asks() {
        let out = Bench::new().say(1, "ech+hb");
        assert_eq!(out, [(To::One(1), Message::binary("ech+hb"))]);
    }

    #[test]
    fn nobody_asks_for_too_much() {
        let mut bench = Bench::new();
        for conid in 0..MOST_KEYS {
            bench.say(1, &format!("smd+{conid}+{{}}"));
        }
        assert!(text(&bench.say(1, "smd+999999+{}")).contains("too much"));
        assert!(bench.say(2, "smd+999999+{}").is_empty());
    }
}
