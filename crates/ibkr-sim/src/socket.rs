//! One WebSocket without a socket: what it says, as a function of its session and the moment (IBKR's OpenAPI
//! and its WebSocket pages; what users have recorded).

mod said;
mod subscription;
mod topics;

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Moment,
    sim::Sim,
    store::{Session, Tier},
};
pub(crate) use said::Said;
use subscription::Subscription;

/// What the servers do on an open socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text frame.
    Text(String),
    /// A binary frame that holds text, as the Java gateway sends them.
    Binary(String),
    /// Nothing comes after it.
    End(SocketEnd),
}

/// How a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketEnd {
    /// TCP is reset.
    Reset,
    /// A close frame with this code.
    Close(u16),
    /// Nothing is sent any more, not even pongs, although TCP lives.
    Silence,
}

/// What is known of an open socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) host: String,
    pub(crate) ip: IpAddr,
    /// Whose it is, and since when. Without it waits for `{"session":…}`.
    session: Option<(String, Moment)>,
    /// Whether it has asked for a session.
    asked: bool,
    /// Whether it has said who it is.
    greeted: bool,
    /// Whether it ever was ready: what the client sends before is dropped.
    pub(crate) was_ready: bool,
    /// The brokerage session that it has told of, by the moment of its beginning.
    told: Option<Moment>,
    heartbeat: Moment,
    subscriptions: BTreeMap<String, Subscription>,
    /// For the numbers of histories.
    histories: u64,
    said: Vec<Said>,
    end: Option<SocketEnd>,
}

impl Socket {
    pub(crate) fn new(host: &str, ip: IpAddr) -> Self {
        Self {
            host: host.to_owned(),
            ip,
            session: None,
            asked: false,
            greeted: false,
            was_ready: false,
            told: None,
            heartbeat: Moment::default(),
            subscriptions: BTreeMap::new(),
            histories: 0,
            said: Vec::new(),
            end: None,
        }
    }

    /// From now on it is a session's, by its bearer.
    pub(crate) fn attach(&mut self, bearer: String, now: Moment) {
        self.session = Some((bearer, now));
    }

    /// Says once that it waits for a session.
    pub(crate) fn ask_for_session(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            self.say(Said::waiting());
        }
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.session.as_ref().map(|(bearer, _)| bearer.as_str())
    }

    pub(crate) fn end(&mut self, end: SocketEnd) {
        self.end.get_or_insert(end);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// What there is to be sent, and how it ends if it does.
    pub(crate) fn take(&mut self) -> (Vec<Said>, Option<SocketEnd>) {
        (std::mem::take(&mut self.said), self.end)
    }

    pub(crate) fn say(&mut self, said: Said) {
        self.said.push(said);
    }

    /// Whether the brokerage session is there as far as the client was told.
    pub(crate) fn is_ready(&self) -> bool {
        self.told.is_some()
    }

    fn lost(&mut self, status: &Value) {
        self.told = None;
        self.subscriptions.retain(|_, subscription| !subscription.needs_brokerage());
        self.say(Said::lost(status));
    }
}

impl Sim {
    /// Brings a socket up to a moment: adds to what it says. `session` is its own, settled.
    pub(crate) fn socket_at(&self, socket: &mut Socket, session: &Session, now: Moment) {
        let rules = &self.config.rules;
        let Some((_, since)) = socket.session else { return };
        let up = match session.tier {
            Tier::Up(from) => Some(from),
            _ => None,
        };
        if !socket.greeted {
            // Seen again and again where the session is not established (ibind #7).
            if up.is_none() {
                return socket.end(SocketEnd::Close(1000));
            }
            socket.greeted = true;
            socket.say(Said::user(&session.credential));
            socket.heartbeat = since + rules.ws_heartbeat.unwrap_or_default();
        }
        if socket.told.is_some() && socket.told != up {
            socket.lost(&self.auth_status_at(now, session));
        }
        if socket.told.is_none() && up.is_some_and(|from| now >= from.max(since + rules.ws_ready_after)) {
            socket.told = up;
            socket.was_ready = true;
            socket.say(Said::accounts(self.accounts_at(now, session)));
            socket.say(Said::status("authenticated", true));
            socket.say(Said::status("competing", false));
        }
        if rules.ws_heartbeat.is_some() && now >= socket.heartbeat {
            socket.say(Said::heartbeat(now));
            socket.heartbeat = next(now, rules.ws_heartbeat.unwrap_or_default());
        }
        self.tell_subscriptions(socket, session, now);
    }

    /// When a socket has something to say, or may have, if nothing happens before.
    pub(crate) fn socket_next(&self, socket: &Socket, session: &Session, now: Moment) -> Option<Moment> {
        let rules = &self.config.rules;
        let (_, since) = socket.session.as_ref()?;
        let mut times = vec![session.deadline()];
        if let Tier::Up(from) = session.tier {
            times.push(session.last_request + rules.brokerage_idle);
            times.extend(self.config.calendar.next_reset(session.last_request));
            times.extend(socket.told.is_none().then(|| from.max(*since + rules.ws_ready_after)));
        }
        times.extend(rules.ws_heartbeat.is_some().then_some(socket.heartbeat));
        times.extend(socket.subscriptions.values().filter_map(Subscription::next));
        // A time that has passed without effect must not be waited for again and again.
        times.into_iter().min().map(|time| time.max(now.shifted(1)))
    }
}

/// The next time of something that comes again and again. What was missed is not made up for.
fn next(now: Moment, every: std::time::Duration) -> Moment {
    now + every.max(std::time::Duration::from_millis(1))
}
