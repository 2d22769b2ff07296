//! A login that is refused by chance, because it sent the same bytes as the one before.

use ibkr_sim::Endpoint;

use crate::common::{World, at_once};

at_once! {
    refusals_by_chance:
    a_refusal_right_after_a_login_is_looked_at_twice,
    a_refusal_that_stays_is_said_after_the_second_try,
    the_first_refusal_of_all_is_no_chance,
}

const REFUSED: &str = r#"{"on":"token","calls":1,"do":{"status":400}}"#;

fn a_refusal_right_after_a_login_is_looked_at_twice() {
    let world = World::new();
    world.succeed(["login"]);
    world.succeed(["logout"]);
    world.fault(REFUSED);
    let ran = world.succeed(["header"]);
    assert_eq!(ran.err, "");
    assert_eq!(world.count(Endpoint::Token), 3);
}

fn a_refusal_that_stays_is_said_after_the_second_try() {
    let world = World::new();
    world.succeed(["login"]);
    world.succeed(["logout"]);
    world.fault(r#"{"on":"token","do":{"status":400}}"#);
    world.run(["header"]).fails(5, &["get_access_token"]);
    world.run(["header"]).fails(5, &["not tried again"]);
    assert_eq!(world.count(Endpoint::Token), 3);
}

fn the_first_refusal_of_all_is_no_chance() {
    let world = World::new();
    world.fault(REFUSED);
    world.run(["header"]).fails(5, &["get_access_token"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}
