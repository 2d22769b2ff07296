//! Logins that follow each other at once: a server may refuse the bytes of one before as a replay.

use ibkr_sim::Endpoint;

use crate::common::World;

#[test]
fn no_two_logins_of_one_record_are_signed_alike() {
    let world = World::new();
    world.configure("tier: read-only\n");
    let seed = || world.read_record()["history"]["seed"].as_u64().unwrap();
    let mut seeds = Vec::new();
    for _ in 0..4 {
        world.succeed(["login", "--fresh"]);
        seeds.push(seed());
    }
    assert!(seeds.windows(2).all(|two| two[0].wrapping_add(101) == two[1]), "{seeds:?}");
    // Whoever is killed half-way has signed all the same.
    world.fault(r#"{"on":"token","calls":1,"do":{"hang":true}}"#);
    let mut child = world.command(["login", "--fresh"]).spawn().unwrap();
    world.await_request(Endpoint::Token, 5);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(seed(), seeds[3].wrapping_add(101));
}

#[test]
fn a_refusal_right_after_a_login_is_said_at_once() {
    let world = World::new();
    world.succeed(["login"]);
    world.succeed(["logout"]);
    world.fault(r#"{"on":"token","calls":1,"do":{"status":400}}"#);
    world.run(["header"]).fails(5, &["get_access_token"]);
    assert_eq!(world.count(Endpoint::Token), 2);
}
