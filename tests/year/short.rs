//! Two weeks of the simulated year, as a test: the goals are met, and the same seed gives the same days.

mod dice;
mod goals;
mod line;
mod machine;
#[expect(dead_code, reason = "the whole year shows more of an account than is asserted here")]
mod measure;
mod network;
mod refusals;
mod run;
#[expect(dead_code, unused_imports, reason = "the other strategies are compared in the whole year alone")]
mod strategy;
mod world;

use crate::{
    measure::Account,
    strategy::Ours,
    world::{Change, World},
};

fn live(seed: u64, days: u32) -> Account {
    run::live(&World::new(seed, days), Ours::new(seed))
}

fn live_by_oauth1(seed: u64, days: u32) -> Account {
    run::live(&World::new(seed, days), Ours::by_oauth1(seed))
}

fn two_weeks_meet_the_goals(seed: u64) {
    meets_the_goals(&live(seed, 14));
}

fn meets_the_goals(account: &Account) {
    assert_eq!(goals::missed(account), Vec::<String>::new(), "{:#?}", account.longest());
    assert!(account.counters.total() > 15_000, "the client went on to the end");
}

#[test]
fn two_weeks_meet_the_goals_with_seed_1() {
    two_weeks_meet_the_goals(1);
}

#[test]
fn two_weeks_meet_the_goals_with_seed_2() {
    two_weeks_meet_the_goals(2);
}

#[test]
fn two_weeks_meet_the_goals_with_seed_3() {
    two_weeks_meet_the_goals(3);
}

#[test]
fn two_weeks_by_oauth1_meet_the_goals_with_seed_1() {
    meets_the_goals(&live_by_oauth1(1, 14));
}

#[test]
fn two_weeks_by_oauth1_meet_the_goals_with_seed_2() {
    meets_the_goals(&live_by_oauth1(2, 14));
}

#[test]
fn the_same_seed_gives_the_same_days_by_oauth1() {
    assert!(live_by_oauth1(7, 3) == live_by_oauth1(7, 3));
}

#[test]
fn the_same_seed_gives_the_same_days() {
    let first = live(7, 3);
    assert!(first == live(7, 3));
    assert!(first != live(8, 3));
}

#[test]
fn a_year_has_every_kind_of_trouble() {
    let world = World::new(1, 365);
    let has = |wanted: fn(&Change) -> bool| world.changes.iter().filter(|(_, change)| wanted(change)).count();
    assert!((1000..2000).contains(&has(|change| matches!(change, Change::RoadDown { .. }))));
    assert_eq!(has(|change| *change == Change::Midnight), 364);
    for count in [
        has(|change| matches!(change, Change::Address(_))),
        has(|change| matches!(change, Change::RivalComes(_))),
        has(|change| matches!(change, Change::Stuck(_))),
        has(|change| *change == Change::Liar),
        has(|change| matches!(change, Change::SaysShort(_))),
        has(|change| matches!(change, Change::LivesShort(_))),
        has(|change| matches!(change, Change::Refused { .. })),
        has(|change| *change == Change::Restart),
        has(|change| *change == Change::Outage),
        has(|change| matches!(change, Change::HostsDie(..))),
        has(|change| matches!(change, Change::Sleep { .. })),
        has(|change| matches!(change, Change::ClockStep(_))),
        has(|change| *change == Change::ClockDrifts),
        has(|change| *change == Change::Slow(true)),
    ] {
        assert!((1..200).contains(&count), "{count}");
    }
    assert!(world.changes.is_sorted_by_key(|(at, _)| *at));
}
