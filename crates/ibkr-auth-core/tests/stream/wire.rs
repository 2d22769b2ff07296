//! A driver without a socket: it does what a stream says, in virtual time, and writes it down.

use ibkr_auth_core::Now;

use super::*;

pub(super) struct Wire {
    pub(super) stream: Stream,
    pub(super) now: Now,
    /// Frames sent since they were last asked for.
    sent: Vec<String>,
    pub(super) events: Vec<Event>,
    pub(super) opened: usize,
    pub(super) closed: usize,
    /// Until when the stream wants to be left alone.
    pub(super) until: Option<std::time::Instant>,
    session_id: Option<Secret>,
}

impl Wire {
    pub(super) fn new(tier: Tier) -> Self {
        Self {
            stream: Stream::new(tier, 1),
            now: ibkr_auth_core::testing::Bench::new().now,
            sent: Vec::new(),
            events: Vec::new(),
            opened: 0,
            closed: 0,
            until: None,
            session_id: Some(Secret::new("bb66")),
        }
    }

    /// One that is open and ready, with nothing left to tell.
    pub(super) fn ready() -> Self {
        let mut wire = Self::new(Tier::Brokerage);
        wire.run();
        wire.hear(READY);
        wire.sent();
        wire.events.clear();
        wire
    }

    pub(super) fn without_session_id() -> Self {
        Self { session_id: None, ..Self::new(Tier::Brokerage) }
    }

    pub(super) fn run(&mut self) {
        for _ in 0..10_000 {
            match self.stream.poll(self.now) {
                Output::Open => {
                    self.opened += 1;
                    self.stream.opened(self.now, self.session_id.as_ref());
                }
                Output::Close => self.closed += 1,
                Output::Send(text) => self.sent.push(text),
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    assert!(until.is_none_or(|until| until > self.now.mono), "a wait that is over");
                    return self.until = until;
                }
            }
        }
        panic!("the stream never rests");
    }

    pub(super) fn hear(&mut self, frame: &str) {
        self.stream.receive(self.now, frame);
        self.run();
    }

    pub(super) fn wish(&mut self, command: &str) {
        self.stream.wish(command).unwrap();
        self.run();
    }

    pub(super) fn lose(&mut self) {
        self.stream.closed(self.now);
        self.run();
    }

    /// Lets so much time pass without a frame. The stream is polled when it has asked for that alone.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(until) = self.until.filter(|until| *until <= end) {
            self.advance(until - self.now.mono);
            self.run();
        }
        self.advance(end - self.now.mono);
    }

    /// Lets so much time pass with a heartbeat each 10 s.
    pub(super) fn live(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while self.now.mono < end {
            self.pass(seconds(10).min(end - self.now.mono));
            self.hear(HEARTBEAT);
        }
    }

    fn advance(&mut self, time: Duration) {
        self.now.mono += time;
        self.now.wall += time;
    }

    pub(super) fn sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
    }

    /// What was sent but for `tic`.
    pub(super) fn asked(&mut self) -> Vec<String> {
        self.sent().into_iter().filter(|text| text != "tic").collect()
    }
}
