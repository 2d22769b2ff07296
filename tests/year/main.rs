//! A simulated year of three strategies, in virtual time: `cargo xtask year`.

mod dice;
mod machine;
mod measure;
mod network;
mod run;
mod strategy;
mod world;

use std::time::Instant;

use crate::{
    measure::{Account, Login},
    strategy::{Blind, Ibauth, Ours},
    world::World,
};

fn main() {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let days = std::env::args().nth(2).and_then(|days| days.parse().ok()).unwrap_or(365);
    let world = World::new(seed, days);
    let show = |name: &str, account: Account, began: Instant| {
        println!(
            "{name}: {:.4} % median {:?} p99 {:?} worst {:?} logins {} {} hour {} requests {} 429 {} replays {} in {:.1} s",
            100.0 * account.availability(),
            account.recovery(0.5),
            account.recovery(0.99),
            account.worst(),
            account.logins(Login::Token),
            account.logins(Login::Bearer),
            account.worst_hour(Login::Bearer),
            account.counters.total(),
            account.too_many(),
            account.replays(),
            began.elapsed().as_secs_f64()
        );
        for (cause, lengths) in account.causes() {
            println!(
                "   {cause}: {} times, {:?}, median {:?} worst {:?}",
                lengths.len(),
                lengths.iter().sum::<std::time::Duration>(),
                lengths[lengths.len() / 2],
                lengths[lengths.len() - 1]
            );
        }
    };
    let began = Instant::now();
    show("ours", run::live(&world, Ours::new(seed)), began);
    let began = Instant::now();
    show("ibauth", run::live(&world, Ibauth::in_a_loop()), began);
    let began = Instant::now();
    show("ibauth supervised", run::live(&world, Ibauth::under_a_supervisor()), began);
    let began = Instant::now();
    show("blind", run::live(&world, Blind::new()), began);
}
