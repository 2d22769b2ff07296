//! What is never done, however much is wrong.

use super::*;

#[test]
fn no_login_is_tried_while_the_server_does_not_answer() {
    let mut world = connected();
    world.sim.restart();
    world.fault(r#"{"on":"*","do":{"status":503}}"#);
    world.run_for(30 * MINUTE);
    assert_eq!(
        world.count(Step::GetAccessToken) + world.count(Step::GetBearerToken),
        2,
        "those of the beginning"
    );
    world.sim.clear_faults();
    let took = healed(&mut world, 90 * SECOND);
    assert!(took < 30 * SECOND, "{took:?}");
}

#[test]
fn a_broken_road_is_waited_out_and_costs_no_budget() {
    let mut world = World::new();
    world.road_block = Some(TransportKind::Connect);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(3 * HOUR);
    assert_eq!(world.session.phase(), Phase::Connecting);
    world.road_block = None;
    let took = healed(&mut world, 90 * SECOND + 10 * SECOND);
    assert!(took <= 95 * SECOND, "{took:?}");
}

#[test]
fn a_proxy_that_refuses_its_credentials_is_not_asked_again() {
    let mut world = World::new();
    world.road_block = Some(TransportKind::ProxyRefused);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(HOUR);
    assert_eq!(world.session.phase(), Phase::Stopped);
    world.session.pause();
    world.session.resume();
    world.run_for(HOUR);
    assert_eq!(world.session.phase(), Phase::Stopped, "coming back cures no refusal");
    assert_eq!((world.count(Step::GetAccessToken), world.count(Step::PublicIp)), (1, 1));

    let mut world = connected();
    let (requests, passing) = (world.sent.len(), Some(TransportKind::ProxyRefused));
    world.road_block = passing;
    world.run_for(MINUTE + 20 * SECOND);
    assert_eq!(world.sent.len(), requests + 1, "the tickle");
    world.road_block = None;
    healed(&mut world, 30 * SECOND);
    world.road_block = passing;
    let before = world.sent.len();
    world.run_for(30 * MINUTE);
    assert_eq!(world.session.phase(), Phase::Recovering);
    assert!(world.sent.len() - before <= 4, "no company account is locked");
    world.run_for(3 * HOUR);
    assert_eq!(world.session.phase(), Phase::Stopped);
    assert!(world.sent.len() - before <= 7);
}

#[test]
fn no_assertion_goes_uncounted_because_a_look_up_failed_sooner() {
    let looked_up_in_vain = |token| {
        let mut world = World::new();
        world.fault(r#"{"on":"lookup","do":{"reset":true}}"#);
        world.fault(token);
        world.session.keep_connected(KeepConnected::default());
        world.run_for(24 * HOUR - MINUTE);
        (world.session.phase(), world.count(Step::GetAccessToken))
    };
    let (phase, tokens) = looked_up_in_vain(r#"{"on":"token","do":{"delay_ms":300}}"#);
    assert_eq!((phase, tokens), (Phase::Connecting, 1), "the access token is good for a day");
    let refused = looked_up_in_vain(r#"{"on":"token","do":{"status":401,"delay_ms":300}}"#);
    assert_eq!(refused, (Phase::Stopped, 1), "what IBKR says to it is heard");
    let (_, tokens) = looked_up_in_vain(r#"{"on":"token","do":{"status":500,"delay_ms":300}}"#);
    assert!((150..=240).contains(&tokens), "{tokens}");
}

#[test]
fn a_web_page_is_no_refusal_of_a_login() {
    for step in ["token", "sso-sessions"] {
        for status in [400, 401] {
            let mut world = connected();
            world.sim.restart();
            world.fault(&format!(r#"{{"on":"{step}","calls":2,"do":{{"status":{status},"html":true}}}}"#));
            world.fault(r#"{"on":"token","calls":1,"do":{"status":401,"html":true}}"#);
            world.run_for(10 * MINUTE);
            assert_eq!(world.session.phase(), Phase::Connected, "{step} {status}: {}", world.story());
        }
    }
}

#[test]
fn who_is_forbidden_what_a_session_is_for_is_not_logged_in_for_ever() {
    for step in ["ssodh/init", "tickle"] {
        let forbidden = format!(r#"{{"on":"{step}","do":{{"status":403,"body":{{"error":"Forbidden"}}}}}}"#);
        let mut world = World::new();
        world.fault(&forbidden);
        world.session.keep_connected(KeepConnected::default());
        world.run_for(4 * HOUR);
        assert_eq!(world.session.phase(), Phase::Stopped, "{}", world.story());
        assert!(world.count(Step::GetBearerToken) <= 12, "{}", world.count(Step::GetBearerToken));

        let mut world = connected();
        world.fault(&forbidden);
        world.sim.restart();
        world.run_for(90 * SECOND);
        world.sim.clear_faults();
        healed(&mut world, 90 * SECOND);
    }
}

#[test]
fn the_penalty_box_is_left_soon_after_its_end() {
    for seed in 0..40 {
        let mut world = kept(World::new().with_seed(seed), KeepConnected::default());
        world.fault(r#"{"on":"tickle","calls":1,"do":{"status":429}}"#);
        world.run_until_phase(2 * MINUTE, Phase::Waiting { about: SECOND });
        let took = world.run_until_phase(HOUR, Phase::Connected);
        assert!((15 * MINUTE..=15 * MINUTE + 60 * SECOND).contains(&took), "seed {seed}: {took:?}");
    }
}

#[test]
fn waits_are_never_shorter_than_the_server_asks() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":429,"retry_after":120}}"#);
    world.run_until_phase(2 * MINUTE, Phase::Waiting { about: SECOND });
    let (from, requests) = (world.elapsed(), world.sent.len());
    world.run_for(118 * SECOND);
    assert_eq!(world.sent.len(), requests, "nothing is sent meanwhile");
    healed(&mut world, 3 * MINUTE);
    assert!(world.elapsed() - from >= 120 * SECOND);

    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":429}}"#);
    world.run_until_phase(2 * MINUTE, Phase::Waiting { about: SECOND });
    let requests = world.sent.len();
    world.run_for(895 * SECOND);
    assert_eq!(world.sent.len(), requests, "the penalty box lasts a quarter of an hour");
}

#[test]
fn a_wait_before_the_next_login_is_kept_though_the_server_is_asked_meanwhile() {
    let mut world = connected();
    world.sim.restart();
    world.fault(r#"{"on":"sso-sessions","calls":1,"do":{"status":503,"retry_after":50}}"#);
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    world.run_for(SECOND);
    let requests = world.sent.len();
    for _ in 0..9 {
        world.session.check();
        world.run_for(5 * SECOND);
    }
    assert_eq!(world.sent.len(), requests, "no login, and nothing with a token that is known as refused");
    healed(&mut world, 45 * SECOND);
}

#[test]
fn what_repeating_cannot_cure_stops_at_once_with_a_reason() {
    // The token that was issued just before proves client and key: what follows is tried once more.
    for (fault, step, tries) in [
        (r#"{"on":"token","do":{"status":400}}"#, Step::GetAccessToken, 1),
        (r#"{"on":"token","do":{"status":401}}"#, Step::GetAccessToken, 1),
        (r#"{"on":"sso-sessions","do":{"status":401}}"#, Step::GetBearerToken, 2),
        (
            r#"{"on":"sso-sessions","do":{"status":403,"body":{"title":"Forbidden","detail":"not sufficient scope"}}}"#,
            Step::GetBearerToken,
            2,
        ),
    ] {
        let mut world = World::new();
        world.fault(fault);
        world.session.keep_connected(KeepConnected::default());
        world.run_for(24 * HOUR);
        assert_eq!((world.session.phase(), world.count(step)), (Phase::Stopped, tries), "{fault}");
        let error = world.session.stopped_by().unwrap();
        assert_eq!((error.kind(), error.step()), (ErrorKind::Rejected, Some(step)));
        assert!(!error.help().is_empty());
    }
}

#[test]
fn who_was_good_before_is_tried_again_slowly_and_not_for_ever() {
    let mut world = connected();
    world.sim.restart();
    world.fault(r#"{"on":"sso-sessions","calls":"1..2","do":{"status":401}}"#);
    world.run_until(3 * MINUTE, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 2 * MINUTE);

    let mut world = connected();
    world.sim.restart();
    world.fault(r#"{"on":"sso-sessions","do":{"status":401}}"#);
    world.run_for(90 * MINUTE);
    assert_eq!(world.session.phase(), Phase::Recovering, "{}", world.story());
    world.run_for(3 * HOUR);
    assert_eq!(world.session.phase(), Phase::Stopped);
    assert!(world.count(Step::GetBearerToken) <= 9, "{}", world.count(Step::GetBearerToken));

    // The same for the client and its key, however long it takes.
    for minutes in [1, 10, 40] {
        for status in [400, 401] {
            let mut world = connected();
            world.sim.restart();
            world.fault(&format!(r#"{{"on":"token","do":{{"status":{status}}}}}"#));
            world.fault(r#"{"on":"sso-sessions","calls":1,"do":{"status":401}}"#);
            world.run_for(minutes * MINUTE);
            world.sim.clear_faults();
            healed(&mut world, 2 * minutes * MINUTE + 6 * MINUTE);
            assert!(world.count(Step::GetAccessToken) <= 7, "{}", world.story());
        }
    }
}

#[test]
fn half_a_minute_passes_before_a_refused_user_is_tried_once_more() {
    let mut world = connected();
    world.sim.restart();
    // The access token that is there is refused too.
    world.fault(r#"{"on":"sso-sessions","calls":"1..2","do":{"status":401}}"#);
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    world.run_for(SECOND);
    let requests = world.sent.len();
    let (refused, _) = *world.sent.iter().rfind(|(_, step)| *step == Step::GetBearerToken).unwrap();
    assert_eq!(world.count(Step::GetBearerToken), 3);
    healed(&mut world, MINUTE);
    let wait = world.sent[requests].0 - refused;
    assert!((30 * SECOND..46 * SECOND).contains(&wait), "{wait:?}");
}

#[test]
fn the_login_budget_is_never_overdrawn() {
    let mut world = World::new();
    // A server that lets us in and throws us out at once.
    world.fault(r#"{"on":"tickle","do":{"status":401,"body":"Access token expired"}}"#);
    world
        .session
        .keep_connected(KeepConnected::default().with_logins(LoginBudget { per_hour: 6, per_day: 20 }));
    world.run_for(48 * HOUR);
    let logins: Vec<_> =
        world.sent.iter().filter(|(_, step)| *step == Step::GetBearerToken).map(|(at, _)| *at).collect();
    assert!(logins.len() >= 28, "it goes on for ever: {}", logins.len());
    assert!(logins.windows(7).all(|seven| seven[6] - seven[0] >= HOUR - SECOND));
    assert!(logins.windows(21).all(|more| more[20] - more[0] >= 24 * HOUR - SECOND));
}

#[test]
fn logins_of_before_count_against_the_budget() {
    for (hours_ago, per_day, free_in) in
        [([0.25, 0.75, 30.0], 9, 15 * MINUTE), ([3.0, 11.0, 22.0], 3, 9 * HOUR)]
    {
        let mut world = World::new();
        // The machine has been up for a day.
        world.pass(24 * HOUR);
        let seconds = world.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let mut history = History::default();
        history.logins = hours_ago.map(|hours| seconds - HOUR.mul_f64(hours).as_secs()).to_vec();
        world.session.recall(&history, world.now);
        let policy = KeepConnected::default().with_logins(LoginBudget { per_hour: 2, per_day });
        world.session.keep_connected(policy);
        world.run_for(free_in - SECOND);
        assert!(world.sent.is_empty(), "{:?}", world.sent);
        assert_eq!(world.session.phase(), Phase::LoginsSpent { about: free_in });
        healed(&mut world, 10 * SECOND);
    }
}

#[test]
fn a_token_request_that_may_have_had_an_effect_counts_against_the_budget() {
    let tries_in_an_hour = |action: &str| {
        let mut world = World::new();
        world.fault(&format!(r#"{{"on":"token","do":{action}}}"#));
        let logins = LoginBudget { per_hour: 3, per_day: 60 };
        world.session.keep_connected(KeepConnected::default().with_logins(logins));
        world.run_for(HOUR - SECOND);
        world.count(Step::GetAccessToken)
    };
    for failed in [r#"{"hang":true}"#, r#"{"reset":true}"#] {
        assert_eq!(tries_in_an_hour(failed), 3, "{failed}");
    }
    for closed in [500, 502, 503, 504] {
        let tries = tries_in_an_hour(&format!(r#"{{"status":{closed}}}"#));
        assert!((30..=40).contains(&tries), "{closed}: {tries}");
    }
}

#[test]
fn check_looks_at_once_and_is_in_no_tickles_way() {
    let mut world = connected();
    world.run_for(20 * SECOND);
    let before = (world.count(Step::Status), world.count(Step::Tickle));
    world.session.check();
    world.run_for(SECOND);
    assert_eq!((world.count(Step::Status), world.count(Step::Tickle)), (before.0 + 1, before.1));
}

#[test]
fn a_server_that_fell_silent_after_a_refusal_is_asked_without_logging_in() {
    let mut world = connected();
    world.sim.restart();
    world.fault(r#"{"on":"sso-sessions","do":{"status":503}}"#);
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    for silent in ["tickle", "auth/status"] {
        world.fault(&format!(r#"{{"on":"{silent}","do":{{"status":503}}}}"#));
    }
    world.run_for(5 * SECOND);
    let logins = world.count(Step::GetBearerToken);
    world.run_for(9 * MINUTE);
    assert_eq!(world.count(Step::GetBearerToken), logins, "not one while the server is silent");
    world.run_for(51 * MINUTE);
    let tries = world.count(Step::GetBearerToken) - logins;
    assert!((1..=4).contains(&tries), "rarely, and rarer each time: {tries}");
    world.sim.clear_faults();
    healed(&mut world, 60 * SECOND);
}

#[test]
fn a_look_that_never_works_does_not_keep_from_logging_in() {
    let mut world = connected();
    world.fault(r#"{"on":"auth/status","do":{"status":500}}"#);
    world.sim.restart();
    world.fault(r#"{"on":"sso-sessions","calls":1,"do":{"status":503}}"#);
    world.run_until(70 * SECOND, |session| session.phase() == Phase::Recovering);
    healed(&mut world, 90 * SECOND);
}

#[test]
fn logins_that_fail_are_spaced_out_even_if_tickles_are_answered() {
    let mut world = connected();
    world.sim.restart();
    world.fault(r#"{"on":"sso-sessions","do":{"status":503}}"#);
    world.run_for(4 * MINUTE);
    let tries: Vec<_> =
        world.sent.iter().filter(|(_, step)| *step == Step::GetBearerToken).map(|(at, _)| *at).collect();
    let waits: Vec<_> = tries.windows(2).skip(1).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    for (wait, least) in waits.iter().zip([1.0, 2.0, 4.0, 8.0]) {
        assert!(*wait >= least, "{waits:?}");
    }
}

#[test]
fn however_often_it_is_asked_to_check_it_keeps_the_pace() {
    let mut world = connected();
    let before = world.count(Step::Status);
    for _ in 0..100 {
        world.session.check();
        world.run_for(SECOND / 10);
    }
    let looks = world.count(Step::Status) - before;
    assert!((4..=6).contains(&looks), "{looks}");
}

#[test]
fn a_tickle_of_the_users_own_and_those_of_the_automatic_mode_are_no_two_in_a_second() {
    let mut world = World::new();
    let _login = world.session.connect();
    world.run_until(MINUTE, |session| session.snapshot().is_connected());
    let _own = world.session.tickle();
    world.run_for(SECOND / 10);
    world.session.keep_connected(KeepConnected::default());
    for _ in 0..20 {
        let _own = world.session.tickle();
        world.run_for(3 * SECOND);
    }
    assert!(world.count(Step::Tickle) >= 20);
    assert!(world.sim.counters().refusals.is_empty(), "{:?}", world.sim.counters().refusals);
}

#[test]
fn a_failing_server_that_asks_for_silence_is_tickled_all_the_same() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":503,"retry_after":99999999999}}"#);
    world.run_for(65 * SECOND);
    assert!(world.session.is_connected(), "one lost answer is no lost session");
    let requests = world.sent.len();
    world.run_for(95 * SECOND);
    assert!(world.sent.len() > requests, "the session is kept from ending");
    assert!(world.works());
}

#[test]
fn a_promised_wait_is_kept_however_often_it_is_asked_to_check() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":429}}"#);
    world.run_until_phase(2 * MINUTE, Phase::Waiting { about: SECOND });
    let requests = world.sent.len();
    for _ in 0..100 {
        world.session.check();
        world.run_for(5 * SECOND);
    }
    assert_eq!(world.sent.len(), requests);
    assert!(!world.session.is_connected(), "nobody knows");
}

#[test]
fn three_429_are_no_reason_for_a_new_bearer() {
    let mut world = connected();
    world.fault(r#"{"on":"tickle","calls":"1..4","do":{"status":429,"retry_after":61}}"#);
    world.run_for(15 * MINUTE);
    let refused = world.sim.counters().statuses[&429];
    assert_eq!((refused, world.session.phase(), world.count(Step::GetBearerToken)), (4, Phase::Connected, 1));
}

#[test]
fn logins_that_succeed_in_vain_are_spaced_out() {
    let mut world = World::new();
    world.fault(r#"{"on":"tickle","do":{"status":401,"body":"Access token expired"}}"#);
    world.session.keep_connected(KeepConnected::default());
    world.run_for(HOUR);
    let logins: Vec<_> =
        world.sent.iter().filter(|(_, step)| *step == Step::GetBearerToken).map(|(at, _)| *at).collect();
    assert!(logins.len() <= 12);
    let eight_in = logins[7] - logins[0];
    assert!(eight_in > 2 * MINUTE, "{eight_in:?}");
}

#[test]
fn a_session_lives_on_while_the_login_budget_is_spent() {
    let mut world = World::new();
    // IBKR seems to say that the session is about to end, whatever is done.
    let ending =
        r#"{"session":"aa","ssoExpires":0,"iserver":{"authStatus":{"authenticated":true,"connected":true}}}"#;
    world.fault(&format!(r#"{{"on":"tickle","do":{{"status":200,"processed":true,"body":{ending}}}}}"#));
    world
        .session
        .keep_connected(KeepConnected::default().with_logins(LoginBudget { per_hour: 2, per_day: 2 }));
    world.run_for(10 * HOUR);
    assert!(world.works(), "{}", world.story());
    assert_eq!(world.count(Step::GetBearerToken), 1, "nothing was wrong");
}

#[test]
fn a_session_that_nobody_looks_at_after_a_refusal_is_not_called_good() {
    for tier in [Tier::Brokerage, Tier::ReadOnly] {
        let mut world = kept(World::with(|_| {}, |c| c.with_tier(tier)), KeepConnected::default());
        let tickles = world.count(Step::Tickle);
        world.road_block = Some(TransportKind::TooLarge);
        while world.count(Step::Tickle) == tickles {
            world.run_for(SECOND / 10);
        }
        world.road_block = Some(TransportKind::ProxyRefused);
        world.run_for(10 * SECOND);
        assert_eq!(world.session.phase(), Phase::Recovering, "{}", world.story());
        world.road_block = None;
        world.run_for(MINUTE);
        assert_eq!(world.session.phase(), Phase::Connected, "{}", world.story());
    }
}

#[test]
fn beginning_again_gives_no_new_budget() {
    let mut world = World::new();
    let policy = KeepConnected::default().with_logins(LoginBudget { per_hour: 3, per_day: 3 });
    for _ in 0..20 {
        world.session.keep_connected(policy.clone());
        world.run_for(10 * SECOND);
        world.sim.restart();
    }
    assert!(world.count(Step::GetBearerToken) <= 3, "{}", world.count(Step::GetBearerToken));
}

#[test]
fn the_read_only_tier_keeps_the_pace_of_looks_too() {
    let read_only = |config: Config| config.with_tier(Tier::ReadOnly);
    let mut world = kept(World::with(|_| {}, read_only), KeepConnected::default());
    let before = world.count(Step::Tickle);
    for _ in 0..100 {
        world.session.check();
        world.run_for(SECOND / 10);
    }
    let looks = world.count(Step::Tickle) - before;
    assert!((4..=6).contains(&looks), "{looks}");
    assert!(world.sim.counters().refusals.is_empty(), "{:?}", world.sim.counters().refusals);
}

#[test]
fn a_429_to_validate_stops_no_tickles() {
    let mut world = connected();
    world.fault(r#"{"on":"sso/validate","calls":1,"do":{"status":429}}"#);
    world.run_for(20 * MINUTE);
    assert_eq!(world.session.phase(), Phase::Connected, "{}", world.story());
    assert!(world.count(Step::Tickle) >= 19 && world.works());
}
