//! A first login that was refused by chance.

use ibkr_sim::Endpoint;

use super::keeper::object;
use crate::common::World;

#[test]
fn a_first_login_that_is_refused_is_tried_once_more() {
    let world = World::behind_proxy();
    world.fault(r#"{"on":"token","calls":1,"do":{"status":400}}"#);
    let mut keeper = world.keep(&["--json"]);
    keeper.line("once more in 10 s");
    keeper.line(r#""phase":"connected""#);
    assert_eq!(keeper.stop().0, Some(0));
    assert_eq!(world.count(Endpoint::Token), 2);
    let told = keeper.seen.iter().map(|line| object(line)).filter(|told| told["event"] == "phase");
    let phases: Vec<_> = told.map(|told| told["phase"].clone()).collect();
    assert_eq!(phases, ["connecting", "connecting", "connected"], "{:#?}", keeper.seen);
}

#[test]
fn a_refusal_that_stays_ends_it_after_the_second_try() {
    let world = World::behind_proxy();
    world.fault(r#"{"on":"token","do":{"status":400}}"#);
    let mut keeper = world.keep(&[]);
    keeper.line("attention: stopped");
    let (code, errors) = keeper.end();
    assert_eq!(code, Some(5), "{errors}");
    assert_eq!(world.count(Endpoint::Token), 2);
}
