//! A session and a simulator in virtual time, without sockets.

use std::time::{Duration, Instant, SystemTime};

use ibkr_auth_core::{
    Config, Event, Now, Output, Phase, PublicIp, RequestId, Response, Session, Step, Transmit,
    TransportError, TransportKind,
};
use ibkr_sim::{Endpoint, Fault, Manner, Moment, Peer, Sim, SimConfig, demo};

use crate::lab::{key_of, oauth1_config};

/// From a request to its answer.
const ROUND_TRIP: Duration = Duration::from_millis(40);

/// One client, one server, one clock.
pub struct World {
    /// The client.
    pub session: Session,
    /// The server.
    pub sim: Sim,
    /// The client's clocks. The server's is its own: see [`server_ahead`](Self::server_ahead).
    pub now: Now,
    /// Milliseconds that the server's clock is ahead of the client's.
    pub server_ahead: i64,
    /// Everything sent, with the time since the start.
    pub sent: Vec<(Duration, Step)>,
    /// How many `ssodh/init` would have ended another session.
    pub competed: usize,
    /// Everything told, with the time since the start.
    pub events: Vec<(Duration, Event)>,
    /// Set: nothing gets through.
    pub road_block: Option<TransportKind>,
    start: Instant,
    arriving: Vec<(Instant, RequestId, Result<Response, TransportError>)>,
}

impl World {
    /// A healthy simulator on a calendar on which nothing happens, and a client that is not logged in.
    pub fn new() -> Self {
        Self::with(|_| {}, |config| config)
    }

    /// The same, and the client logs in by OAuth 1.0a.
    pub fn oauth1() -> Self {
        Self::with(|_| {}, |_| oauth1_config())
    }

    /// With changes to either side.
    pub fn with(sim: impl FnOnce(&mut SimConfig), client: impl FnOnce(Config) -> Config) -> Self {
        let mut sim_config = SimConfig::default();
        sim_config.rules.established_after = Duration::from_secs(1);
        sim(&mut sim_config);
        let demo = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL).expect("the demo identity");
        let config = client(demo);
        let start = Instant::now();
        // 2026-11-18, a Wednesday, 12:00 in New York.
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_021_200);
        Self {
            session: Session::new(config.clone(), key_of(&config), 7),
            sim: Sim::new(sim_config),
            now: Now { mono: start, wall },
            server_ahead: 0,
            sent: Vec::new(),
            competed: 0,
            events: Vec::new(),
            road_block: None,
            start,
            arriving: Vec::new(),
        }
    }

    /// With a client of another seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        let config = self.session.config().clone();
        let key = key_of(&config);
        self.session = Session::new(config, key, seed);
        self
    }

    /// The same world with a client that knows nothing yet: another process of the same user, whose monotonic
    /// clock began at another time.
    pub fn another_process(self) -> Self {
        let config = self.session.config().clone();
        let key = key_of(&config);
        let session = Session::new(config, key, 8);
        let mono = self.now.mono + Duration::from_secs(12_345);
        Self { session, now: Now { mono, ..self.now }, start: mono, arriving: Vec::new(), ..self }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.now.mono - self.start
    }

    /// What the server's clock shows.
    pub fn server_now(&self) -> Moment {
        Moment::from(self.now.wall).shifted(self.server_ahead)
    }

    /// Adds a fault script.
    pub fn fault(&mut self, script: &str) {
        for fault in Fault::parse_script(script).expect("a valid script") {
            self.sim.add_fault(fault);
        }
    }

    /// Drives for this long.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now.mono + time;
        self.run(end, |_| false);
    }

    /// Drives until `done`, and says how long that took.
    ///
    /// # Panics
    /// When it takes longer than `limit`.
    #[track_caller]
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Session) -> bool) -> Duration {
        let begin = self.now.mono;
        self.run(begin + limit, &done);
        assert!(done(&self.session), "not within {limit:?}: {:?}\n{}", self.session.phase(), self.story());
        self.now.mono - begin
    }

    /// Drives until the automatic mode is in this phase, times aside.
    #[track_caller]
    pub fn run_until_phase(&mut self, limit: Duration, phase: Phase) -> Duration {
        self.run_until(limit, |session| {
            std::mem::discriminant(&session.phase()) == std::mem::discriminant(&phase)
        })
    }

    /// How often a step was sent.
    pub fn count(&self, step: Step) -> usize {
        self.sent.iter().filter(|(_, sent)| *sent == step).count()
    }

    /// The name of the look-up service that stands at this place in the configuration.
    pub fn lookup_host(&self, index: usize) -> String {
        match self.session.config().login().public_ip() {
            Some(PublicIp::Lookup(services)) => services[index].host().unwrap_or_default().to_owned(),
            Some(PublicIp::Fixed(_)) | None => String::new(),
        }
    }

    /// Steps sent since this time.
    pub fn since(&self, time: Duration) -> Vec<Step> {
        self.sent.iter().filter(|(at, _)| *at >= time).map(|(_, step)| *step).collect()
    }

    /// Whether the server would let the client trade right now: asked with a request of the client's own.
    pub fn works(&mut self) -> bool {
        (200..300).contains(&self.answers("/v1/api/iserver/accounts"))
    }

    /// The status with which the server answers a GET of the client's own; 0 where it cannot be sent.
    pub fn answers(&mut self, path: &str) -> u16 {
        let request = http::Request::get(path).body(Vec::new()).expect("a path");
        let Ok(request) = self.session.authorize(request, self.now) else { return 0 };
        let at = self.server_now();
        self.sim.handle(at, Peer::LOOPBACK, &request).response.status().as_u16()
    }

    /// What happened, for messages.
    pub fn story(&self) -> String {
        let last = self.events.iter().rev().take(40).rev();
        last.map(|(at, event)| format!("{:>10.2} s  {event}\n", at.as_secs_f64())).collect()
    }

    fn run(&mut self, end: Instant, done: impl Fn(&Session) -> bool) {
        for _ in 0..1_000_000 {
            match self.session.poll(self.now) {
                Output::Send(transmit) => self.send(transmit),
                Output::Event(event) => self.events.push((self.elapsed(), event)),
                Output::Wait(wait) => {
                    if done(&self.session) || self.now.mono >= end {
                        return;
                    }
                    let arrival = self.arriving.iter().map(|(at, ..)| *at).min();
                    let next = [arrival, wait.until].into_iter().flatten().min().unwrap_or(end).min(end);
                    self.pass(next.saturating_duration_since(self.now.mono));
                    self.deliver();
                }
            }
        }
        panic!("no end:\n{}", self.story());
    }

    /// Lets time pass on both clocks.
    pub fn pass(&mut self, time: Duration) {
        self.now.mono += time;
        self.now.wall += time;
    }

    fn send(&mut self, transmit: Transmit) {
        self.sent.push((self.elapsed(), transmit.step));
        let Transmit { id, step, timeout, request, .. } = transmit;
        let competes = step == Step::SsodhInit && request.body().ends_with(br#""compete":true}"#);
        self.competed += usize::from(competes);
        if let Some(kind) = self.road_block {
            let failure = TransportError::new(kind, "no road");
            return self.arriving.push((self.now.mono + ROUND_TRIP, id, Err(failure)));
        }
        let at = self.server_now() + ROUND_TRIP / 2;
        let reply = self.sim.handle(at, Peer::LOOPBACK, &request);
        let broken = || Err(TransportError::new(TransportKind::Broken, ""));
        let (delay, answer) = match reply.delivery.manner {
            Manner::Hang => (timeout, Err(TransportError::timeout())),
            Manner::Whole | Manner::Drip(_) => (reply.delivery.delay, Ok(reply.response)),
            Manner::Huge(_) => (Duration::ZERO, Err(TransportError::new(TransportKind::TooLarge, ""))),
            Manner::Reset | Manner::Close | Manner::Truncate(_) => (Duration::ZERO, broken()),
        };
        let (delay, answer) =
            if delay > timeout { (timeout, Err(TransportError::timeout())) } else { (delay, answer) };
        self.arriving.push((self.now.mono + ROUND_TRIP + delay, id, answer));
    }

    fn deliver(&mut self) {
        while let Some(index) = self.arriving.iter().position(|(at, ..)| *at <= self.now.mono) {
            let (_, id, result) = self.arriving.remove(index);
            self.session.receive(self.now, id, result);
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Requests to an endpoint that the server has counted.
pub fn seen(world: &World, endpoint: Endpoint) -> u64 {
    world.sim.counters().of(endpoint)
}
