//! The same rules where a live session token takes the place of the bearer token.

use super::*;
use ibkr_auth_core::oauth1::QueryTreatment;
use ibkr_auth_tests::lab::oauth1_config;
use ibkr_sim::Endpoint;

fn connected() -> World {
    kept(World::oauth1(), KeepConnected::default())
}

fn no_refusal(world: &World) {
    assert!(world.sim.counters().refusals.is_empty(), "{:?}", world.sim.counters().refusals);
}

#[test]
fn an_hour_is_a_login_and_sixty_tickles() {
    let mut world = connected();
    world.run_for(HOUR);
    assert!((59..=62).contains(&world.count(Step::Tickle)), "{}", world.count(Step::Tickle));
    assert_eq!(world.count(Step::GetLiveSessionToken), 1);
    let others = [Step::GetAccessToken, Step::PublicIp, Step::GetBearerToken, Step::ValidateSso];
    assert!(others.into_iter().all(|step| world.count(step) == 0), "{}", world.story());
    no_refusal(&world);
}

#[test]
fn three_days_are_four_logins_without_a_refusal() {
    let mut world = connected();
    for _ in 0..72 {
        world.run_for(HOUR);
        assert_eq!(world.session.phase(), Phase::Connected, "{}", world.story());
        assert!(world.works(), "{}", world.story());
    }
    assert_eq!(world.count(Step::GetLiveSessionToken), 4, "{}", world.story());
    no_refusal(&world);
}

#[test]
fn a_lost_brokerage_session_needs_init_alone() {
    let mut world = connected();
    world.pass(6 * MINUTE);
    let from = world.elapsed();
    world.run_until(2 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 10 * SECOND);
    let steps = world.since(from);
    assert!(steps.contains(&Step::SsodhInit) && !steps.contains(&Step::GetLiveSessionToken), "{steps:?}");
}

#[test]
fn a_server_that_forgot_everything_is_told_everything() {
    let mut world = connected();
    world.sim.restart();
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 10 * SECOND);
    assert_eq!(world.count(Step::GetLiveSessionToken), 2);
}

#[test]
fn another_address_is_no_loss() {
    let mut world = connected();
    world.sim.set_ip("198.51.100.9".parse().unwrap());
    world.run_for(5 * MINUTE);
    assert_eq!((world.session.phase(), world.count(Step::GetLiveSessionToken)), (Phase::Connected, 1));
}

#[test]
fn each_way_to_sign_a_query_is_understood_by_a_server_that_insists_on_it() {
    for (query, rule) in [
        (QueryTreatment::Merged, "merged"),
        (QueryTreatment::LeftOut, "left-out"),
        (QueryTreatment::InUrl, "in-url"),
    ] {
        let world = World::with(
            |sim| sim.rules.set("oauth1_query", rule).unwrap(),
            |_| oauth1_config().with_query_treatment(query).unwrap(),
        );
        let mut world = kept(world, KeepConnected::default());
        for path in [
            "/v1/api/iserver/accounts",
            "/v1/api/iserver/marketdata/snapshot?conids=15016128,39453424&fields=84,86",
            "/v1/api/iserver/marketdata/snapshot?conids=15016128%2C39453424&fields=84",
            "/v1/api/iserver/secdef/search?symbol=BRK%20B&name=a%7Cb:c%2Bd",
        ] {
            assert!(world.answers(path) != 401, "{rule} {path}: {:?}", world.sim.counters().refusals);
        }
        no_refusal(&world);
    }
}

#[test]
fn a_token_that_is_forged_once_is_minted_anew() {
    let mut world = World::oauth1();
    world.fault(
        r#"{"on":"live_session_token","calls":1,"do":{"status":200,"body":{"diffie_hellman_response":"2",
            "live_session_token_signature":"00","live_session_token_expiration":1}}}"#,
    );
    let world = kept(world, KeepConnected::default());
    assert_eq!(world.count(Step::GetLiveSessionToken), 2, "{}", world.story());
}

#[test]
fn what_is_refused_is_not_tried_again() {
    for body in [
        r#"{"error":"id: 1, error: invalid consumer","statusCode":401}"#,
        r#"{"error":"id: 1, error: LST failed, error: No access secret key found for DEMOTRADE","statusCode":401}"#,
    ] {
        let mut world = World::oauth1();
        let body = serde_json::Value::from(body).to_string();
        world.fault(&format!(r#"{{"on":"live_session_token","do":{{"status":401,"body":{body}}}}}"#));
        world.session.keep_connected(KeepConnected::default());
        world.run_until_phase(10 * SECOND, Phase::Stopped);
        world.run_for(HOUR);
        assert_eq!(world.count(Step::GetLiveSessionToken), 1, "{}", world.story());
        assert_eq!(world.session.stopped_by().unwrap().kind(), ErrorKind::Rejected);
    }
}

#[test]
fn a_clock_that_is_wrong_is_corrected() {
    for ahead in [-250_000, -30_000, 30_000, 250_000] {
        let mut world = World::oauth1();
        world.server_ahead = ahead;
        let mut world = kept(world, KeepConnected::default());
        world.run_for(HOUR);
        assert_eq!(world.session.phase(), Phase::Connected, "{ahead}: {}", world.story());
        assert!(world.works());
    }
}

#[test]
fn a_clock_that_is_set_back_refuses_nothing() {
    let mut world = connected();
    world.run_for(2 * MINUTE);
    world.now.wall -= 20 * SECOND;
    world.run_for(10 * MINUTE);
    assert!(world.session.phase() == Phase::Connected && world.works(), "{}", world.story());
    no_refusal(&world);
}

/// No answer announces it, as `ssoExpires` does with OAuth 2.0.
#[test]
fn what_ends_at_midnight_is_found_out_right_after() {
    let world = World::with(|sim| sim.calendar = Calendar::ibkr(), |_| oauth1_config());
    let mut world = kept(world, KeepConnected::default());
    world.run_for(12 * HOUR - MINUTE);
    let minted = world.count(Step::GetLiveSessionToken);
    world.run_for(MINUTE + 5 * SECOND);
    assert!(world.works(), "{}", world.story());
    assert_eq!(world.count(Step::GetLiveSessionToken), minted + 1, "{}", world.story());
}

/// What was stamped meanwhile binds nobody: IBKR has refused it.
#[test]
fn a_clock_that_was_hours_ahead_for_a_while_costs_a_login_and_no_more() {
    let mut world = connected();
    world.run_for(2 * MINUTE);
    world.now.wall += 2 * HOUR;
    world.server_ahead = -2 * 3_600_000;
    world.run_for(5 * MINUTE);
    assert!(world.session.phase() == Phase::Connected && world.works(), "{}", world.story());
    world.now.wall -= 2 * HOUR;
    world.server_ahead = 0;
    world.run_for(5 * MINUTE);
    assert!(world.session.phase() == Phase::Connected && world.works(), "{}", world.story());
    assert!(world.count(Step::GetLiveSessionToken) <= 2, "{}", world.story());
}

#[test]
fn whoever_begins_with_a_clock_that_is_hours_ahead_is_connected_once_it_is_set() {
    let mut world = World::oauth1();
    world.server_ahead = -2 * 3_600_000;
    world.session.keep_connected(KeepConnected::default());
    world.run_for(5 * MINUTE);
    assert_eq!(world.session.phase(), Phase::Connecting, "{}", world.story());
    world.now.wall -= 2 * HOUR;
    world.server_ahead = 0;
    world.run_until_phase(2 * MINUTE, Phase::Connected);
    assert!(world.works(), "{}", world.story());
}

#[test]
fn another_login_of_the_username_is_left_alone_as_the_policy_says() {
    let mut world = connected();
    world.sim.kick(None);
    let _ = world.run_until(3 * MINUTE, |session| session.phase() != Phase::Connected);
    world.run_for(30 * SECOND);
    assert!(matches!(world.session.phase(), Phase::Yielded | Phase::Connected), "{}", world.story());
    assert_eq!(world.count(Step::GetLiveSessionToken), 1, "{}", world.story());
}

#[test]
fn a_saved_session_is_gone_on_with() {
    let mut first = connected();
    first.run_for(MINUTE);
    let saved = first.session.save(first.now).unwrap();
    let mut second = first.another_process();
    second.session.restore(&saved, second.now).unwrap();
    second.session.keep_connected(KeepConnected::default());
    let from = second.sim.counters().of(Endpoint::LiveSessionToken);
    second.run_for(5 * MINUTE);
    assert_eq!(second.session.phase(), Phase::Connected, "{}", second.story());
    assert_eq!(second.sim.counters().of(Endpoint::LiveSessionToken), from, "no login");
    no_refusal(&second);
}

#[test]
fn a_pause_logs_out_and_a_resume_logs_in() {
    let mut world = connected();
    world.session.pause();
    world.run_for(MINUTE);
    assert!(world.session.phase() == Phase::Paused && !world.works());
    world.session.resume();
    world.run_until_phase(10 * SECOND, Phase::Connected);
    assert!(world.works(), "{}", world.story());
}
