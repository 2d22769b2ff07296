//! Ends of sessions, resets, maintenance, suspends and clocks.

use super::*;

#[test]
fn the_bearer_is_extended_by_validate_within_its_limit() {
    for expires in [Expires::MillisLeft, Expires::EpochMillis] {
        let mut world = kept(World::with(|sim| sim.rules.expires = expires, |c| c), KeepConnected::default());
        world.run_for(6 * HOUR);
        assert_eq!(world.count(Step::GetBearerToken), 1, "60 minutes each time, extended");
        assert!(world.count(Step::ValidateSso) <= 6 * 13);
        assert!(world.sim.counters().refusals.is_empty());
    }
}

#[test]
fn a_bearer_that_slides_with_each_request_is_left_alone() {
    let sliding = |sim: &mut ibkr_sim::SimConfig| {
        sim.rules.bearer_life = Duration::from_secs(600);
        sim.rules.bearer_extended_by = Extension::AnyRequest;
    };
    let mut world = kept(World::with(sliding, |c| c), KeepConnected::default());
    world.run_for(6 * HOUR);
    assert_eq!(world.count(Step::GetBearerToken), 1);
}

#[test]
fn a_short_life_of_a_renewed_bearer_is_extended_too() {
    for life in [90, 120] {
        let mut world = connected();
        world.run_for(10 * MINUTE);
        world.sim.config_mut().rules.bearer_life = Duration::from_secs(life);
        world.fault(r#"{"on":"tickle","calls":"1","do":{"status":401,"body":"Access token expired"}}"#);
        world.run_for(6 * HOUR);
        assert!(world.works());
        assert_eq!(world.count(Step::GetBearerToken), 2, "{life} s each time, extended: {}", world.story());
    }
}

#[test]
fn two_validates_may_travel_at_different_speeds() {
    let short = |sim: &mut ibkr_sim::SimConfig| sim.rules.bearer_life = Duration::from_secs(90);
    let mut world = kept(World::with(short, |c| c), KeepConnected::default());
    let (mut sent, mut times) = (world.count(Step::ValidateSso), Vec::new());
    for _ in 0..1200 {
        world.run_for(SECOND / 2);
        if std::mem::replace(&mut sent, world.count(Step::ValidateSso)) != sent {
            times.push(world.elapsed());
        }
    }
    let closest = times.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(closest.is_some_and(|closest| closest > MINUTE), "{times:?}");
}

#[test]
fn a_token_that_is_said_to_have_ended_serves_the_login_that_asked_for_it() {
    let mut world = World::new();
    world.fault(r#"{"on":"token","do":{"patch":{"expires_in":0}}}"#);
    let mut world = kept(world, KeepConnected::default());
    world.run_for(10 * SECOND);
    assert!(world.works());
    assert_eq!(world.count(Step::GetAccessToken), 1);
}

#[test]
fn a_hard_end_is_met_with_a_new_bearer_at_once() {
    let midnight = |sim: &mut ibkr_sim::SimConfig| sim.calendar.midnight_ends_sessions = true;
    let mut world = kept(World::with(midnight, |c| c), KeepConnected::default());
    world.run_for(11 * HOUR + 59 * MINUTE);
    assert_eq!(world.count(Step::GetBearerToken), 1, "nothing helps before midnight");
    world.run_for(MINUTE + 10 * SECOND);
    assert!(world.works());
    assert_eq!((world.count(Step::GetBearerToken), world.count(Step::GetAccessToken)), (2, 1));
    let lost: Vec<_> =
        world.events.iter().filter(|(_, event)| matches!(event, Event::Failed { .. })).collect();
    assert_eq!(lost.len(), 1, "the look right after the end: {lost:?}");
    let back = world.events.iter().rfind(|(_, event)| matches!(event, Event::Recovered { .. }));
    let Some((_, Event::Recovered { after })) = back else { panic!("{}", world.story()) };
    assert!(*after < 2 * SECOND, "{after:?}");
}

#[test]
fn a_hard_end_that_no_calendar_knows_is_learnt() {
    // The client believes in Hong Kong's midnight, the server keeps New York's.
    let midnight = |sim: &mut ibkr_sim::SimConfig| sim.calendar.midnight_ends_sessions = true;
    let policy = KeepConnected::default().with_region(ibkr_auth_core::Region::HongKong);
    let mut world = kept(World::with(midnight, |c| c), policy);
    world.run_for(12 * HOUR + 10 * SECOND);
    assert!(world.works());
    assert!(world.count(Step::GetBearerToken) <= 3, "one to learn, one at the end");
}

#[test]
fn an_expired_access_token_is_replaced_when_it_is_needed() {
    let mut world = kept(
        World::with(|sim| sim.rules.access_token_life = Duration::from_secs(600), |c| c),
        KeepConnected::default(),
    );
    world.run_for(HOUR);
    assert_eq!(world.count(Step::GetAccessToken), 1, "not before");
    world.sim.restart();
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 70 * SECOND);
    assert_eq!(world.count(Step::GetAccessToken), 2);
}

#[test]
fn a_suspend_is_noticed_at_the_first_poll() {
    for mono_stands_still in [true, false] {
        let mut world = connected();
        world.now.wall += 8 * HOUR;
        if !mono_stands_still {
            world.now.mono += 8 * HOUR;
        }
        let from = world.elapsed();
        let took = world.run_until(10 * SECOND, |session| session.phase() != Phase::Connected);
        assert!(took < SECOND, "{took:?}");
        healed(&mut world, 10 * SECOND);
        assert!(!world.since(from).is_empty());
    }
}

#[test]
fn a_clock_that_is_set_breaks_nothing() {
    for step in [3_600_000_i64, -3_600_000, 86_400_000, -86_400_000] {
        let mut world = connected();
        // The client's wall clock jumps; the server's does not.
        world.server_ahead -= step;
        match step {
            0.. => world.now.wall += Duration::from_millis(step.unsigned_abs()),
            _ => world.now.wall -= Duration::from_millis(step.unsigned_abs()),
        }
        world.run_for(10 * MINUTE);
        assert_eq!(world.session.phase(), Phase::Connected, "{}", world.story());
        world.sim.restart();
        world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
        healed(&mut world, 10 * SECOND);
    }
}

#[test]
fn a_clock_that_steps_back_is_noticed_at_the_next_poll() {
    // The second step shows only beside the other clock, which ran on meanwhile.
    for (ran, back) in [(Duration::ZERO, HOUR), (30 * SECOND, 33 * SECOND)] {
        let mut world = connected();
        world.pass(ran);
        world.now.wall -= back;
        world.server_ahead += i64::try_from(back.as_millis()).unwrap();
        let (from, told) = (world.elapsed(), world.events.len());
        world.run_for(SECOND);
        let jumps = world.events[told..].iter().filter(|(_, event)| matches!(event, Event::ClockJumped));
        assert_eq!(jumps.count(), 1, "{back:?}:\n{}", world.story());
        assert_eq!(world.since(from), [Step::Status], "what the timers knew is asked anew");
    }
}

#[test]
fn the_end_of_a_bearer_draws_near_while_the_monotonic_clock_stands_still() {
    let lasting = |sim: &mut SimConfig| sim.rules.brokerage_idle = 2 * HOUR;
    let mut world = World::with(lasting, |c| c);
    // Tickles say nothing about the end.
    let quiet = r#"{"session":"aa","iserver":{"authStatus":{"authenticated":true,"connected":true,"established":true}}}"#;
    world.fault(&format!(r#"{{"on":"tickle","do":{{"status":200,"processed":true,"body":{quiet}}}}}"#));
    let mut world = kept(world, KeepConnected::default());
    world.run_for(100 * SECOND);
    // Asleep until shortly before the hour is over.
    world.now.wall += 57 * MINUTE;
    world.run_for(10 * MINUTE);
    assert!(world.works());
    let failed = world.events.iter().filter(|(_, event)| matches!(event, Event::Failed { .. })).count();
    assert_eq!((failed, world.count(Step::GetBearerToken)), (0, 1), "extended in time:\n{}", world.story());
}

#[test]
fn maintenance_is_a_state_with_an_end_and_no_error() {
    let mut world = kept(World::with(|sim| sim.calendar = Calendar::ibkr(), |c| c), KeepConnected::default());
    // To Saturday, 19:59 in New York.
    world.run_for(3 * 24 * HOUR + 7 * HOUR + 59 * MINUTE);
    assert_eq!(world.session.phase(), Phase::Connected, "{}", world.story());
    let logins = world.count(Step::GetBearerToken);
    world.run_for(10 * MINUTE);
    let Phase::Maintenance { until } = world.session.phase() else { panic!("{}", world.story()) };
    assert!(until > world.now.wall);
    world.run_for(111 * MINUTE - 10 * SECOND);
    assert_eq!(world.count(Step::GetBearerToken), logins, "no login while the doors are closed");
    let took = healed(&mut world, 90 * SECOND);
    assert!(took <= 60 * SECOND, "{took:?}");
}

#[test]
fn the_nightly_reset_is_a_state_with_the_end_that_is_expected() {
    let world = World::with(|sim| sim.calendar = Calendar::ibkr(), |c| c);
    // Thursday in New York.
    let half_past_one = world.now.wall + 13 * HOUR + 30 * MINUTE;
    let mut world = kept(world, KeepConnected::default());
    world.run_for(12 * HOUR + 59 * MINUTE);
    assert_eq!(world.session.phase(), Phase::Connected, "{}", world.story());
    world.run_until(3 * MINUTE, |session| session.phase() != Phase::Connected);
    let Phase::Maintenance { until } = world.session.phase() else { panic!("{}", world.story()) };
    let apart = until.max(half_past_one).duration_since(until.min(half_past_one)).unwrap();
    assert!(apart < SECOND, "{apart:?}");
    let told = world.events.len();
    healed(&mut world, 6 * MINUTE);
    let phases = world.events[told..].iter().filter(|(_, event)| matches!(event, Event::Phase { .. }));
    assert_eq!(phases.count(), 1, "out again:\n{}", world.story());
}

#[test]
fn when_ibkr_is_closed_depends_on_the_region() {
    use ibkr_auth_core::Region;
    // From Wednesday noon in New York until Thursday, ten past one, and until Saturday evening, half past
    // six.
    let hours = [
        (Region::HongKong, 10 * MINUTE, 65 * HOUR + 30 * MINUTE),
        (Region::Zug, 7 * HOUR + 10 * MINUTE, 72 * HOUR + 30 * MINUTE),
        (Region::NewYork, 13 * HOUR + 10 * MINUTE, 78 * HOUR + 30 * MINUTE),
    ];
    for (there, reset, maintenance) in hours {
        for (region, ..) in hours {
            for after in [reset, maintenance] {
                let mut world = World::new();
                world.pass(after);
                let mut world = kept(world, KeepConnected::default().with_region(region));
                world.fault(r#"{"on":"*","do":{"status":503}}"#);
                world.run_until(70 * SECOND, |session| session.phase() != Phase::Connected);
                let closed = matches!(world.session.phase(), Phase::Maintenance { .. });
                assert_eq!(
                    closed,
                    region == there,
                    "{region:?} when {there:?} is closed:\n{}",
                    world.story()
                );
            }
        }
    }
}

#[test]
fn the_nightly_reset_is_survived_every_night() {
    let mut world = kept(World::with(|sim| sim.calendar = Calendar::ibkr(), |c| c), KeepConnected::default());
    for night in 0..10 {
        world.run_for(13 * HOUR + 6 * MINUTE);
        assert!(world.works(), "night {night}:\n{}", world.story());
        world.run_for(10 * HOUR + 54 * MINUTE);
        assert!(world.works(), "day {night}:\n{}", world.story());
    }
    assert!(world.count(Step::GetBearerToken) <= 25, "{}", world.count(Step::GetBearerToken));
    assert!(world.sim.counters().refused_for("replay") == 0);
}

#[test]
fn an_access_token_that_has_ended_is_no_obstacle_at_a_hard_end() {
    let short = |sim: &mut ibkr_sim::SimConfig| {
        sim.rules.access_token_life = Duration::from_secs(600);
        sim.calendar.midnight_ends_sessions = true;
    };
    let mut world = kept(World::with(short, |c| c), KeepConnected::default());
    world.run_for(12 * HOUR + 10 * SECOND);
    assert!(world.works());
    let failed = world.events.iter().filter(|(_, event)| matches!(event, Event::Failed { .. })).count();
    assert_eq!((failed, world.count(Step::GetAccessToken)), (1, 2));
}

#[test]
fn the_end_that_validate_tells_is_enough() {
    let mut world = World::with(|sim| sim.rules.bearer_life = Duration::from_secs(240), |c| c);
    // Tickles say nothing about the end.
    let quiet = r#"{"session":"aa","iserver":{"authStatus":{"authenticated":true,"connected":true,"established":true}}}"#;
    world.fault(&format!(r#"{{"on":"tickle","do":{{"status":200,"processed":true,"body":{quiet}}}}}"#));
    let mut world = kept(world, KeepConnected::default());
    world.run_for(HOUR);
    assert!(world.works());
    assert_eq!(world.count(Step::GetBearerToken), 1, "extended each time before it ends");
}
