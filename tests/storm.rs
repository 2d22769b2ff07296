//! A storm of absurd answers, lost requests, jumping clocks and rash commands over the bare session, in
//! virtual time.
//!
//! `cargo xtask storm` runs it a million times over. A broken promise comes with its seed, the kinds of
//! trouble that it needs, and the story; `cargo xtask storm --seed <seed> --rounds 1` repeats it exactly.

#[path = "storm/answers.rs"]
mod answers;
#[path = "storm/commands.rs"]
mod commands;
#[path = "storm/ledger.rs"]
mod ledger;
#[path = "storm/oauth1.rs"]
mod oauth1;
#[path = "storm/round.rs"]
mod round;
#[path = "storm/weather.rs"]
mod weather;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use ledger::Broken;

const ROUNDS: u64 = 1_000;
const SEED: u64 = 1;

#[test]
fn every_promise_is_kept_in_any_storm() {
    let setting = |name: &str, otherwise: u64| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
    };
    let (seed, rounds) = (setting("STORM_SEED", SEED), setting("STORM_ROUNDS", ROUNDS));
    let (broken, mut healed) = storm(seed, rounds);
    healed.sort();
    let at =
        |share: usize| healed.get(healed.len().saturating_sub(1) * share / 1000).copied().unwrap_or_default();
    println!(
        "{rounds} rounds from seed {seed}; connected again after {:?} (median), {:?} (99 %), {:?} (longest)",
        at(500),
        at(990),
        at(1000)
    );
    for (promise, (count, seed, broken)) in &broken {
        println!("\n== {promise}: broken {count} times, first by seed {seed}: {}", broken.how);
        println!("needs: {}", needs(*seed, promise).join(", "));
        println!("{}", round::story(*seed, least(*seed, promise)).join("\n"));
    }
    let _ = std::panic::take_hook();
    assert!(broken.is_empty(), "broken: {:?}", broken.keys().collect::<Vec<_>>());
}

thread_local! {
    /// Where the last panic of this thread was.
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

type Findings = BTreeMap<&'static str, (u64, u64, Broken)>;

fn storm(first: u64, rounds: u64) -> (Findings, Vec<Duration>) {
    std::panic::set_hook(Box::new(|panic| PANICKED_AT.set(panic.to_string())));
    let (next, findings, healed) = (AtomicU64::new(0), Mutex::new(Findings::new()), Mutex::new(Vec::new()));
    let work = || {
        let mut took = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= rounds {
                break;
            }
            let seed = first.wrapping_add(index);
            match round(seed, 0) {
                Ok(after) => took.push(after),
                Err(broken) => {
                    let mut findings = findings.lock().unwrap();
                    let entry = findings.entry(broken.promise).or_insert((0, seed, broken.clone()));
                    entry.0 += 1;
                    if seed < entry.1 {
                        (entry.1, entry.2) = (seed, broken);
                    }
                }
            }
        }
        healed.lock().unwrap().extend(took);
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    (findings.into_inner().unwrap(), healed.into_inner().unwrap())
}

fn round(seed: u64, spared: u32) -> Result<Duration, Broken> {
    catch_unwind(AssertUnwindSafe(|| round::run(seed, spared)))
        .unwrap_or_else(|_| Err(Broken { promise: "no panic", how: PANICKED_AT.take() }))
}

/// The most kinds of trouble that can be spared so that the promise is still broken.
fn least(seed: u64, promise: &str) -> u32 {
    weather::KINDS.iter().fold(0, |spared, (kind, _)| {
        let still = round(seed, spared | kind).is_err_and(|broken| broken.promise == promise);
        if still { spared | kind } else { spared }
    })
}

fn needs(seed: u64, promise: &str) -> Vec<&'static str> {
    let spared = least(seed, promise);
    weather::KINDS.iter().filter(|(kind, _)| spared & kind == 0).map(|(_, name)| *name).collect()
}
