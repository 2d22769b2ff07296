//! What other invocations have of a keeper.

use std::fs;

use ibkr_sim::Endpoint;

use crate::common::World;

#[test]
fn other_invocations_use_its_session_and_so_does_whoever_comes_after() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&[]);
    let first = world.run(["header"]);
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""), "it waits for the first login");
    assert_eq!(world.simulator.handle().counters().bearers, 1);

    keeper.line(" connected");
    let before = world.requests();
    assert_eq!(world.run(["header", "--no-login"]).out, first.out);
    world.run(["keep"]).fails(1, &[&format!("(process {})", keeper.pid())]);

    assert_eq!(keeper.stop().0, Some(0));
    assert_eq!(world.succeed(["header", "--no-login"]).out, first.out);
    let tickles = world.count(Endpoint::Tickle);
    assert!(world.requests() <= before + 1 && tickles <= 1, "the first tickle at most was still on its way");
    assert_eq!(world.count(Endpoint::Logout), 0);

    let mut keeper = world.keep(&[]);
    keeper.line(" connected");
    assert_eq!(keeper.stop().0, Some(0));
    assert_eq!(world.simulator.handle().counters().bearers, 1, "a kept session needs no login");
}

#[test]
fn the_store_follows_when_a_session_is_healed() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&["--tickle-every", "10s"]);
    keeper.line(" connected");
    let before = world.succeed(["header"]).out;
    world.simulator.handle().restart();
    keeper.line("good again after");
    keeper.line(" connected");
    let requests = world.requests();
    assert_ne!(world.succeed(["header"]).out, before);
    assert!(world.requests() <= requests + 1, "the keeper's first tickle at most");
    keeper.stop();
}

#[test]
fn a_store_that_is_broken_is_a_warning_until_it_is_whole_again() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&["--tickle-every", "10s"]);
    keeper.line(" connected");
    // The keeper may make it anew in between.
    for gone in 0.. {
        fs::rename(world.path("state"), world.path(format!("gone-{gone}"))).unwrap();
        if fs::write(world.path("state"), "").is_ok() {
            break;
        }
    }
    keeper.line("; the session itself goes on");
    fs::remove_file(world.path("state")).unwrap();
    keeper.line("the session is kept in the store again");
    assert_eq!(keeper.stop().0, Some(0));
    let warned = keeper.seen.iter().filter(|line| line.contains("; the session itself goes on")).count();
    assert_eq!(warned, 1, "{:?}", keeper.seen);
    assert_eq!(world.run(["header", "--no-login"]).code, Some(0));
}

#[test]
fn a_damaged_store_costs_a_login_and_is_said() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&[]);
    keeper.line(" connected");
    keeper.stop();
    fs::write(world.record(), "half a rec").unwrap();
    let mut keeper = world.keep(&[]);
    keeper.line("get_bearer_token: done");
    let (code, errors) = keeper.stop();
    assert_eq!(code, Some(0));
    assert!(errors.contains("ignored"), "{errors}");
    assert_eq!(world.simulator.handle().counters().bearers, 2);
}
