//! Both clients in the automatic mode for long, with faults of chance, looking out for what grows.
//!
//! `cargo xtask soak` gives half an hour of the simulator's time. Its clock runs six times as fast as true
//! time, and no faster: the clients' timers and time limits run in true time, a tickle every 10 s is one a
//! minute for the simulator, and between two answers the clients' idea of its clock is up to 50 s old, which
//! assertions survive only by being corrected.

mod trouble;

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_core::{Event, KeepConnected, LoginBudget, OnCompeting, Phase};
use ibkr_auth_tests::{
    crowd,
    driver::runtime,
    lab::{Lab, key},
    usage::Usage,
};

const SCALE: f64 = 6.0;
/// For the last wait to be over, and a login after it.
const HEAL: Duration = Duration::from_secs(150);
const RESTING: Duration = Duration::from_secs(1);

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

fn policy() -> KeepConnected {
    KeepConnected::default()
        .with_tickle_every(Duration::from_secs(10))
        .expect("often enough")
        .with_competing(OnCompeting::Take)
        .with_logins(LoginBudget { per_hour: 1_000, per_day: 10_000 })
}

/// What the clients were told.
#[derive(Default)]
struct Told {
    recovered: AtomicUsize,
    failed: AtomicUsize,
}

impl Told {
    fn note(&self, event: &Event) {
        match event {
            Event::Recovered { .. } => self.recovered.fetch_add(1, Ordering::Relaxed),
            Event::Failed { .. } => self.failed.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

#[test]
fn nothing_grows_and_everything_heals() {
    let (seconds, seed) = (setting("SOAK_SECONDS", 6), setting("SOAK_SEED", 2));
    println!(
        "{seconds} s of true time, {} min of the simulator's, seed {seed}",
        seconds as f64 * SCALE / 60.0
    );
    let lab = Lab::with(|config| {
        config.sim = crowd::sim(2);
        config.sim.rules.established_after = Duration::from_secs(1);
        config.scale = SCALE;
    });
    let (base, lookup, transport) = (lab.server.base_url(), lab.server.lookup_url(), lab.transport());
    let config = |number| {
        let config = crowd::config(number, &base, &lookup).with_timeout(RESTING).expect("valid");
        config.with_establish_within(5 * RESTING).unwrap()
    };
    let (told, stop, begin) = (std::sync::Arc::new(Told::default()), AtomicBool::new(false), Instant::now());
    let idle = Usage::now();

    let mut blocking = ibkr_auth_blocking::Client::new(config(0), key(), &transport).expect("a client");
    let listener = std::sync::Arc::clone(&told);
    blocking.on_event(move |event| listener.note(event));
    let blocking = blocking.keep_connected(policy());
    let samples = thread::scope(|scope| {
        let asynchronous = scope.spawn(|| {
            runtime().block_on(async {
                let mut client =
                    ibkr_auth_async::Client::new(config(1), key(), &transport).expect("a client");
                let listener = std::sync::Arc::clone(&told);
                client.on_event(move |event| listener.note(event));
                let handle = client.keep_connected(policy());
                while !stop.load(Ordering::Relaxed) {
                    assert_ne!(handle.phase(), Phase::Stopped, "{:?}", handle.snapshot().stopped_by());
                    // As a program does whose own requests fail: the mode keeps its tickles 2 s apart.
                    handle.check();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                handle.ready(HEAL).await.expect("the async client is healed");
                handle.stop().await.expect("logged out");
            });
        });
        let trouble = scope.spawn(|| trouble::make(lab.server.handle(), seed, &stop));
        let mut samples = Vec::new();
        while begin.elapsed() < Duration::from_secs(seconds) {
            thread::sleep(Duration::from_millis(500));
            samples.push(Usage::now());
            blocking.check();
            assert_ne!(blocking.phase(), Phase::Stopped, "{:?}", blocking.snapshot().stopped_by());
        }
        stop.store(true, Ordering::Relaxed);
        println!("{} faults", trouble.join().expect("trouble is made"));
        blocking.ready(HEAL).expect("the blocking client is healed");
        blocking.stop().expect("logged out");
        asynchronous.join().expect("the async client works");
        samples
    });
    drop(blocking);
    thread::sleep(RESTING);
    let counters = lab.server.handle().counters();
    println!(
        "{} failures, {} times recovered; {} requests, {} bearer tokens; refused: {:?}",
        told.failed.load(Ordering::Relaxed),
        told.recovered.load(Ordering::Relaxed),
        counters.total(),
        counters.bearers,
        counters.refusals
    );
    assert_eq!(counters.refused_for("replay"), 0, "an assertion was sent twice");
    assert_eq!(counters.refused_for("pacing"), 0, "faster than IBKR allows");
    growth(idle, &samples, Usage::now());
}

/// The second half must not use more than the first one did, give or take what one request more uses.
fn growth(idle: Usage, samples: &[Usage], after: Usage) {
    let (first, second) = samples.split_at(samples.len() / 2);
    let most = |samples: &[Usage], of: fn(&Usage) -> u64| samples.iter().map(of).max().unwrap_or(0);
    for (name, of, slack) in [
        ("KiB of memory", (|usage| usage.memory) as fn(&Usage) -> u64, 6 * 1024),
        ("descriptors", |usage| usage.descriptors, 12),
        ("threads", |usage| usage.threads, 8),
    ] {
        let (early, late) = (most(first, of), most(second, of));
        println!(
            "{name}: {} before, {early} at most in the first half, {late} in the second, {} after",
            of(&idle),
            of(&after)
        );
        assert!(late <= early + slack, "{name} grow: {early}, then {late}");
    }
    assert!(after.threads <= idle.threads + 2, "threads are left: {after:?}");
}
