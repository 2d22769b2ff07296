//! Other logins of the same username.

use super::*;

#[test]
fn a_competing_login_is_yielded_to_taken_from_or_retaken() {
    let lost = |competing| {
        let mut world = kept(World::new(), KeepConnected::default().with_competing(competing));
        world.sim.kick(None);
        world.run_for(70 * SECOND);
        world
    };
    let mut world = lost(OnCompeting::Yield);
    assert_eq!(world.session.phase(), Phase::Yielded);
    world.run_for(HOUR);
    assert_eq!(world.session.phase(), Phase::Yielded, "however long it takes");
    world.sim.release();
    healed(&mut world, 11 * MINUTE);
    let mut world = lost(OnCompeting::Yield);
    world.run_for(2 * MINUTE);
    world.sim.release();
    healed(&mut world, 2 * MINUTE);

    let mut world = lost(OnCompeting::Take);
    assert!(world.works(), "{}", world.story());

    let mut world = lost(OnCompeting::RetakeAfter(15 * MINUTE));
    assert_eq!(world.session.phase(), Phase::Yielded);
    world.run_for(12 * MINUTE);
    assert_eq!(world.session.phase(), Phase::Yielded);
    healed(&mut world, 4 * MINUTE);

    let mut world = lost(OnCompeting::Yield);
    world.session.resume();
    healed(&mut world, 10 * SECOND);
}

#[test]
fn another_login_is_asked_at_once_by_who_does_not_want_to_wait() {
    let mut world = kept(World::new(), KeepConnected::default());
    world.sim.kick(None);
    world.run_until_phase(70 * SECOND, Phase::Yielded);
    let inits = world.count(Step::SsodhInit);
    for _ in 0..20 {
        world.session.ask_again();
        world.run_for(SECOND);
    }
    assert!((1..=3).contains(&(world.count(Step::SsodhInit) - inits)), "{}", world.story());
    assert_eq!(world.session.phase(), Phase::Yielded, "nothing was taken");
    // The last one has its answer by now.
    world.run_for(SECOND);
    world.sim.release();
    world.session.ask_again();
    healed(&mut world, 40 * SECOND);
}

#[test]
fn a_take_that_fails_is_followed_by_the_whole_wait_again() {
    let policy = KeepConnected::default().with_competing(OnCompeting::RetakeAfter(15 * MINUTE));
    let mut world = kept(World::new(), policy);
    world.sim.kick(None);
    world.run_until_phase(70 * SECOND, Phase::Yielded);
    let inits = world.count(Step::SsodhInit);
    world.run_for(15 * MINUTE - 10 * SECOND);
    assert_eq!(world.count(Step::SsodhInit), inits, "{}", world.story());
    // The other one takes it back before it is established.
    world.fault(r#"{"on":"auth/status","calls":1,"do":{"kick":true}}"#);
    for passed in [MINUTE, 14 * MINUTE] {
        world.run_for(passed);
        assert_eq!((world.session.phase(), world.count(Step::SsodhInit)), (Phase::Yielded, inits + 1));
    }
    healed(&mut world, 3 * MINUTE);
}

#[test]
fn never_compete_never_sends_compete() {
    let mut world = World::with(|_| {}, |config| config.with_compete(false));
    world.sim.kick(None);
    world.session.keep_connected(KeepConnected::default().with_competing(OnCompeting::Never));
    world.run_for(HOUR);
    assert_eq!(world.session.phase(), Phase::Yielded);
    assert_eq!(world.sim.counters().inits, 0);
    world.sim.release();
    healed(&mut world, 11 * MINUTE);
}

#[test]
fn taking_is_limited_so_that_two_of_us_do_not_fight() {
    let mut world = kept(World::new(), KeepConnected::default().with_competing(OnCompeting::Take));
    let before = world.count(Step::SsodhInit);
    for _ in 0..55 {
        world.sim.kick(None);
        world.run_for(MINUTE);
    }
    assert!(world.session.phase() == Phase::Yielded, "{}", world.story());
    assert_eq!(world.sim.counters().inits - 1, 3, "taken three times in the hour");
    assert!(world.count(Step::SsodhInit) - before < 40);
}

#[test]
fn two_of_our_own_on_one_username_do_not_fight() {
    for competing in [OnCompeting::Take, OnCompeting::RetakeAfter(MINUTE), OnCompeting::Yield] {
        let [one, two] = two_of_us(&KeepConnected::default().with_competing(competing), 3 * HOUR);
        let taken = one.sim.counters().inits;
        // Three each an hour at most, the first of each, and who asked politely when both had left it.
        assert!(taken <= 2 + 2 * 3 * 3 + 3, "{competing:?}: taken {taken} times");
        let phases = [one.session.phase(), two.session.phase()];
        assert!(
            phases.contains(&Phase::Connected) && phases.contains(&Phase::Yielded),
            "{competing:?}: {phases:?}"
        );
    }
}

#[test]
fn never_compete_does_not_even_end_a_session_of_its_own() {
    let mut world = kept(World::new(), KeepConnected::default().with_competing(OnCompeting::Never));
    // Another login took the session, but all that is heard of it is that ours is gone.
    world.sim.kick(None);
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":200,"body":{"iserver":{"authStatus":{"authenticated":false}}}}}"#);
    world.run_for(90 * SECOND);
    assert_eq!((world.session.phase(), world.sim.counters().inits), (Phase::Yielded, 1));
}

#[test]
fn resuming_takes_the_session_back_whatever_was_taken_before() {
    let mut world = kept(World::new(), KeepConnected::default().with_competing(OnCompeting::Take));
    for _ in 0..4 {
        world.sim.kick(None);
        world.run_for(MINUTE + SECOND);
    }
    assert_eq!(world.session.phase(), Phase::Yielded, "{}", world.story());
    world.session.resume();
    healed(&mut world, 5 * SECOND);
}

#[test]
fn a_retake_waits_each_time() {
    let policy = KeepConnected::default().with_competing(OnCompeting::RetakeAfter(2 * HOUR));
    let mut world = kept(World::new(), policy);
    for _ in 0..3 {
        world.sim.kick(None);
        world.run_for(70 * SECOND);
        assert_eq!(world.session.phase(), Phase::Yielded, "{}", world.story());
        world.run_for(2 * HOUR - 5 * MINUTE);
        assert_eq!(world.session.phase(), Phase::Yielded, "{}", world.story());
        healed(&mut world, 6 * MINUTE);
        world.run_for(HOUR);
    }
}

#[test]
fn a_session_that_is_left_to_another_is_renewed_all_the_same() {
    for competing in [OnCompeting::Yield, OnCompeting::RetakeAfter(7 * HOUR)] {
        let mut world = kept(World::new(), KeepConnected::default().with_competing(competing));
        world.sim.kick(None);
        world.run_for(6 * HOUR);
        assert_eq!(world.session.phase(), Phase::Yielded);
        // It is found to have ended, and made anew.
        assert!(
            world.sim.counters().refusals.values().sum::<u64>() <= 6,
            "{:?}",
            world.sim.counters().refusals
        );
        assert!(world.count(Step::GetBearerToken) <= 7, "{competing:?}");
        assert_eq!(
            world.count(Step::ValidateSso),
            1,
            "the other login may need it: one a minute is all there is"
        );
    }
}

#[test]
fn who_was_there_first_is_taken_from_by_policy_or_by_the_user() {
    let second = |competing| {
        let mut world = World::with(|_| {}, |config| config.with_compete(false));
        world.sim.kick(None);
        world.session.keep_connected(KeepConnected::default().with_competing(competing));
        world.run_for(MINUTE);
        world
    };
    let mut world = second(OnCompeting::Yield);
    assert_eq!(world.session.phase(), Phase::Yielded);
    world.session.resume();
    healed(&mut world, 10 * SECOND);

    let mut world = second(OnCompeting::Take);
    assert!(world.works(), "{}", world.story());
    assert_eq!(world.sim.counters().inits, 1);
}
