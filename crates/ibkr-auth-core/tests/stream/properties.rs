//! What holds for any bytes and any order of wishes, losses and answers.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TARGETS: [&str; 10] = [
    "smd+1",
    "smd+1@NYSE",
    "smd+2",
    "sbd+U1+1",
    "sbd+U1+2",
    "spl",
    "ssd+U1",
    "sor",
    "str",
    r#"smh+7+{"bar":"1d"}"#,
];

#[derive(Debug, Clone)]
enum Deed {
    Wish(usize),
    End(usize),
    Held,
    Lose,
    Reopen,
    Status { authenticated: Option<bool>, competing: Option<bool> },
    Success,
    Ask,
    History(bool),
    Pass(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..TARGETS.len()).prop_map(Deed::Wish),
        2 => (0..TARGETS.len()).prop_map(Deed::End),
        1 => Just(Deed::Held),
        1 => Just(Deed::Lose),
        1 => Just(Deed::Reopen),
        3 => Just(Deed::Status { authenticated: Some(true), competing: Some(false) }),
        3 => (any::<Option<bool>>(), any::<Option<bool>>())
            .prop_map(|(authenticated, competing)| Deed::Status { authenticated, competing }),
        1 => Just(Deed::Success),
        1 => Just(Deed::Ask),
        3 => any::<bool>().prop_map(Deed::History),
        2 => (0..400_u64).prop_map(Deed::Pass),
    ]
}

/// IBKR's side: what it serves on this connection, and what it has said of its readiness.
#[derive(Default)]
struct Server {
    served: BTreeMap<String, ()>,
    histories: BTreeMap<String, bool>,
    next_id: u32,
}

impl Server {
    fn take(&mut self, text: &str) {
        match Command::parse(text) {
            Command::Subscribe(subscription) if subscription.key.topic() == "smh" => {
                self.next_id += 1;
                self.histories.insert(self.next_id.to_string(), false);
            }
            Command::Subscribe(subscription) => _ = self.served.insert(subscription.key.to_string(), ()),
            Command::Unsubscribe(ending) if ending.topic() == "smh" => {
                assert!(self.histories.remove(ending.target()).is_some(), "an id of nothing: {text}");
            }
            Command::Unsubscribe(ending) => self.served.retain(|served, ()| !ending.ends(&key(served))),
            _ => {}
        }
    }
}

struct World {
    wire: Wire,
    server: Server,
    connections: usize,
    authenticated: bool,
    known: bool,
    competing: bool,
    asked: bool,
}

impl World {
    fn new() -> Self {
        let mut wire = Wire::new(Tier::ReadOnly);
        wire.run();
        Self {
            connections: wire.opened,
            wire,
            server: Server::default(),
            authenticated: false,
            known: false,
            competing: false,
            asked: false,
        }
    }

    /// Gives the server what was sent, after a look at whether it could be.
    fn carry(&mut self) {
        if self.connections != self.wire.opened {
            self.connections = self.wire.opened;
            let next_id = self.server.next_id;
            self.server = Server { next_id, ..Server::default() };
            (self.authenticated, self.known, self.competing, self.asked) = (false, false, false, false);
        }
        for text in self.wire.sent() {
            let served = match (Command::parse(&text), self.authenticated && !self.competing) {
                (Command::Tic, _) | (_, true) => true,
                (Command::Session, _) => std::mem::take(&mut self.asked),
                (command, false) => command.needs() == Readiness::Portfolio && self.known,
            };
            assert!(served, "{text} was sent too early");
            self.server.take(&text);
        }
    }

    fn hear(&mut self, frame: &str) {
        self.wire.hear(frame);
        self.carry();
    }

    fn status(&mut self, authenticated: Option<bool>, competing: Option<bool>) {
        self.known = true;
        self.authenticated = authenticated.unwrap_or(self.authenticated);
        self.competing = competing.unwrap_or(self.competing);
        self.hear(&format!(
            r#"{{"topic":"sts","args":{{"authenticated":{},"competing":{}}}}}"#,
            authenticated.map_or("null".to_owned(), |said| said.to_string()),
            competing.map_or("null".to_owned(), |said| said.to_string()),
        ));
    }

    /// The first history that has not begun does, or one that has goes on.
    fn history(&mut self, begins: bool) {
        let found = self.server.histories.iter_mut().filter(|(_, begun)| **begun != begins);
        let found = found.min_by_key(|(id, _)| id.parse::<u32>().unwrap());
        if let Some((id, begun)) = found {
            *begun = true;
            let id = id.clone();
            self.hear(&format!(r#"{{"topic":"smh+7","serverId":"{id}"}}"#));
        }
    }

    fn run(&mut self, deed: &Deed) {
        match deed {
            Deed::Wish(target) => self.wire.wish(TARGETS[*target]),
            Deed::End(target) => {
                self.wire.stream.end(&key(TARGETS[*target]));
                self.wire.run();
            }
            Deed::Held => self.wire.wish("inp+exercise"),
            Deed::Lose => self.wire.lose(),
            Deed::Reopen => {
                self.wire.stream.reopen(self.wire.now);
                self.wire.run();
            }
            Deed::Status { authenticated, competing } if self.is_open() => {
                self.status(*authenticated, *competing);
            }
            Deed::Success if self.is_open() => {
                self.known = true;
                self.hear(SUCCESS);
            }
            Deed::Ask if self.is_open() => {
                self.asked = true;
                self.hear(WAITING);
            }
            Deed::History(begins) if self.is_open() => self.history(*begins),
            Deed::Pass(seconds) => self.wire.live(super::seconds(*seconds)),
            _ => {}
        }
        self.carry();
    }

    fn is_open(&self) -> bool {
        matches!(self.wire.stream.state(), State::Open(_))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_served_is_what_is_wished_for(deeds in prop::collection::vec(deed(), 0..60)) {
        let mut world = World::new();
        let mut wished = BTreeMap::new();
        for deed in &deeds {
            match deed {
                Deed::Wish(target) => _ = wished.insert(key(TARGETS[*target]), ()),
                Deed::End(target) => wished.retain(|wish, ()| !key(TARGETS[*target]).ends(wish)),
                _ => {}
            }
            world.run(deed);
        }
        while !world.is_open() {
            world.wire.pass(seconds(1));
            world.carry();
        }
        world.status(Some(true), Some(false));
        // A history that is ended before it begins is ended when it does.
        while world.server.histories.values().any(|begun| !begun) {
            world.history(true);
        }
        let histories = wished.keys().filter(|wish| wish.topic() == "smh").count();
        prop_assert_eq!(world.server.histories.len(), histories);
        let others = wished.into_keys().filter(|wish| wish.topic() != "smh").map(|wish| wish.to_string());
        prop_assert_eq!(world.server.served.into_keys().collect::<Vec<_>>(), others.collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        Frame::parse(&bytes);
        Frame::parse(&text);
        Command::parse(&text);
        let mut wire = Wire::ready();
        wire.stream.receive(wire.now, &bytes);
        wire.hear(&text);
        let _ = wire.stream.wish(&text);
        wire.run();
    }

    #[test]
    fn almost_a_command_and_almost_a_frame(
        command in r#"[su](mh|md|bd|or)[+{}@a"1:,]{0,12}"#,
        frame in r#"\{("(topic|error|hb|serverId|message)":("s(mh|ts)\+1"|1|null|\[\]|\{\}),?){0,4}\}"#,
    ) {
        let mut wire = Wire::ready();
        wire.wish(&command);
        wire.hear(&frame);
        if let Command::Subscribe(subscription) = Command::parse(&command) {
            let _ = (subscription.key.target(), subscription.key.topic());
            let wished: Vec<_> = wire.stream.wishes().cloned().collect();
            prop_assert_eq!(&wished[..], &[subscription.key.clone()][..]);
            wire.stream.end(&subscription.key);
            prop_assert_eq!(wire.stream.wishes().count(), 0);
        }
    }

    #[test]
    fn a_topic_is_found_as_a_json_parser_finds_it(topic in ".{0,12}", key in "[a-z\"\\\\]{0,6}", value in ".{0,12}") {
        prop_assume!(!["topic", "error", "hb", "success", "message", "result", "serverId"].contains(&key.as_str()));
        prop_assume!(!["sts", "error", "tic", "system"].contains(&topic.as_str()));
        let frame = serde_json::json!({ &key: [&value, { "topic": 1 }], "topic": topic }).to_string();
        let Frame::Message { topic: found, .. } = Frame::parse(&frame) else { panic!("{frame}") };
        prop_assert_eq!(found.as_ref(), topic.as_str());
    }
}
