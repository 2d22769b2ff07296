//! Sessions that outlive their process.

use super::*;

#[test]
fn a_saved_session_goes_on_in_another_process_without_a_login() {
    let mut first = connected();
    first.run_for(10 * MINUTE);
    let first_allowed = first.session.validate_allowed_in(first.now);
    let saved = first.session.save(first.now).unwrap();
    let logins = first.sim.counters().bearers;

    let mut second = first.another_process();
    second.session.restore(&SavedSession::new(saved.expose()), second.now).unwrap();
    assert!(second.session.headers().is_some());
    let (asked, again) = (first_allowed, second.session.validate_allowed_in(second.now));
    assert!(again >= asked && again - asked <= 2 * SECOND, "the minute goes on: {asked:?} {again:?}");
    second.session.keep_connected(KeepConnected::default());
    second.run_until_phase(5 * SECOND, Phase::Connected);
    second.run_for(2 * HOUR);
    assert!(second.works());
    assert_eq!(second.sim.counters().bearers, logins, "no login was needed");
    assert!(second.sim.counters().refusals.is_empty(), "{:?}", second.sim.counters().refusals);
}

#[test]
fn a_process_that_takes_over_is_not_too_quick_with_its_first_tickle() {
    let mut first = connected();
    let tickles = first.count(Step::Tickle);
    while first.count(Step::Tickle) == tickles {
        first.run_for(SECOND / 10);
    }
    let saved = first.session.save(first.now).unwrap();
    let mut second = first.another_process();
    second.session.restore(&saved, second.now).unwrap();
    second.session.keep_connected(KeepConnected::default());
    second.run_for(5 * SECOND);
    assert_eq!(second.session.phase(), Phase::Connected);
    assert!(second.sim.counters().refusals.is_empty(), "{:?}", second.sim.counters().refusals);
}

#[test]
fn a_saved_session_that_is_no_longer_good_heals() {
    let first = connected();
    let saved = first.session.save(first.now).unwrap();
    let mut second = first.another_process();
    second.pass(8 * HOUR);
    second.sim.restart();
    second.session.restore(&saved, second.now).unwrap();
    second.session.keep_connected(KeepConnected::default());
    healed(&mut second, 10 * SECOND);
}

#[test]
fn what_ibkr_has_said_already_is_not_asked_again() {
    let first = connected();
    let saved = first.session.save(first.now).unwrap();
    let mut idle = first.another_process();
    idle.pass(6 * MINUTE);
    idle.session.restore(&saved, idle.now).unwrap();
    let ticket = idle.session.tickle();
    idle.run_until(10 * SECOND, |_| ticket.outcome().is_some());
    assert!(!idle.session.is_connected(), "the brokerage session was idle for too long");
    let asked = idle.elapsed();
    idle.session.keep_connected(KeepConnected::default());
    idle.run_until_phase(10 * SECOND, Phase::Connected);
    assert_eq!(idle.since(asked).first(), Some(&Step::SsodhInit), "{}", idle.story());
    assert_eq!(idle.count(Step::GetBearerToken), 1, "that of the first process");
}

#[test]
fn a_saved_session_goes_on_at_the_server_it_had_found() {
    let mut first = connected();
    first.session.set_host(Host::numbered(3).unwrap());
    let saved = first.session.save(first.now).unwrap();
    first.session.set_host(Host::production());

    let mut second = first.another_process();
    let elsewhere = SavedSession::new(saved.expose().replace("3.api.ibkr.com", "evil.example"));
    second.session.restore(&elsewhere, second.now).unwrap();
    assert_eq!(second.session.config().host(), &Host::production());
    second.session.restore(&saved, second.now).unwrap();
    assert_eq!(second.session.config().host().to_string(), "3.api.ibkr.com");
}

#[test]
fn one_difference_is_enough_for_a_saved_session_to_be_refused() {
    let first = connected();
    let saved = first.session.save(first.now).unwrap();
    let config = |client: &str, key: &str, user: &str| Config::new(client, key, user).unwrap();
    let (client, key, user) = (demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL);
    for (difference, config) in [
        ("client", config("OtherClient", key, user)),
        ("key", config(client, "other", user)),
        ("username", config(client, key, "otheruser")),
        ("server", config(client, key, user).with_host(Host::qa())),
    ] {
        let mut other = World::with(|_| {}, |_| config);
        let restored = other.session.restore(&saved, other.now).map_err(|error| error.kind());
        assert_eq!(restored, Err(ErrorKind::Config), "another {difference}");
        assert!(other.session.headers().is_none(), "nothing was changed");
    }
    let mut same = World::with(|_| {}, |_| config(client, key, user));
    same.session.restore(&saved, same.now).unwrap();
}

#[test]
fn detaching_leaves_the_session_and_sends_nothing_more() {
    let mut first = connected();
    let requests = first.sim.counters().total();
    first.session.detach();
    first.run_for(10 * MINUTE);
    assert_eq!(first.session.phase(), Phase::Off);
    assert!(first.session.headers().is_some());
    assert_eq!(first.sim.counters().total(), requests);
}

#[test]
fn a_saved_session_of_somebody_else_or_a_damaged_one_is_refused() {
    let first = connected();
    let saved = first.session.save(first.now).unwrap();
    assert!(!format!("{saved:?}").contains("eyJ"));
    let mut other = World::with(|_| {}, |_| Config::new("other", "main", "other").unwrap());
    assert_eq!(other.session.restore(&saved, other.now).unwrap_err().kind(), ErrorKind::Config);
    let mut same = first.another_process();
    for damaged in
        ["", "{}", "null", &saved.expose()[..saved.expose().len() - 3], &saved.expose().replacen('1', "9", 1)]
    {
        let error = same.session.restore(&SavedSession::new(damaged), same.now).unwrap_err();
        assert!(error.to_string().contains("log in"), "{error}");
        assert!(same.session.headers().is_none(), "nothing was changed");
    }
}
