//! The automatic mode, rule by rule, in virtual time against the simulator.

mod calendar;
mod competing;
mod crossing;
mod guards;
mod healing;
mod oauth1;
mod roads;
mod saved;
mod stuck;
mod unseen;

use std::time::{Duration, SystemTime};

use ibkr_auth_core::{
    Config, ErrorKind, Event, History, Host, KeepConnected, LoginBudget, OnCompeting, Phase, SavedSession,
    Step, Tier, TransportKind,
};
use ibkr_auth_tests::world::World;
use ibkr_sim::{Calendar, Expires, Extension, HostState, SimConfig, demo};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn kept(mut world: World, policy: KeepConnected) -> World {
    world.session.keep_connected(policy);
    world.run_until_phase(10 * SECOND, Phase::Connected);
    world.run_for(5 * SECOND);
    world
}

fn connected() -> World {
    kept(World::new(), KeepConnected::default())
}

#[track_caller]
fn healed(world: &mut World, within: Duration) -> Duration {
    let took = world.run_until(within, |session| session.phase() == Phase::Connected);
    assert!(world.works(), "IBKR agrees:\n{}", world.story());
    took
}

/// Two programs on one username, by turns on one server.
fn two_of_us(policy: &KeepConnected, time: Duration) -> [World; 2] {
    let mut worlds = [World::new(), World::new().with_seed(8)];
    for world in &mut worlds {
        world.session.keep_connected(policy.clone());
    }
    let [one, two] = &mut worlds;
    // The other client's server is the same one.
    for _ in 0..time.as_secs() {
        one.run_for(SECOND);
        std::mem::swap(&mut one.sim, &mut two.sim);
        two.run_for(SECOND);
        std::mem::swap(&mut one.sim, &mut two.sim);
    }
    worlds
}
