//! What breaks, and the cheapest step that heals it.

use super::*;

#[test]
fn an_hour_is_a_login_and_sixty_tickles() {
    let mut world = connected();
    world.run_for(HOUR);
    assert!((59..=62).contains(&world.count(Step::Tickle)), "{}", world.count(Step::Tickle));
    assert_eq!((world.count(Step::GetAccessToken), world.count(Step::GetBearerToken)), (1, 1));
    assert!(world.sim.counters().refusals.is_empty(), "{:?}", world.sim.counters().refusals);
}

#[test]
fn a_lost_brokerage_session_needs_init_alone() {
    let mut world = connected();
    // Idle for longer than the brokerage session lives: the process was stopped.
    world.pass(6 * MINUTE);
    let from = world.elapsed();
    world.run_until(2 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 10 * SECOND);
    let steps = world.since(from);
    assert!(steps.contains(&Step::SsodhInit) && !steps.contains(&Step::GetBearerToken), "{steps:?}");
}

#[test]
fn a_401_needs_a_new_bearer_and_no_more() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":401,"body":"Access token expired"}}"#);
    let from = world.elapsed();
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 5 * SECOND);
    let steps = world.since(from);
    assert!(steps.contains(&Step::GetBearerToken) && !steps.contains(&Step::GetAccessToken), "{steps:?}");
}

#[test]
fn a_server_that_forgot_everything_is_told_everything() {
    let mut world = connected();
    world.sim.restart();
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 10 * SECOND);
}

#[test]
fn a_changed_address_leads_to_a_new_bearer() {
    let mut world = connected();
    world.sim.set_ip("198.51.100.9".parse().unwrap());
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 10 * SECOND);
    assert_eq!(world.session.public_ip().unwrap().to_string(), "198.51.100.9");
}

#[test]
fn one_lost_answer_is_no_lost_session() {
    for fault in [
        r#"{"on":"tickle","calls":"2..3","do":{"hang":true}}"#,
        r#"{"on":"tickle","calls":"2..3","do":{"reset":true}}"#,
        r#"{"on":"tickle","calls":"2..3","do":{"status":503}}"#,
        r#"{"on":"tickle","calls":"2..3","do":{"status":500}}"#,
        r#"{"on":"tickle","calls":"2..3","do":{"html":true}}"#,
        r#"{"on":"tickle","calls":"2..3","do":{"truncate":7}}"#,
        r#"{"on":"tickle","calls":"2..3","do":{"garbage":true}}"#,
        r#"{"on":"tickle","calls":"2..3","do":{"status":200,"body":{"error":"failed to process request"}}}"#,
    ] {
        let mut world = connected();
        world.fault(fault);
        world.run_for(5 * MINUTE);
        assert_eq!((world.count(Step::GetBearerToken), world.count(Step::SsodhInit)), (1, 1), "{fault}");
        assert_eq!(world.session.phase(), Phase::Connected);
    }
}

#[test]
fn a_410_leads_to_another_host() {
    let hosts = [Host::numbered(1).unwrap(), Host::numbered(2).unwrap()];
    let mut world = kept(World::new(), KeepConnected::default().with_hosts(hosts));
    world.sim.set_host("api.ibkr.com", Some(HostState::Gone));
    world.run_for(70 * SECOND);
    assert!(world.works(), "{}", world.story());
    assert_eq!(world.session.config().host().to_string(), "1.api.ibkr.com");
    assert_eq!(world.count(Step::GetBearerToken), 1, "the session itself was never lost");
}

#[test]
fn a_410_where_there_is_no_other_host_leads_to_a_new_bearer() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":410,"body":"gone"}}"#);
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 5 * SECOND);
    assert_eq!(world.count(Step::GetBearerToken), 2);
}

#[test]
fn dead_neighbours_are_passed_by_quickly() {
    let hosts = (1..=8).map(|number| Host::numbered(number).unwrap());
    let mut world = kept(World::new(), KeepConnected::default().with_hosts(hosts));
    for (host, state) in [
        ("api.ibkr.com", HostState::Unavailable),
        ("1.api.ibkr.com", HostState::Gone),
        ("2.api.ibkr.com", HostState::Unavailable),
        ("3.api.ibkr.com", HostState::Gone),
    ] {
        world.sim.set_host(host, Some(state));
    }
    world.run_for(75 * SECOND);
    assert!(world.works(), "{}", world.story());
    assert_eq!(world.session.config().host().to_string(), "4.api.ibkr.com");
}

#[test]
fn where_no_host_answers_it_is_the_road_and_the_host_is_kept() {
    let hosts = (1..=8).map(|number| Host::numbered(number).unwrap());
    let mut world = kept(World::new(), KeepConnected::default().with_hosts(hosts));
    world.road_block = Some(TransportKind::Connect);
    world.run_for(HOUR);
    world.road_block = None;
    healed(&mut world, 30 * SECOND);
}

#[test]
fn a_closed_door_is_no_dead_host_and_costs_no_take() {
    let hosts = [Host::numbered(1).unwrap()];
    let policy = KeepConnected::default().with_hosts(hosts).with_competing(OnCompeting::Take);
    let mut world = kept(World::new(), policy);
    world.fault(r#"{"on":"ssodh/init","do":{"status":503}}"#);
    for call in [3, 5] {
        world.fault(&format!(r#"{{"on":"tickle","calls":{call},"do":{{"status":503}}}}"#));
    }
    world.sim.kick(None);
    world.run_for(10 * MINUTE);
    assert_eq!(world.session.config().host().to_string(), "api.ibkr.com", "its tickles are answered");
    world.sim.clear_faults();
    healed(&mut world, 30 * SECOND);
}

#[test]
fn a_dead_host_is_left_after_three_silences() {
    let hosts = [Host::numbered(1).unwrap()];
    let mut world = kept(World::new(), KeepConnected::default().with_hosts(hosts));
    world.sim.set_host("api.ibkr.com", Some(HostState::Unavailable));
    world.run_for(90 * SECOND);
    assert!(world.works(), "{}", world.story());
    assert_eq!(world.session.config().host().to_string(), "1.api.ibkr.com");
    assert_eq!(world.count(Step::GetBearerToken), 1, "the session itself was never lost");
}

#[test]
fn a_host_that_answers_in_between_is_no_dead_host() {
    let hosts = [Host::numbered(1).unwrap()];
    let mut world = kept(World::new(), KeepConnected::default().with_hosts(hosts));
    world.pass(6 * MINUTE);
    // The tickle between them is answered: the brokerage session was idle for too long.
    for (on, call) in [("tickle", 1), ("ssodh/init", 1), ("tickle", 3)] {
        world.fault(&format!(r#"{{"on":"{on}","calls":{call},"do":{{"status":503}}}}"#));
    }
    world.run_until(30 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 30 * SECOND);
    assert_eq!(world.sim.counters().statuses[&503], 3);
    let left = world.events.iter().find(|(_, event)| matches!(event, Event::HostChanged(_)));
    assert!(left.is_none(), "{}", world.story());
}

#[test]
fn three_whole_logins_in_vain_lead_to_another_host() {
    // An access token lasts for one login.
    let mut world = World::with(|sim| sim.rules.access_token_life = SECOND, |c| c);
    world.fault(r#"{"on":"ssodh/init","host":"api.ibkr.com","do":{"status":401,"body":"gone"}}"#);
    let hosts = [Host::numbered(1).unwrap()];
    world.session.keep_connected(KeepConnected::default().with_hosts(hosts));
    healed(&mut world, MINUTE);
    assert_eq!(world.session.config().host().to_string(), "1.api.ibkr.com");
    assert_eq!(world.count(Step::GetAccessToken), 4);
}

#[test]
fn a_failing_init_is_repeated_and_then_built_on_something_new() {
    let mut world = connected();
    world.pass(6 * MINUTE);
    let dh = r#"{"on":"ssodh/init","calls":"1..4","do":{"status":500,"body":{"error":"failed to generate sso dh token"}}}"#;
    world.fault(dh);
    let from = world.elapsed();
    world.run_until(2 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 2 * MINUTE);
    let steps = world.since(from);
    assert!(steps.iter().filter(|step| **step == Step::SsodhInit).count() >= 5, "{steps:?}");
    assert_eq!(
        steps.iter().filter(|step| **step == Step::GetBearerToken).count(),
        1,
        "after the third failure"
    );
}

#[test]
fn pause_logs_out_and_resume_comes_back() {
    let mut world = connected();
    world.session.pause();
    world.run_for(HOUR);
    assert_eq!((world.session.phase(), world.count(Step::Logout)), (Phase::Paused, 1));
    let requests = world.sent.len();
    world.run_for(24 * HOUR);
    assert_eq!(world.sent.len(), requests, "nothing at all");
    world.session.resume();
    healed(&mut world, 10 * SECOND);
}

#[test]
fn a_pause_forgets_the_trouble_before_it() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","do":{"status":401,"body":"Access token expired"}}"#);
    world.fault(r#"{"on":"sso-sessions","do":{"status":503}}"#);
    world.run_for(10 * MINUTE);
    world.sim.clear_faults();
    world.session.pause();
    world.run_for(HOUR);
    let told = world.events.len();
    world.fault(r#"{"on":"sso-sessions","calls":1,"do":{"status":503}}"#);
    world.session.resume();
    // As patient as after any first failure, and that is when the trouble began.
    healed(&mut world, 10 * SECOND);
    let mut recovered = world.events[told..].iter().filter_map(|(_, event)| match event {
        Event::Recovered { after } => Some(*after),
        _ => None,
    });
    assert!(recovered.next().unwrap() < 10 * SECOND, "{}", world.story());
}

#[test]
fn a_resume_during_the_logout_logs_in_as_wholly_as_one_after_it() {
    for logging_out in [10 * MILLISECOND, SECOND] {
        let mut world = connected();
        world.session.pause();
        world.run_for(logging_out);
        world.session.resume();
        healed(&mut world, 10 * SECOND);
        let steps = [Step::Logout, Step::GetAccessToken, Step::GetBearerToken];
        assert_eq!(steps.map(|step| world.count(step)), [1, 2, 2], "{}", world.story());
    }
}

#[test]
fn stopping_is_logging_out() {
    let mut world = connected();
    let ticket = world.session.logout();
    world.run_for(HOUR);
    assert!(ticket.outcome().unwrap().is_ok());
    assert_eq!((world.session.phase(), world.sent.last().unwrap().1), (Phase::Off, Step::Logout));
}

#[test]
fn the_read_only_tier_is_kept_too() {
    let mut world =
        kept(World::with(|_| {}, |config| config.with_tier(Tier::ReadOnly)), KeepConnected::default());
    world.run_for(3 * HOUR);
    assert_eq!(world.session.phase(), Phase::Connected);
    world.sim.restart();
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    world.run_until_phase(10 * SECOND, Phase::Connected);
    assert_eq!(world.count(Step::SsodhInit), 0);
}

#[test]
fn events_tell_what_broke_and_that_it_healed() {
    let mut world = connected();
    world.sim.restart();
    world.run_for(2 * MINUTE);
    let told: Vec<_> = world.events.iter().map(|(_, event)| event).collect();
    let broke = told.iter().position(|event| {
        matches!(event, Event::Phase { phase: Phase::Recovering, because: Some(error) } if error.kind() == ErrorKind::Unauthorized)
    });
    let healed =
        told.iter().position(|event| matches!(event, Event::Recovered { after } if *after < 10 * SECOND));
    assert!(broke.unwrap() < healed.unwrap());
}

#[test]
fn what_comes_before_a_decay_is_looked_into_without_haste() {
    for fault in [
        r#"{"on":"tickle","calls":1,"do":{"status":500,"body":{"error":"Please query /accounts first"}}}"#,
        r#"{"on":"tickle","calls":1,"do":{"status":400,"body":{"error":"Bad Request: Please query /accounts first","statusCode":400}}}"#,
    ] {
        let mut world = connected();
        world.fault(fault);
        world.run_for(3 * MINUTE);
        assert_eq!((world.session.phase(), world.count(Step::SsodhInit)), (Phase::Connected, 1), "{fault}");
    }
}

#[test]
fn a_result_that_is_false_leads_to_a_new_bearer() {
    let mut world = connected();
    world.fault(r#"{"on":"sso/validate","calls":1,"do":{"status":200,"body":{"RESULT":false}}}"#);
    world.run_until(6 * MINUTE, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 5 * SECOND);
    assert_eq!((world.count(Step::GetBearerToken), world.count(Step::GetAccessToken)), (2, 1));
}

#[test]
fn no_bridge_needs_init_alone() {
    for body in [
        r#"{"error":"Bad Request: no bridge","statusCode":400}"#,
        r#"{"error":"Init session first","statusCode":400}"#,
    ] {
        let mut world = connected();
        world.fault(&format!(r#"{{"on":"tickle","calls":1,"do":{{"status":400,"body":{body}}}}}"#));
        world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
        healed(&mut world, 5 * SECOND);
        assert_eq!((world.count(Step::SsodhInit), world.count(Step::GetBearerToken)), (2, 1));
    }
}

#[test]
fn a_bearer_that_is_accepted_after_all_is_good() {
    let mut world = connected();
    // Refused once, silence, and then accepted again: a node of IBKR's that was out of step.
    world.fault(
        r#"[{"on":"tickle","calls":1,"do":{"status":401,"body":"gone"}},
            {"on":"sso-sessions","do":{"hang":true}},
            {"on":"tickle","calls":1,"do":{"status":503}}]"#,
    );
    world.run_for(3 * MINUTE);
    assert_eq!(
        (world.session.phase(), world.session.is_connected()),
        (Phase::Connected, true),
        "{}",
        world.story()
    );
}

#[test]
fn a_tickle_waits_for_the_one_before_even_across_a_pause() {
    let at_once = |sim: &mut SimConfig| sim.rules.established_after = Duration::ZERO;
    let mut world = kept(World::with(at_once, |config| config), KeepConnected::default());
    world.session.check();
    world.run_for(100 * MILLISECOND);
    world.session.pause();
    world.run_until_phase(5 * SECOND, Phase::Paused);
    world.session.resume();
    world.run_until_phase(10 * SECOND, Phase::Connected);
    world.run_for(5 * SECOND);
    assert!(world.sim.counters().refusals.is_empty(), "{:?}", world.sim.counters().refusals);
}

#[test]
fn a_restored_session_turns_back_to_the_host_that_was_configured() {
    let policy = || KeepConnected::default().with_hosts([Host::numbered(1).unwrap()]);
    let mut first = kept(World::new(), policy());
    first.sim.set_host("api.ibkr.com", Some(HostState::Unavailable));
    first.run_for(90 * SECOND);
    assert_eq!(first.session.config().host().to_string(), "1.api.ibkr.com");
    let saved = first.session.save(first.now).unwrap();
    first.session.set_host(Host::production());

    let mut second = first.another_process();
    second.session.restore(&saved, second.now).unwrap();
    let mut second = kept(second, policy());
    second.sim.set_host("api.ibkr.com", None);
    second.sim.set_host("1.api.ibkr.com", Some(HostState::Unavailable));
    second.run_for(90 * SECOND);
    assert!(second.works(), "{}", second.story());
    assert_eq!(second.session.config().host(), &Host::production());
}
