//! Other logins of which IBKR does not say that they are there.

use ibkr_sim::CompetingShown;

use super::*;

fn hidden(shown: CompetingShown) -> World {
    World::with(|sim| sim.rules.competing_shown = shown, |config| config)
}

#[test]
fn a_login_that_is_not_shown_is_not_thrown_out() {
    for shown in [CompetingShown::Never, CompetingShown::FailText, CompetingShown::Flag] {
        let mut world = kept(hidden(shown), KeepConnected::default());
        let inits = world.sim.counters().inits;
        world.sim.kick(None);
        world.run_for(2 * HOUR);
        assert_eq!(world.session.phase(), Phase::Yielded, "{shown:?}:\n{}", world.story());
        assert_eq!(world.sim.counters().inits, inits, "{shown:?}: theirs was never ended");
        // Many inits, and logins, are what IBKR was seen to punish.
        assert!(world.count(Step::SsodhInit) < 30, "{shown:?}: {}", world.count(Step::SsodhInit));
        assert!(world.count(Step::GetBearerToken) <= 4, "{shown:?}");
        world.sim.release();
        healed(&mut world, 11 * MINUTE);
    }
}

#[test]
fn a_login_that_is_not_shown_is_taken_from_within_the_budget_alone() {
    for shown in [CompetingShown::Never, CompetingShown::FailText] {
        let mut world = kept(hidden(shown), KeepConnected::default().with_competing(OnCompeting::Take));
        let inits = world.sim.counters().inits;
        for _ in 0..30 {
            world.sim.kick(None);
            world.run_for(2 * MINUTE);
        }
        assert_eq!(world.sim.counters().inits - inits, 3, "{shown:?}: {}", world.story());
        assert_eq!(world.session.phase(), Phase::Yielded);
    }
}

#[test]
fn compete_is_never_sent_unless_it_was_said() {
    // Losses of every kind, with and without another login.
    for shown in [CompetingShown::Never, CompetingShown::FailText, CompetingShown::Flag] {
        let mut world = kept(hidden(shown), KeepConnected::default().with_competing(OnCompeting::Never));
        for round in 0..6 {
            match round % 3 {
                0 => world.sim.kick(None),
                1 => world.sim.restart(),
                _ => world.fault(r#"{"on":"tickle","calls":1,"do":{"status":401,"body":"gone"}}"#),
            }
            world.run_for(10 * MINUTE);
            world.sim.release();
        }
        assert_eq!(world.competed, 0);
    }
}

#[test]
fn a_session_of_ones_own_that_was_left_behind_is_ended() {
    // The address changes: the brokerage session of before still holds the username for minutes.
    let mut world = connected();
    let config = world.session.config().clone();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":401,"body":"gone"}}"#);
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    let took = healed(&mut world, 10 * SECOND);
    assert!(took < 5 * SECOND, "{took:?}");
    assert_eq!(world.competed, 1, "after it was asked for politely: {}", world.story());
    assert!(!config.compete());
}

#[test]
fn what_was_not_ours_a_moment_ago_is_left_alone_though_the_bearer_token_ended_too() {
    let mut world = connected();
    // Nothing is heard for five minutes, in which another login comes and the bearer token ends.
    world.road_block = Some(TransportKind::Connect);
    world.run_for(5 * MINUTE);
    world.sim.kick(None);
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":401,"body":"gone"}}"#);
    world.road_block = None;
    world.run_for(10 * MINUTE);
    assert_eq!((world.session.phase(), world.competed), (Phase::Yielded, 0), "{}", world.story());
}

#[test]
fn a_session_that_opens_with_compete_alone_is_not_polled_for() {
    let demanding = |sim: &mut SimConfig| sim.rules.compete_demanded = true;
    let mut world = World::with(demanding, |config| config);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(HOUR);
    assert_eq!(world.session.phase(), Phase::Yielded, "{}", world.story());
    assert!(world.count(Step::SsodhInit) < 20 && world.count(Step::Status) < 70, "{}", world.story());
    assert!(world.count(Step::GetBearerToken) <= 2);
    world.session.resume();
    healed(&mut world, 10 * SECOND);

    let mut told = World::with(demanding, |config| config.with_compete(true));
    told.session.keep_connected(KeepConnected::default());
    healed(&mut told, 10 * SECOND);
}

#[test]
fn a_look_that_a_user_wishes_for_while_it_is_left_finds_that_it_is_free() {
    let mut world = kept(hidden(CompetingShown::Never), KeepConnected::default());
    world.sim.kick(None);
    world.run_for(HOUR);
    assert_eq!(world.session.phase(), Phase::Yielded);
    world.sim.release();
    world.session.check();
    world.run_for(SECOND);
    assert_eq!(world.session.phase(), Phase::Yielded, "a program's 401s poll nobody");
    world.session.ask_again();
    healed(&mut world, 12 * SECOND);
    assert_eq!(world.competed, 0);
}

#[test]
fn who_waits_for_another_login_to_end_is_not_refused_for_good_at_once() {
    let mut world = World::new();
    world.sim.kick(None);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(HOUR);
    assert_eq!(world.session.phase(), Phase::Yielded);
    world.sim.restart();
    world.sim.kick(None);
    world.fault(r#"{"on":"token","calls":1,"do":{"status":401}}"#);
    world.run_for(10 * MINUTE);
    assert_ne!(world.session.phase(), Phase::Stopped, "{}", world.story());
    world.sim.release();
    healed(&mut world, 11 * MINUTE);
}

#[test]
fn waiting_for_another_login_burns_no_logins_whatever_ends_are_announced() {
    for announced in [None, Some("0"), Some("90000")] {
        let sliding = |sim: &mut SimConfig| {
            sim.rules.bearer_life = 10 * MINUTE;
            sim.rules.bearer_extended_by = Extension::AnyRequest;
        };
        let mut world = kept(World::with(sliding, |c| c), KeepConnected::default());
        if let Some(expires) = announced {
            world.fault(&format!(r#"{{"on":"tickle","do":{{"patch":{{"ssoExpires":{expires}}}}}}}"#));
        }
        world.sim.kick(None);
        world.run_for(6 * HOUR);
        assert_eq!(world.session.phase(), Phase::Yielded);
        let logins = world.count(Step::GetBearerToken);
        assert!(logins <= 2, "{announced:?}: {logins}\n{}", world.story());
    }
}

#[test]
fn who_logs_in_during_a_pause_is_not_taken_for_what_was_left_behind() {
    let mut world = connected();
    // The logout takes effect, but is never answered well.
    world.fault(r#"{"on":"logout","do":{"status":503,"processed":true}}"#);
    world.session.pause();
    world.run_for(20 * SECOND);
    world.sim.kick(None);
    world.session.resume();
    world.run_for(5 * MINUTE);
    assert_eq!((world.session.phase(), world.competed), (Phase::Yielded, 0), "{}", world.story());
}
