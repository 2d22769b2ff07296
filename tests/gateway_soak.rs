//! A day of the simulator's with faults of chance: clients of several kinds, none of which may be stuck, and
//! nothing that grows.
//!
//! `cargo xtask gateway-soak` gives the whole day. The simulator's clock is stepped by minutes several times
//! a second, and runs true between: the day is as short as one likes, and IBKR's pace is kept in true time.

// A process of its own: what it holds is counted.
#[path = "gateway/orders.rs"]
mod orders;
#[path = "gateway/raw.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod raw;
#[path = "gateway/world.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod world;

use std::{
    collections::BTreeMap,
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use ibkr_auth_async::{KeepConnected, LoginBudget, OnCompeting};
use ibkr_auth_tests::{chance::Chance, lab::Lab, usage::Usage};
use ibkr_sim::{Calendar, Extension, Handle, Sim};
use tokio::time::timeout;
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    orders::{Told, is_true, order, setting},
    raw::{Wire, request},
    world::World,
};

const STEP: Duration = Duration::from_secs(144);
const STEP_EVERY: Duration = Duration::from_millis(250);
/// What waits for the session, and then 30 s for an answer, and is asked once more.
const ENDS_WITHIN: Duration = Duration::from_secs(70);
/// A stream says something, or ends.
const SPEAKS_WITHIN: Duration = Duration::from_secs(60);
/// Then its client leaves, and comes again.
const STAYS: Duration = Duration::from_secs(20);
const HEALS_WITHIN: Duration = Duration::from_secs(60);

/// Below this there is no time for requests that hang.
const LONG: Duration = Duration::from_secs(60);
/// What happens to a few calls. No penalty of a quarter of an hour, and nothing by which a clock is found
/// wrong: it is, by hours.
const ACTIONS: [&str; 13] = [
    r#"{"hang":true}"#,
    r#"{"status":500}"#,
    r#"{"status":503}"#,
    r#"{"status":504}"#,
    r#"{"status":401}"#,
    r#"{"html":true}"#,
    r#"{"garbage":true}"#,
    r#"{"truncate":5}"#,
    r#"{"reset":true}"#,
    r#"{"reset":true,"processed":true}"#,
    r#"{"close":true}"#,
    r#"{"delay_ms":1500}"#,
    r#"{"drip_ms":10}"#,
];
const ENDPOINTS: [&str; 9] = [
    "ssodh/init",
    "auth/status",
    "tickle",
    "iserver/accounts",
    "place-order",
    "positions",
    "orders",
    "snapshot",
    "ws",
];
/// What pollers ask for, oftener than IBKR takes it.
const POLLED: [(&str, &str); 6] = [
    ("GET", "/v1/api/portfolio/DU1234567/positions/0"),
    ("GET", "/v1/api/iserver/accounts"),
    ("GET", "/v1/api/iserver/account/orders"),
    ("GET", "/v1/api/iserver/marketdata/snapshot?conids=265598&fields=31"),
    ("POST", "/v1/api/tickle"),
    ("GET", "/v1/api/iserver/auth/status"),
];

#[test]
fn a_day_passes_and_nothing_grows() {
    let (seconds, seed) = (setting("GATEWAY_SOAK_SECONDS", 4), setting("GATEWAY_SOAK_SEED", 1));
    let hours = seconds as f64 * STEP.as_secs_f64() / STEP_EVERY.as_secs_f64() / 3600.0;
    println!(
        "{seconds} s of true time, {hours:.1} h of the simulator's, for streams of one's own and for shared ones, seed {seed}"
    );
    for is_shared in [false, true] {
        Soak::new(is_shared).run(Duration::from_secs(seconds), seed);
    }
}

struct Soak {
    world: World,
    stop: AtomicBool,
    answers: Mutex<BTreeMap<u16, u64>>,
    frames: AtomicU64,
    streams: AtomicU64,
}

impl Soak {
    fn new(is_shared: bool) -> Self {
        let lab = Lab::with(|config| {
            config.sim.calendar = Calendar::ibkr();
            let rules = &mut config.sim.rules;
            rules.clock_tolerance = Duration::from_secs(72 * 3600);
            rules.access_token_life = Duration::from_secs(72 * 3600);
            rules.bearer_extended_by = Extension::AnyRequest;
            rules.ws_heartbeat = Some(Duration::from_secs(60));
            rules.ws_tick_every = Duration::from_secs(60);
            rules.ws_stream_life = Duration::from_secs(72 * 3600);
        });
        let policy = KeepConnected::default().with_competing(OnCompeting::Take);
        let world = World::planned(|plan| {
            (plan.lab, plan.policy) = (lab, policy);
            plan.settings.share_stream = is_shared;
        })
        .ready();
        Self {
            world,
            stop: AtomicBool::new(false),
            answers: Mutex::default(),
            frames: AtomicU64::new(0),
            streams: AtomicU64::new(0),
        }
    }

    fn run(self, time: Duration, seed: u64) {
        let sim = self.world.lab.server.handle().clone();
        let actions = if time < LONG { &ACTIONS[1..] } else { &ACTIONS };
        let samples = thread::scope(|scope| {
            let polling = (0..3).map(|_| scope.spawn(|| self.poll())).collect::<Vec<_>>();
            let ordering = scope.spawn(|| self.order());
            let leaving = scope.spawn(|| self.leave());
            let streaming = (0..3).map(|_| scope.spawn(|| self.listen())).collect::<Vec<_>>();
            let trouble = scope.spawn(|| self.trouble(&sim, seed, actions));
            let (begin, mut samples) = (Instant::now(), Vec::new());
            while begin.elapsed() < time {
                thread::sleep(STEP_EVERY);
                sim.advance(STEP);
                let tasks = self.world.runtime.metrics().num_alive_tasks() as u64;
                samples.push((Usage::now(), tasks));
            }
            self.stop.store(true, Ordering::Relaxed);
            println!("{} faults", trouble.join().unwrap());
            println!("{} orders", ordering.join().unwrap());
            for client in polling.into_iter().chain(streaming).chain([leaving]) {
                client.join().unwrap();
            }
            samples
        });
        let counters = sim.counters();
        println!(
            "answers {:?}; {} streams, {} frames; {} requests at IBKR, {} bearer tokens, {} brokerage sessions; refused {:?}",
            self.answers.lock().unwrap(),
            self.streams.load(Ordering::Relaxed),
            self.frames.load(Ordering::Relaxed),
            counters.total(),
            counters.bearers,
            counters.inits,
            counters.refusals,
        );
        assert!(counters.paced.is_empty(), "faster than IBKR allows: {:?}", counters.paced);
        assert!(counters.bearers <= LoginBudget::default().per_day as u64, "{} logins", counters.bearers);
        growth(&samples);
        self.is_healed();
    }

    fn is_healed(&self) {
        let handle = self.world.gateway.as_ref().unwrap().session("default").unwrap();
        self.world.runtime.block_on(handle.ready(HEALS_WITHIN)).unwrap();
        let begin = Instant::now();
        while self.ask(&mut None, POLLED[0].0, POLLED[0].1) != Some(200) {
            assert!(begin.elapsed() < HEALS_WITHIN, "it is not healed");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// On one connection as long as it lasts.
    fn poll(&self) {
        let mut wire = None;
        while !self.stop.load(Ordering::Relaxed) {
            for (method, path) in POLLED {
                self.ask(&mut wire, method, path);
                thread::sleep(Duration::from_millis(60));
            }
        }
    }

    fn ask(&self, wire: &mut Option<Wire>, method: &str, path: &str) -> Option<u16> {
        let begin = Instant::now();
        let open = wire.get_or_insert_with(|| Wire::open(self.world.address));
        open.write(request(method, path, &["Content-Length: 0"], ""));
        let answer = open.read();
        assert!(begin.elapsed() < ENDS_WITHIN, "{path} took {:?}", begin.elapsed());
        let status = answer.map(|answer| answer.status);
        if status.is_none() {
            *wire = None;
        }
        *self.answers.lock().unwrap().entry(status.unwrap_or(0)).or_default() += 1;
        status
    }

    fn order(&self) -> usize {
        let mut count = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let coid = format!("soak-{count}");
            let begin = Instant::now();
            let told = order(self.world.address, &coid);
            assert!(begin.elapsed() < ENDS_WITHIN, "{coid} took {:?}", begin.elapsed());
            // The simulator may still be about to execute what was given up.
            if matches!(told, Told::Executed | Told::NotExecuted) {
                let orders = self.world.lab.server.handle().orders();
                let placed = orders.iter().find(|order| order.coid.as_deref() == Some(&coid));
                assert!(is_true(told, placed.map_or(0, |order| order.times)), "{coid}: {told:?}");
            }
            count += 1;
            thread::sleep(Duration::from_millis(400));
        }
        assert!(self.world.lab.server.handle().orders().iter().all(|order| order.times == 1));
        count
    }

    /// Clients that do not wait: for the head of their own request, its body, or the answer.
    fn leave(&self) {
        let whole = request("GET", POLLED[0].1, &[], "");
        let half = request("POST", "/v1/api/iserver/account/DU1234567/orders", &["Content-Length: 99"], "{");
        while !self.stop.load(Ordering::Relaxed) {
            for bytes in [&whole[..9], &half, &whole] {
                let mut stream = TcpStream::connect(self.world.address).unwrap();
                let _ = stream.write_all(bytes.as_bytes());
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn listen(&self) {
        self.world.runtime.block_on(async {
            while !self.stop.load(Ordering::Relaxed) {
                // One that is refused, or ended, comes again.
                let _ = self.stream(self.world.address).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    }

    async fn stream(&self, address: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        let request = "ws://localhost:5000/v1/api/ws".into_client_request()?;
        let (mut socket, _) =
            timeout(ENDS_WITHIN, client_async(request, stream)).await.expect("an answer to the upgrade")?;
        self.streams.fetch_add(1, Ordering::Relaxed);
        socket.send(Message::text(r#"smd+265598+{"fields":["31"]}"#)).await?;
        let (begin, mut last) = (Instant::now(), Instant::now());
        while !self.stop.load(Ordering::Relaxed) && begin.elapsed() < STAYS {
            match timeout(STEP_EVERY, socket.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(message)) => drop(message?),
                Err(_) => {
                    assert!(last.elapsed() < SPEAKS_WITHIN, "the stream neither speaks nor ends");
                    continue;
                }
            }
            self.frames.fetch_add(1, Ordering::Relaxed);
            last = Instant::now();
        }
        socket.close(None).await?;
        Ok(())
    }

    /// Says how much was done.
    fn trouble(&self, sim: &Handle, seed: u64, actions: &[&str]) -> usize {
        let (mut chance, mut faults, mut was_kicked) = (Chance::new(seed), 0, false);
        while !self.stop.load(Ordering::Relaxed) {
            match chance.below(24) {
                // Whoever is ended again and again yields, for longer than this lasts.
                0 if !was_kicked => {
                    was_kicked = true;
                    sim.kick(None);
                    sim.with(Sim::release);
                }
                0 | 1 => sim.drop_sockets(),
                _ => {
                    let (on, action) = (chance.pick(&ENDPOINTS), chance.pick(actions));
                    let rule =
                        format!(r#"{{"on":"{on}","calls":"1..{}","do":{action}}}"#, 1 + chance.below(2));
                    sim.fault(&rule).unwrap();
                }
            }
            faults += 1;
            thread::sleep(chance.time(Duration::from_millis(200), Duration::from_secs(3)));
            if chance.per_mille(200) {
                sim.clear_faults();
            }
        }
        sim.clear_faults();
        faults
    }
}

/// The second half must not use more than the first one did, give or take what a few clients more use.
fn growth(samples: &[(Usage, u64)]) {
    let (first, second) = samples.split_at(samples.len() / 2);
    let most =
        |samples: &[(Usage, u64)], of: fn(&(Usage, u64)) -> u64| samples.iter().map(of).max().unwrap_or(0);
    for (name, of, slack) in [
        ("KiB of memory", (|(usage, _)| usage.memory) as fn(&(Usage, u64)) -> u64, 8 * 1024),
        ("descriptors", |(usage, _)| usage.descriptors, 24),
        ("threads", |(usage, _)| usage.threads, 16),
        ("tasks", |(_, tasks)| *tasks, 24),
    ] {
        let (early, late) = (most(first, of), most(second, of));
        println!("{name}: {early} at most in the first half, {late} in the second");
        assert!(late <= early + slack, "{name} grow: {early}, then {late}");
    }
}
