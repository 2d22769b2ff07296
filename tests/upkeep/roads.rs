//! Roads that are closed at the start, addresses that lie or change, clocks that are wrong.

use super::*;

#[test]
fn whatever_never_left_spends_nothing_however_long_the_road_is_closed() {
    for kind in [TransportKind::Connect, TransportKind::Tls, TransportKind::Proxy] {
        for minutes in [1, 8, 12, 60] {
            let mut world = World::new();
            world.road_block = Some(kind);
            world.session.keep_connected(KeepConnected::default());
            world.run_for(minutes * MINUTE);
            world.road_block = None;
            let took = healed(&mut world, MINUTE);
            assert!(took <= 45 * SECOND, "{kind:?} {minutes} min: {took:?}");
        }
    }
}

#[test]
fn a_server_that_fails_at_any_signed_step_locks_nobody_out() {
    for step in ["token", "sso-sessions"] {
        for status in [500, 502, 503, 504] {
            for minutes in [1, 7, 15, 60] {
                let mut world = connected();
                world.sim.restart();
                world.fault(&format!(r#"{{"on":"{step}","do":{{"status":{status}}}}}"#));
                world.run_for(minutes * MINUTE);
                world.sim.clear_faults();
                healed(&mut world, 5 * MINUTE);
            }
        }
    }
}

#[test]
fn what_may_have_been_counted_is_a_brake_and_no_wall() {
    let mut world = World::new();
    world.fault(r#"{"on":"*","do":{"hang":true}}"#);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(HOUR);
    assert!(world.count(Step::GetAccessToken) <= 12, "{}", world.count(Step::GetAccessToken));
    world.sim.clear_faults();
    healed(&mut world, 10 * MINUTE);
}

#[test]
fn waits_are_told_when_they_begin() {
    let mut world = World::new();
    world.fault(r#"{"on":"token","do":{"hang":true}}"#);
    world.session.keep_connected(KeepConnected::default());
    world.run_until_phase(HOUR, Phase::LoginsSpent { about: SECOND });
    let told = world
        .events
        .iter()
        .rfind(|(_, event)| matches!(event, Event::Phase { phase: Phase::LoginsSpent { .. }, .. }));
    let (at, _) = told.expect("the event is there as soon as the phase is");
    assert!(world.elapsed() - *at < SECOND);
}

#[test]
fn an_address_that_changes_between_look_up_and_login_ends_nothing() {
    let mut world = World::new();
    // The first look-up tells the address of before.
    world.fault(r#"{"on":"lookup","calls":1,"do":{"status":200,"body":"198.51.100.9"}}"#);
    world.session.keep_connected(KeepConnected::default());
    healed(&mut world, 10 * SECOND);
    assert_eq!(world.count(Step::GetBearerToken), 2);
}

#[test]
fn a_look_up_service_that_lies_ends_nothing_and_is_asked_last_from_then_on() {
    let mut world = connected();
    let first = world.lookup_host(0);
    world.fault(&format!(r#"{{"on":"lookup","host":"{first}","do":{{"status":200,"body":"8.8.8.8"}}}}"#));
    for _ in 0..3 {
        world.run_for(HOUR);
        world.sim.restart();
        world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
        healed(&mut world, 15 * SECOND);
    }
    // Refused with the lie once, with the old access token each time.
    assert_eq!(world.count(Step::GetBearerToken), 1 + 3 * 2 + 1, "{}", world.story());
}

#[test]
fn a_clock_that_is_far_off_is_waited_for_without_asking_ibkr() {
    for hours in [-30, -2, 2, 30 * 24 * 365] {
        let mut world = World::new();
        world.server_ahead = hours * 3_600_000;
        world.session.keep_connected(KeepConnected::default());
        world.run_for(10 * MINUTE);
        assert_eq!(
            (world.session.phase(), world.count(Step::GetAccessToken)),
            (Phase::Connecting, 1),
            "{hours}"
        );
        // The clock is set.
        let off = Duration::from_secs(hours.unsigned_abs() * 3_600);
        world.now.wall = if hours > 0 { world.now.wall + off } else { world.now.wall - off };
        world.server_ahead = 0;
        healed(&mut world, 40 * SECOND);
    }
}

#[test]
fn a_hostile_date_has_nothing_signed_for_another_day() {
    for status in [200, 401, 503] {
        let mut world = connected();
        world.fault(&format!(
            r#"{{"on":"*","do":{{"status":{status},"headers":{{"date":"Mon, 01 Jan 2035 00:00:00 GMT"}}}}}}"#
        ));
        world.run_for(3 * HOUR);
        let skew = world.session.clock_skew().millis().abs();
        assert!(skew <= 300_000, "{status}: {skew} ms");
    }
}

#[test]
fn a_key_that_was_exchanged_while_we_run_is_read_anew() {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    /// A key file that is exchanged for another, once.
    struct Rotated {
        key: ibkr_jws::RsaKey,
        waits: Arc<AtomicBool>,
        asked: Arc<AtomicUsize>,
    }

    impl ibkr_jws::Sign for Rotated {
        fn sign(&self, input: &[u8]) -> Result<Vec<u8>, ibkr_jws::SignError> {
            self.key.sign(input)
        }

        fn reload(&self) -> bool {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.waits.swap(false, Ordering::Relaxed)
        }
    }

    let (waits, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut world = World::new();
    let key =
        Rotated { key: ibkr_auth_tests::lab::key(), waits: Arc::clone(&waits), asked: Arc::clone(&asked) };
    world.session = ibkr_auth_core::Session::new(world.session.config().clone(), key, 7);
    let mut world = kept(world, KeepConnected::default());
    waits.store(true, Ordering::Relaxed);
    world.sim.restart();
    world.fault(r#"{"on":"token","calls":1,"do":{"status":400}}"#);
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    let took = healed(&mut world, 10 * SECOND);
    assert!(took < 5 * SECOND, "at once: {took:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
