//! Steps that never work, and sessions that live short.

use super::*;

#[test]
fn an_init_that_never_works_leads_to_a_new_bearer() {
    let mut world = kept(World::with(|sim| sim.rules.init_once = true, |c| c), KeepConnected::default());
    // The brokerage session idles out; init answers 503 until there is a new SSO session.
    world.pass(6 * MINUTE);
    world.run_for(10 * SECOND);
    let took = healed(&mut world, 5 * MINUTE);
    assert!(took < 3 * MINUTE, "{took:?}");
    assert_eq!(world.count(Step::GetBearerToken), 2, "{}", world.story());
}

#[test]
fn an_init_that_fails_for_good_costs_no_login_after_the_other() {
    let mut world = connected();
    world.fault(r#"{"on":"ssodh/init","do":{"status":503}}"#);
    world.pass(6 * MINUTE);
    world.run_for(6 * HOUR);
    assert!((3..=24).contains(&world.count(Step::GetBearerToken)), "{}", world.count(Step::GetBearerToken));
    world.sim.clear_faults();
    healed(&mut world, 2 * MINUTE);
}

#[test]
fn a_tickle_that_never_works_is_not_the_only_thing_that_is_asked() {
    for failure in
        [r#"{"status":500}"#, r#"{"status":200,"body":"nonsense"}"#, r#"{"hang":true}"#, r#"{"reset":true}"#]
    {
        let mut world = connected();
        world.fault(&format!(r#"{{"on":"tickle","do":{failure}}}"#));
        world.run_for(20 * MINUTE);
        assert!(world.works() && world.session.is_connected(), "{failure}: {}", world.story());
        assert_eq!(world.count(Step::GetBearerToken), 1, "{failure}: nothing was wrong with it");
        // The session ends, and no tickle says so.
        world.sim.restart();
        healed_by_the_server(&mut world, 3 * MINUTE);
    }
}

/// Good again by IBKR's word, whatever phase the failing tickles make of it.
#[track_caller]
fn healed_by_the_server(world: &mut World, within: Duration) {
    let end = world.elapsed() + within;
    while !world.works() {
        assert!(world.elapsed() < end, "{}", world.story());
        world.run_for(SECOND);
    }
}

#[test]
fn an_end_that_is_announced_and_does_not_come_costs_no_login() {
    for expires in ["0", "1", "90000", "null", "-5", "\"soon\"", "99999999999999999"] {
        let mut world = World::new();
        let tickle = format!(
            r#"{{"session":"aa","ssoExpires":{expires},"iserver":{{"authStatus":{{"authenticated":true,"connected":true}}}}}}"#
        );
        world.fault(&format!(r#"{{"on":"tickle","do":{{"status":200,"processed":true,"body":{tickle}}}}}"#));
        let mut world = kept(world, KeepConnected::default());
        world.run_for(2 * HOUR);
        assert_eq!(world.count(Step::GetBearerToken), 1, "{expires}: {}", world.story());
        assert!(world.count(Step::Tickle) <= 2 * 60 * 7, "{expires}: {}", world.count(Step::Tickle));
        assert!(world.works());
    }
}

#[test]
fn a_short_life_is_extended_and_not_renewed() {
    for life in [90, 100, 120, 160, 240] {
        let short = |sim: &mut SimConfig| sim.rules.bearer_life = Duration::from_secs(life);
        let mut world = kept(World::with(short, |c| c), KeepConnected::default());
        world.run_for(HOUR);
        assert!(world.works(), "{life}: {}", world.story());
        assert_eq!(world.count(Step::GetBearerToken), 1, "{life}: {}", world.story());
        assert!(world.sim.counters().refusals.is_empty(), "{life}: {:?}", world.sim.counters().refusals);
    }
}

#[test]
fn a_short_life_that_is_announced_as_over_is_extended_all_the_same() {
    let short = |sim: &mut SimConfig| sim.rules.bearer_life = Duration::from_secs(90);
    let mut world = World::with(short, |c| c);
    world.fault(
        r#"[{"on":"tickle","do":{"patch":{"ssoExpires":0}}},{"on":"sso/validate","do":{"patch":{"EXPIRES":0}}}]"#,
    );
    let mut world = kept(world, KeepConnected::default());
    world.run_for(HOUR);
    assert!(world.works(), "{}", world.story());
    assert_eq!(world.count(Step::GetBearerToken), 1, "{}", world.story());
}

#[test]
fn a_life_that_nothing_extends_is_lived_to_its_end_and_the_loss_is_small() {
    let counting_down = |sim: &mut SimConfig| {
        sim.rules.bearer_life = 10 * MINUTE;
        sim.rules.bearer_extended_by = Extension::Nothing;
    };
    let mut world = kept(World::with(counting_down, |c| c), KeepConnected::default());
    let mut lost = Duration::ZERO;
    for _ in 0..40 * 60 {
        world.run_for(SECOND);
        if !world.works() {
            lost += SECOND;
        }
    }
    assert_eq!(world.count(Step::GetBearerToken), 5, "{}", world.story());
    assert!(lost <= 10 * SECOND, "{lost:?}");
}

#[test]
fn a_region_that_validate_tells_is_believed() {
    let hong_kong = |sim: &mut SimConfig| {
        sim.calendar = ibkr_sim::Calendar::ibkr();
        sim.calendar.region = ibkr_sim::Region::HongKong;
    };
    let mut world = World::with(hong_kong, |c| c);
    // 01:00 in Hong Kong is noon in New York.
    world.pass(12 * HOUR);
    let mut world = kept(world, KeepConnected::default());
    world.run_for(12 * HOUR - MINUTE);
    let before = world.count(Step::SsodhInit);
    let closed = world.run_until(10 * MINUTE, |session| matches!(session.phase(), Phase::Maintenance { .. }));
    assert!(closed < 10 * MINUTE);
    healed(&mut world, 2 * HOUR);
    assert!(world.count(Step::SsodhInit) - before < 40, "{}", world.count(Step::SsodhInit) - before);
}

#[test]
fn a_login_step_that_never_works_leads_to_the_whole_login() {
    for failure in [r#"{"hang":true}"#, r#"{"reset":true}"#, r#"{"status":503}"#] {
        let mut world = connected();
        for step in ["tickle", "auth/status"] {
            world.fault(&format!(r#"{{"on":"{step}","do":{{"status":401,"body":"gone"}}}}"#));
        }
        world.fault(&format!(r#"{{"on":"sso-sessions","do":{failure}}}"#));
        world.run_for(3 * HOUR);
        assert!(world.count(Step::GetAccessToken) >= 2, "{failure}: {}", world.story());
        world.sim.clear_faults();
        healed(&mut world, 10 * MINUTE);
    }
}

#[test]
fn bearer_tokens_that_are_refused_one_after_the_other_lead_to_the_whole_login() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":"1..4","do":{"status":401,"body":"gone"}}"#);
    world.run_for(5 * MINUTE);
    assert!(world.count(Step::GetAccessToken) >= 2, "{}", world.story());
}

#[test]
fn a_session_that_works_is_not_replaced_over_and_over_because_looks_fail() {
    let mut world = connected();
    world.fault(r#"[{"on":"tickle","do":{"status":503}},{"on":"auth/status","do":{"status":503}}]"#);
    world.run_for(24 * HOUR);
    let logins = world.count(Step::GetBearerToken);
    assert!((2..=20).contains(&logins), "{logins} {}", world.story());
}

#[test]
fn a_session_that_opens_and_is_not_there_leads_to_a_new_bearer() {
    let mut world = connected();
    world.fault(
        r#"{"on":"tickle","do":{"patch":{"iserver":{"authStatus":{"authenticated":false,"established":false}}}}}"#,
    );
    world.run_for(15 * MINUTE);
    assert!(world.count(Step::GetBearerToken) >= 2, "{}", world.story());
    world.run_for(6 * HOUR);
    assert!(world.count(Step::SsodhInit) < 6 * 70 && world.count(Step::GetBearerToken) <= 70);
    world.sim.clear_faults();
    healed(&mut world, 50 * MINUTE);
}
