//! All sockets: they are opened by [`Sim::handle`], and live in between requests.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use crate::{
    Frame, Moment, On, SocketEnd, Stage,
    answer::shown,
    inject::Target,
    sim::Sim,
    socket::{Said, Socket},
    store::Session,
};

/// Frames of clients that are remembered.
const MOST: usize = 1000;

/// An open socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u64);

/// The sockets in numbers, and what clients have sent on them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SocketStats {
    /// That are open.
    pub open: usize,
    /// That were opened so far.
    pub opened: u64,
    /// The last frames of clients, oldest first: `smd+265598`, without arguments. `session` stands for one
    /// that names a session, `unknown` for what is no topic.
    pub received: VecDeque<String>,
    /// Frames of clients that came before the socket was ready, and were dropped.
    pub early: u64,
}

/// What the simulator keeps of its sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Socket>,
    stats: SocketStats,
}

impl Sockets {
    pub(crate) fn open(&mut self, socket: Socket) -> SocketId {
        self.stats.opened += 1;
        let id = SocketId(self.stats.opened);
        self.open.insert(id, socket);
        id
    }

    fn receive(&mut self, text: &str) {
        self.stats.received.push_back(label(text));
        if self.stats.received.len() > MOST {
            self.stats.received.pop_front();
        }
    }
}

/// What a frame is remembered by.
fn label(text: &str) -> String {
    let topic = text.split(['+', '{']).next().unwrap_or("");
    match topic {
        "" if text.starts_with('{') => "session".to_owned(),
        _ if topic.len() == 3 && topic.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            shown(text.split('{').next().unwrap_or("").trim_end_matches('+'))
        }
        // It could be anything, a secret even.
        _ => "unknown".to_owned(),
    }
}

impl Sim {
    /// A client has sent this on a socket, text or binary. What it brings about comes with the next
    /// [`socket_frames`](Self::socket_frames).
    pub fn socket_receive(&mut self, now: Moment, id: SocketId, text: &str) {
        let now = self.now(now);
        self.sockets.receive(text);
        let Some(mut socket) = self.sockets.open.remove(&id) else { return };
        match self.socket_settle(&mut socket, now) {
            _ if socket.has_ended() => {}
            None => self.name_session(&mut socket, now, text),
            Some(_) if !socket.was_ready => self.sockets.stats.early += 1,
            Some((bearer, mut session)) => {
                self.topic(&mut socket, &mut session, now, text);
                self.store.sessions.insert(bearer, session);
            }
        }
        self.sockets.open.insert(id, socket);
    }

    /// What the servers send on a socket now, in order; and when to ask again, unless a request, a frame or a
    /// change comes before.
    pub fn socket_frames(&mut self, now: Moment, id: SocketId) -> (Vec<Frame>, Option<Moment>) {
        let at = self.now(now);
        let Some(mut socket) = self.sockets.open.remove(&id) else {
            return (vec![Frame::End(SocketEnd::Reset)], None);
        };
        let settled = self.socket_settle(&mut socket, at);
        let (said, end) = socket.take();
        let mut frames = Vec::new();
        let mut silent = end == Some(SocketEnd::Silence);
        for said in said {
            let struck = self.strike(&mut socket, &said, at);
            if struck || silent {
                silent = true;
                continue;
            }
            let binary = self.config.rules.ws_binary;
            frames.push(if binary { Frame::Binary(said.text) } else { Frame::Text(said.text) });
        }
        let (_, end) = socket.take();
        frames.extend(end.map(Frame::End));
        let next = settled.filter(|_| end.is_none());
        let next = next.and_then(|(_, session)| self.socket_next(&socket, &session, at));
        self.sockets.open.insert(id, socket);
        (frames, next.map(|next| next.shifted(now.millis() - at.millis())))
    }

    /// The client has left, or the servers have ended it.
    pub fn close_socket(&mut self, id: SocketId) {
        self.sockets.open.remove(&id);
    }

    /// Ends all open sockets.
    pub fn end_sockets(&mut self, end: SocketEnd) {
        self.sockets.open.values_mut().for_each(|socket| socket.end(end));
    }

    /// Says this on all sockets that have a session.
    pub fn push(&mut self, frame: &Value) {
        for socket in self.sockets.open.values_mut().filter(|socket| socket.bearer().is_some()) {
            socket.say(Said::json(frame));
        }
    }

    /// The sockets so far.
    pub fn sockets(&self) -> SocketStats {
        SocketStats { open: self.sockets.open.len(), ..self.sockets.stats.clone() }
    }

    /// Brings a socket and its session up to a moment. `None` when it has no session.
    fn socket_settle(&mut self, socket: &mut Socket, now: Moment) -> Option<(String, Session)> {
        let Some(bearer) = socket.bearer().map(str::to_owned) else {
            socket.ask_for_session();
            return None;
        };
        let session = self.store.sessions.get(&bearer).filter(|session| session.deadline() > now);
        let Some(mut session) = session.cloned() else {
            socket.end(SocketEnd::Close(1000));
            return None;
        };
        self.settle(&mut session, now);
        if !socket.has_ended() {
            self.socket_at(socket, &session, now);
        }
        self.store.sessions.insert(bearer.clone(), session.clone());
        Some((bearer, session))
    }

    /// `{"session":…}` on a socket that waits for it. Anything else comes too early.
    fn name_session(&mut self, socket: &mut Socket, now: Moment, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(asked) = message["session"].as_str() else {
            self.sockets.stats.early += 1;
            return;
        };
        let checked = self.config.rules.ip_checked_always;
        let found = self.store.sessions.iter().find(|(_, session)| {
            session.cookie == asked && session.deadline() > now && (!checked || session.is_at_home(socket.ip))
        });
        match found {
            Some((bearer, _)) => socket.attach(bearer.clone(), now),
            None => socket.say(Said::waiting()),
        }
    }

    /// Whether a fault strikes this frame, which then is not sent: how the socket ends is noted.
    fn strike(&mut self, socket: &mut Socket, said: &Said, now: Moment) -> bool {
        let target = Target { on: On::Stage(Stage::Frame), host: &socket.host, path: &said.topic };
        if socket.has_ended() {
            return false;
        }
        let Some(fault) = self.faults.pick(&target, now) else { return false };
        self.counters.faults += 1;
        self.apply(&fault);
        let action = &fault.action;
        if action.reset {
            socket.end(SocketEnd::Reset);
        } else if action.hang {
            socket.end(SocketEnd::Silence);
        } else if action.close || action.close_code.is_some() {
            socket.end(SocketEnd::Close(action.close_code.unwrap_or(1000)));
        }
        socket.has_ended()
    }
}
