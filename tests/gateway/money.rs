//! Orders through everything that can go wrong on their way: each is executed at most once, and each client
//! is told the truth about its own.
//!
//! `cargo xtask gateway-money --orders N --seed S` sends more of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_async::{Host, OnCompeting};
use ibkr_auth_tests::{
    chance::Chance,
    lab::{Lab, key_of},
};
use ibkr_gateway::{Gateway, GatewaySettings, KeepConnected, Login, Process};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    cutter::{Cutter, Part, Plan},
    orders::{Told, is_true, order, setting},
};

/// Gateways at once, each before a simulator of its own: IBKR's pace is ten requests a second for each.
const LANES: usize = 14;
const CLIENTS: usize = 4;
/// After so many orders a gateway is stopped and another started in its place.
const RESTART_EVERY: usize = 40;
const WAIT: Duration = Duration::from_millis(700);
const ANSWER_WITHIN: Duration = Duration::from_millis(1_200);
/// A client that was told to come again later does so after this.
const PAUSE: Duration = Duration::from_millis(250);
const MOST_TRIES: usize = 200;
/// For a machine that has other things to do.
const SLACK: Duration = Duration::from_secs(3);

struct Sent {
    told: Told,
    /// The last of its tries.
    took: Duration,
    tries: usize,
}

#[test]
fn an_order_is_executed_once_at_most_and_its_client_told_the_truth() {
    let (orders, seed) = (setting("MONEY_ORDERS", 1_000) as usize, setting("MONEY_SEED", 1));
    println!("{orders} orders, seed {seed}");
    let runtime = runtime();
    let totals = Mutex::new(BTreeMap::<(Told, u64), usize>::new());
    let longest = Mutex::new(Duration::ZERO);
    let cuts = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for number in 0..LANES {
            let (runtime, totals, longest, cuts) = (&runtime, &totals, &longest, &cuts);
            scope.spawn(move || {
                let lane = Lane::new(runtime, seed, number % 2 == 1);
                let share = orders / LANES + usize::from(number < orders % LANES);
                for (coid, Sent { told, took, tries }) in lane.send(number, share) {
                    let times = lane.times(&coid);
                    let seen = lane.cutter.seen(&coid);
                    assert!(is_true(told, times), "{coid} (seed {seed}): {told:?}, executed {times} times");
                    assert!(seen <= 2 * tries, "{coid} (seed {seed}) was sent {seen} times");
                    assert!(took < ANSWER_WITHIN + SLACK, "{coid} (seed {seed}): {told:?} after {took:?}");
                    *totals.lock().unwrap().entry((told, times)).or_default() += 1;
                    let mut longest = longest.lock().unwrap();
                    *longest = took.max(*longest);
                }
                cuts.lock().unwrap().extend(lane.cutter.cuts());
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    for ((told, times), count) in &totals {
        println!("{count:6} told {told:?}, executed {times} times");
    }
    for part in [Part::Request, Part::Answer] {
        let cuts = cuts.lock().unwrap();
        let (at, of): (BTreeSet<usize>, BTreeSet<usize>) =
            cuts.iter().filter(|cut| cut.part == part).map(|cut| (cut.at, cut.of)).unzip();
        println!("{part:?}s of up to {:?} bytes were cut at {} positions", of.last(), at.len());
    }
    println!("the longest took {:?}", longest.into_inner().unwrap());
    let executed = totals.get(&(Told::Executed, 1)).copied().unwrap_or(0);
    assert!(executed * 3 > orders, "orders get through all the same: {executed}");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A simulator, what cuts, and a gateway that comes and goes.
struct Lane<'a> {
    runtime: &'a Runtime,
    seed: u64,
    /// It logs in by OAuth 1.0a; the other lanes by OAuth 2.0.
    oauth1: bool,
    lab: Lab,
    cutter: Cutter,
    behind: SocketAddr,
    address: SocketAddr,
    gateway: Mutex<Option<Gateway>>,
    folder: TempDir,
}

impl<'a> Lane<'a> {
    fn new(runtime: &'a Runtime, seed: u64, oauth1: bool) -> Self {
        let lab = Lab::with(|config| {
            config.plain = true;
            // A gateway does not know what the one before has sent in the last second.
            config.sim.rules.pacing = None;
            // Nor what it has signed in this second.
            config.sim.rules.replay_refused = false;
        });
        let sim = SocketAddr::from(([127, 0, 0, 1], lab.server.ports().https));
        let started = Cutter::start(lab.server.handle().clone(), sim);
        let (cutter, behind) = runtime.block_on(started).unwrap();
        let mut lane = Self {
            runtime,
            seed,
            oauth1,
            lab,
            cutter,
            behind,
            address: "127.0.0.1:0".parse().unwrap(),
            gateway: Mutex::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        let gateway = runtime.block_on(lane.start());
        lane.address = gateway.addresses()[0];
        *lane.gateway.lock().unwrap() = Some(gateway);
        lane
    }

    async fn start(&self) -> Gateway {
        let host = Host::custom(&format!("http://localhost:{}", self.behind.port())).unwrap();
        let config = if self.oauth1 { self.lab.oauth1_config() } else { self.lab.config() };
        let config = config.with_host(host).with_timeout(Duration::from_secs(1)).unwrap();
        let key = key_of(&config);
        let login = Login {
            transport: self.lab.transport(),
            policy: KeepConnected::default().with_competing(OnCompeting::Take),
            gateway: GatewaySettings {
                listen: vec![self.address],
                plain: true,
                wait: WAIT,
                answer_within: ANSWER_WITHIN,
                ..GatewaySettings::default()
            },
            ..Login::new("default", config, key)
        };
        let process = Process { folder: self.folder.path().to_owned(), most_connections: 100 };
        let gateway = Gateway::start(&process, vec![login]).await.unwrap();
        let session = gateway.session("default").unwrap().clone();
        session.ready(Duration::from_secs(30)).await.unwrap();
        gateway
    }

    /// Others go on sending meanwhile, to nobody for a moment.
    fn restart(&self, is_left_open: bool) {
        let mut gateway = self.gateway.lock().unwrap();
        self.runtime.block_on(async {
            let Some(old) = gateway.take() else { return };
            match is_left_open {
                true => old.detach().await,
                // It is told what became of its own session; IBKR may have forgotten it.
                false => drop(old.stop().await),
            }
            *gateway = Some(self.start().await);
        });
    }

    fn send(&self, number: usize, share: usize) -> Vec<(String, Sent)> {
        let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= share {
                            return;
                        }
                        let overall = index * LANES + number;
                        let mut chance = Chance::new(self.seed << 32 | overall as u64);
                        if index % RESTART_EVERY == RESTART_EVERY - 1 {
                            self.restart(chance.per_mille(500));
                        }
                        let coid = format!("order-{overall}");
                        self.cutter.plan(&coid, plan(&mut chance, self.seed as usize, overall));
                        told.lock().unwrap().push((coid.clone(), self.deliver(&coid)));
                    }
                });
            }
        });
        if let Some(gateway) = self.gateway.lock().unwrap().take() {
            drop(self.runtime.block_on(gateway.stop()));
        }
        told.into_inner().unwrap()
    }

    /// As a client does that comes again when it is told to, and only then.
    fn deliver(&self, coid: &str) -> Sent {
        for tries in 1..MOST_TRIES {
            let begin = Instant::now();
            let told = order(self.address, coid);
            if told != Told::Later {
                return Sent { told, took: begin.elapsed(), tries };
            }
            thread::sleep(PAUSE);
        }
        panic!("{coid}: nobody takes it")
    }

    fn times(&self, coid: &str) -> u64 {
        let orders = self.lab.server.handle().orders();
        orders.iter().find(|order| order.coid.as_deref() == Some(coid)).map_or(0, |order| order.times)
    }
}

/// What happens to the order of a number. Of a hundred that follow each other each gets another plan. Cuts go
/// through all positions, 257 bytes further each time: a prime number.
fn plan(chance: &mut Chance, seed: usize, number: usize) -> Plan {
    let (resets, is_processed) = (chance.per_mille(500), chance.per_mille(500));
    let slot = (number * 37 + seed) % 100;
    let bytes = (number / 100 * 18 + slot % 18) * 257 + seed;
    match slot {
        0..30 => Plan::Nothing,
        30..48 => Plan::CutRequest { bytes, resets },
        48..66 => Plan::CutAnswer { bytes, resets },
        66..69 => Plan::Hang { is_processed },
        69..72 => Plan::Late(ANSWER_WITHIN * 2),
        72..75 => Plan::Late(ANSWER_WITHIN / 4),
        75..78 => Plan::Early("HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
        78..82 => instead(401, r#"{"error":"not authenticated","statusCode":401}"#, false),
        82..84 => instead(400, r#"{"error":"Bad Request: no bridge","statusCode":400}"#, false),
        84..86 => instead(410, "gone", false),
        86..88 => instead(400, &format!(r#"{{"error":"{}"}}"#, "x".repeat(6_000)), false),
        88..91 => instead(500, r#"{"error":"simulated"}"#, is_processed),
        91..93 => instead(408, "", is_processed),
        93..95 => instead(499, "", is_processed),
        95..97 => Plan::Instead { answer: "HTTP/1.1 101 Switching\r\n\r\n".to_owned(), is_processed },
        97..99 => Plan::Kick,
        _ => Plan::Restart,
    }
}

fn instead(status: u16, body: &str, is_processed: bool) -> Plan {
    let answer = format!(
        "HTTP/1.1 {status} So\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Plan::Instead { answer, is_processed }
}
