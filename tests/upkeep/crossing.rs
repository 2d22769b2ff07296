//! Calls that come while something else is under way.

use super::*;

#[test]
fn a_pause_in_the_middle_of_a_login_leaves_no_session_behind() {
    let mut world = World::new();
    world.fault(r#"{"on":"sso-sessions","calls":1,"do":{"delay_ms":3000}}"#);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(SECOND);
    assert_eq!(world.count(Step::GetBearerToken), 1);
    world.session.pause();
    world.run_for(MINUTE);
    assert_eq!(world.session.phase(), Phase::Paused);
    assert!(world.session.headers().is_none(), "{}", world.story());
    assert_eq!(world.count(Step::Logout), 1);
}

#[test]
fn a_pause_sends_nothing_where_nobody_is_logged_in() {
    let mut world = World::new();
    world.session.keep_connected(KeepConnected::default());
    world.session.pause();
    world.run_for(MINUTE);
    assert_eq!(world.sent, []);
}

#[test]
fn the_logout_of_a_pause_is_tried_again() {
    let mut world = connected();
    world.fault(r#"{"on":"logout","calls":1,"do":{"status":503}}"#);
    world.session.pause();
    world.run_for(10 * SECOND);
    assert_eq!(world.count(Step::Logout), 2);
    assert!(!world.works());
}

#[test]
fn the_late_bearer_token_of_a_login_that_was_given_up_replaces_no_newer_one() {
    let mut world = World::new();
    world.fault(r#"{"on":"sso-sessions","calls":1,"do":{"delay_ms":8000}}"#);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(SECOND);
    world.session.keep_connected(KeepConnected::default());
    world.run_until_phase(5 * SECOND, Phase::Connected);
    let bearer = world.session.bearer().unwrap().expose().to_owned();
    world.run_for(8 * SECOND);
    assert_eq!(world.session.bearer().unwrap().expose(), bearer, "{}", world.story());
    assert!(world.session.is_connected() && world.works());
}

#[test]
fn a_connect_that_is_under_way_becomes_the_first_login() {
    let mut world = World::new();
    let ticket = world.session.connect();
    world.run_for(50 * MILLISECOND);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(10 * SECOND);
    assert_eq!((world.count(Step::GetAccessToken), world.count(Step::GetBearerToken)), (1, 1));
    assert_eq!(world.session.phase(), Phase::Connected);
    ticket.outcome().unwrap().unwrap();
}

#[test]
fn a_connect_that_is_under_way_counts() {
    let mut world = World::new();
    world.fault(r#"{"on":"sso-sessions","do":{"reset":true}}"#);
    let _ticket = world.session.connect();
    world.run_for(50 * MILLISECOND);
    let budget = LoginBudget { per_hour: 2, per_day: 4 };
    world.session.keep_connected(KeepConnected::default().with_logins(budget));
    world.run_for(HOUR - MINUTE);
    assert_eq!(world.count(Step::GetBearerToken), 2, "{}", world.story());
}

#[test]
fn a_wait_that_was_asked_for_outlives_a_pause() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":429}}"#);
    world.run_until_phase(2 * MINUTE, Phase::Waiting { about: SECOND });
    let begin = world.elapsed();
    world.session.pause();
    world.run_for(5 * SECOND);
    world.session.resume();
    world.run_for(14 * MINUTE);
    assert_eq!(world.since(begin), [Step::Logout], "the user's wish alone");
    assert!(matches!(world.session.phase(), Phase::Waiting { .. }));
    healed(&mut world, 2 * MINUTE);
}

#[test]
fn a_wait_that_was_asked_for_outlives_another_beginning() {
    let mut world = World::new();
    world.fault(r#"{"on":"token","calls":1,"do":{"status":429}}"#);
    for _ in 0..5 {
        world.session.keep_connected(KeepConnected::default());
        world.run_for(10 * SECOND);
    }
    assert_eq!(world.count(Step::GetAccessToken), 1);
    healed(&mut world, 16 * MINUTE);
}

#[test]
fn a_renewal_that_was_given_up_replaces_no_session_that_is_in_use() {
    let mut world = connected();
    world.sim.kick(None);
    world.run_until_phase(2 * MINUTE, Phase::Yielded);
    world.fault(r#"{"on":"sso-sessions","calls":1,"do":{"delay_ms":8000}}"#);
    while world.count(Step::GetBearerToken) == 1 {
        world.run_for(SECOND);
    }
    world.sim.release();
    world.session.resume();
    world.run_until_phase(5 * SECOND, Phase::Connected);
    world.run_for(10 * SECOND);
    assert!(world.session.is_connected() && world.works(), "{}", world.story());
}
