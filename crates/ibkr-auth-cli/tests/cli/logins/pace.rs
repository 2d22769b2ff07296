//! IBKR punishes who asks too often: what one invocation has asked, the next one knows.

use ibkr_sim::Endpoint;

use crate::common::World;

fn refusals(world: &World) -> String {
    format!("{:?}", world.simulator.handle().counters().refusals)
}

#[test]
fn a_second_login_within_a_minute_does_without_sso_validate() {
    let world = World::new();
    world.succeed(["login"]);
    world.succeed(["logout"]);
    world.succeed(["login"]);
    let shown = world.succeed(["login", "--fresh"]).out;
    assert_eq!((world.count(Endpoint::Validate), refusals(&world).as_str()), (1, "{}"));
    assert!(shown.contains("paper account"), "it is known from before: {shown}");
}

#[test]
fn the_quick_start_pasted_at_once_breaks_no_limit() {
    let world = World::new();
    for command in [&["doctor"][..], &["login"], &["get", "/portfolio/accounts"], &["doctor"]] {
        world.succeed(command);
    }
    assert!(!refusals(&world).contains("pacing"), "{}", refusals(&world));
}

#[test]
fn a_session_without_brokerage_is_not_good_because_nobody_answers() {
    let world = World::new();
    world.configure("tier: read-only\nretry_attempts: 1\n");
    world.succeed(["login"]);
    world.fault(r#"{"on":"tickle","do":{"status":429,"retry_after":300}}"#);
    world.run(["header", "--max-age", "0s"]).fails(8, &["429"]);
    let sent = world.sent();
    world.run(["header", "--max-age", "0s"]).fails(8, &["asked for a pause"]);
    assert_eq!(world.sent(), sent);
}

#[test]
fn healing_counts_every_login_that_it_makes() {
    let world = World::new();
    world.succeed(["login"]);
    world.fault(r#"{"on":"tickle","do":{"status":401}}"#);
    world.fault(r#"{"on":"ssodh/init","do":{"status":401}}"#);
    for _ in 0..6 {
        world.run(["header", "--max-age", "0s", "--within", "4s"]);
    }
    // 12 an hour, and the one that began it all is among them; a new access token and its bearer are one.
    assert!(world.count(Endpoint::SsoSessions) <= 12, "{}", world.count(Endpoint::SsoSessions));
}
