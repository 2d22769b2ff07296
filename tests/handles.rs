//! The automatic mode of both clients over real TLS: one list of behaviours.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use ibkr_auth_core::{
    Advice, Error, ErrorKind, Event, KeepConnected, LoginBudget, Phase, SavedSession, Session, Sign,
    SignError, Step, testing,
};
use ibkr_auth_tests::{
    driver::{Driver, Kept},
    for_both_clients,
    lab::{Lab, key},
};
use ibkr_sim::Endpoint;

for_both_clients!(
    it_becomes_ready_and_opens_the_api,
    it_heals_what_a_users_request_has_found_broken,
    it_stops_with_a_reason_at_what_cannot_be_cured,
    waiting_to_be_ready_has_an_end,
    pausing_and_resuming,
    stopping_logs_out_and_ends_everything,
    dropping_the_last_handle_logs_out,
    a_slow_listener_holds_nothing_up_and_loses_the_oldest,
    asking_to_check_a_thousand_times_is_asking_once,
    a_session_goes_on_in_another_client,
    detaching_gives_the_session_without_a_logout,
    a_listener_that_panics_stops_the_session,
    a_key_that_panics_stops_the_session,
    a_request_before_the_session_is_ready_says_so,
    every_form_of_a_lost_session_makes_it_look,
);

const SOON: Duration = Duration::from_secs(20);

fn kept<D: Driver>(lab: &Lab) -> impl Kept {
    client::<D>(lab).keep_connected(KeepConnected::default())
}

fn client<D: Driver>(lab: &Lab) -> D {
    D::new(lab.config(), key(), &lab.transport()).unwrap()
}

fn accounts(handle: &impl Kept) -> u16 {
    let request = http::Request::get("/v1/api/portfolio/accounts").body(Vec::new()).unwrap();
    handle.send(request).unwrap().status().as_u16()
}

/// Waits for an event.
fn until(events: &mut dyn FnMut() -> Option<Event>, wanted: impl Fn(&Event) -> bool) {
    while !wanted(&events().expect("it comes before the end")) {}
}

fn it_becomes_ready_and_opens_the_api<D: Driver>() {
    let lab = Lab::new();
    let handle = kept::<D>(&lab);
    handle.ready(SOON).unwrap();
    assert_eq!((handle.phase(), accounts(&handle)), (Phase::Connected, 200));
    lab.server.handle().advance(Duration::from_secs(6));
    assert_eq!(handle.get("/v1/api/portfolio/accounts").unwrap().status(), 200);
    let error = handle.post_json("/portfolio/accounts", Vec::new()).unwrap_err();
    assert!(error.to_string().starts_with("the path must begin with /v1/api"), "{error}");
    // Nothing was left to another login.
    handle.ask_again();
    assert!(handle.headers().unwrap()["authorization"].is_sensitive());
    assert!(handle.bearer().is_some());
    // Before the logout: a tickle that is on its way then comes too late, and is refused.
    assert_eq!(lab.server.handle().counters().refusals, BTreeMap::new());
    handle.stop().unwrap();
}

fn it_heals_what_a_users_request_has_found_broken<D: Driver>() {
    let lab = Lab::new();
    let handle = kept::<D>(&lab);
    handle.ready(SOON).unwrap();
    lab.server.handle().advance(Duration::from_secs(2));
    let mut events = handle.events();
    lab.server.handle().restart();
    assert_eq!(accounts(&handle), 401, "found out by the user, not by a tickle");
    until(&mut *events, |event| matches!(event, Event::Recovered { .. }));
    drop(events);
    handle.ready(SOON).unwrap();
    lab.server.handle().advance(Duration::from_secs(6));
    assert_eq!(accounts(&handle), 200);
}

fn it_stops_with_a_reason_at_what_cannot_be_cured<D: Driver>() {
    let lab = Lab::new();
    lab.server.handle().fault(r#"{"on":"token","do":{"status":401}}"#).unwrap();
    let handle = kept::<D>(&lab);
    assert_eq!(handle.ready(SOON).unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(handle.phase(), Phase::Stopped);
    handle.pause();
    handle.resume();
    assert_eq!(handle.ready(Duration::from_millis(300)).unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(lab.server.handle().count(Endpoint::Token), 1, "coming back cures nothing");
    lab.server.handle().clear_faults();
    let mut events = handle.events();
    handle.keep_connected(KeepConnected::default());
    until(&mut *events, |event| matches!(event, Event::Phase { phase: Phase::Connected, .. }));
    handle.stop().unwrap();
}

fn waiting_to_be_ready_has_an_end<D: Driver>() {
    let lab = Lab::new();
    lab.server.handle().fault(r#"{"on":"token","do":{"status":503}}"#).unwrap();
    let handle = kept::<D>(&lab);
    let error = handle.ready(Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    // On a Saturday evening in New York the second is what it is taken for.
    let phases = ["connecting", "closed for maintenance"];
    assert!(phases.iter().any(|phase| error.to_string().contains(phase)), "{error}");
}

fn pausing_and_resuming<D: Driver>() {
    let lab = Lab::new();
    let handle = kept::<D>(&lab);
    handle.ready(SOON).unwrap();
    let mut events = handle.events();
    handle.pause();
    until(&mut *events, |event| matches!(event, Event::LoggedOut));
    assert!(handle.headers().is_none());
    handle.resume();
    until(&mut *events, |event| matches!(event, Event::Phase { phase: Phase::Connected, .. }));
    drop(events);
    handle.ready(SOON).unwrap();
}

fn stopping_logs_out_and_ends_everything<D: Driver>() {
    let lab = Lab::new();
    let handle = kept::<D>(&lab);
    handle.ready(SOON).unwrap();
    let mut events = handle.events();
    handle.another().stop().unwrap();
    assert_eq!(lab.server.handle().count(Endpoint::Logout), 1);
    while events().is_some() {}
    assert!(handle.events()().is_none(), "nothing will happen any more");
    assert!(handle.headers().is_none());
    assert_eq!(handle.ready(SOON).unwrap_err().kind(), ErrorKind::Cancelled);
    handle.stop().unwrap();
    assert_eq!(lab.server.handle().count(Endpoint::Logout), 1, "once is enough");
}

fn dropping_the_last_handle_logs_out<D: Driver>() {
    let lab = Lab::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut client = client::<D>(&lab);
    let listener = Arc::clone(&told);
    client.on_event(move |event| listener.lock().unwrap().push(event.clone()));
    let handle = client.keep_connected(KeepConnected::default());
    handle.ready(SOON).unwrap();
    let second = handle.another();
    drop(handle);
    assert_eq!(accounts(&second), 200, "one is left");
    second.drop_but_run_until(|| matches!(told.lock().unwrap().last(), Some(Event::LoggedOut)));
    assert_eq!(lab.server.handle().count(Endpoint::Logout), 1);
}

fn a_slow_listener_holds_nothing_up_and_loses_the_oldest<D: Driver>() {
    let lab = Lab::new();
    let handle = kept::<D>(&lab);
    handle.ready(SOON).unwrap();
    let asleep = handle.events();
    let host = lab.config().host().clone();
    for _ in 0..2_000 {
        handle.set_host(host.clone());
    }
    handle.ready(SOON).unwrap();
    assert_eq!(accounts(&handle), 200);
    handle.stop().unwrap();
    let mut asleep = asleep;
    let heard: Vec<_> = std::iter::from_fn(&mut *asleep).collect();
    assert_eq!(heard.len(), 256, "the oldest are lost");
    assert!(heard.iter().any(|event| matches!(event, Event::LoggedOut)), "the newest are not");
}

fn asking_to_check_a_thousand_times_is_asking_once<D: Driver>() {
    let lab = Lab::new();
    let handle = kept::<D>(&lab);
    handle.ready(SOON).unwrap();
    let mut events = handle.events();
    for _ in 0..100_000 {
        handle.check();
    }
    until(&mut *events, |event| matches!(event, Event::Done { step: Step::Tickle, .. }));
    drop(events);
    assert_eq!(handle.phase(), Phase::Connected);
    assert!(lab.server.handle().count(Endpoint::Tickle) <= 2);
}

fn detaching_gives_the_session_without_a_logout<D: Driver>() {
    let lab = Lab::with(|config| config.sim.rules.pacing = None);
    let first = kept::<D>(&lab);
    first.ready(SOON).unwrap();
    let saved = first.detach().unwrap();
    assert_eq!(first.phase(), Phase::Off);
    assert_eq!(first.ready(SOON).unwrap_err().kind(), ErrorKind::Cancelled);
    drop(first);
    assert_eq!(lab.server.handle().count(Endpoint::Logout), 0);

    let mut second = client::<D>(&lab);
    second.restore(&saved).unwrap();
    assert!(second.tickle().unwrap().auth_status.is_ready());
    second.logout().unwrap();
}

fn a_session_goes_on_in_another_client<D: Driver>() {
    let lab = Lab::with(|config| config.sim.rules.pacing = None);
    let first = kept::<D>(&lab);
    first.ready(SOON).unwrap();
    let saved = SavedSession::new(first.save().unwrap().expose());
    lab.server.handle().advance(Duration::from_secs(2));

    let mut second = client::<D>(&lab);
    second.restore(&saved).unwrap();
    assert!(second.tickle().unwrap().auth_status.is_ready());
    let policy = KeepConnected::default().with_logins(LoginBudget { per_hour: 1, per_day: 1 });
    lab.server.handle().advance(Duration::from_secs(2));
    let second = second.keep_connected(policy);
    second.ready(SOON).unwrap();
    assert_eq!(lab.server.handle().counters().bearers, 1, "no second login");
}

fn a_listener_that_panics_stops_the_session<D: Driver>() {
    let lab = Lab::new();
    let mut client = client::<D>(&lab);
    client.on_event(|event| {
        assert!(!matches!(event, Event::Phase { phase: Phase::Recovering, .. }), "a listener that panics");
    });
    dies_when_it_heals(&lab, client);
}

fn a_key_that_panics_stops_the_session<D: Driver>() {
    /// Signs one login.
    struct Mortal(AtomicU32);

    impl Sign for Mortal {
        fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) < 2, "a key that panics");
            key().sign(input)
        }
    }

    let lab = Lab::new();
    let client: D = D::new(lab.config(), Mortal(AtomicU32::new(0)), &lab.transport()).unwrap();
    dies_when_it_heals(&lab, client);
}

/// What a program sees of a session whose background has panicked, and that it can begin anew.
fn dies_when_it_heals<D: Driver>(lab: &Lab, client: D) {
    let handle = client.keep_connected(KeepConnected::default());
    handle.ready(SOON).unwrap();
    lab.server.handle().advance(Duration::from_secs(2));
    let mut events = handle.events();
    lab.server.handle().restart();
    assert_eq!(accounts(&handle), 401);
    let kind = |error: &Error| error.kind() == ErrorKind::Panicked && error.advice() == Advice::Reconnect;
    until(&mut *events, |event| match event {
        Event::Phase { phase: Phase::Stopped, because: Some(error) } => kind(error),
        _ => false,
    });
    assert!(events().is_none(), "nothing will happen any more");
    drop(events);

    let snapshot = handle.snapshot();
    assert_eq!((handle.phase(), snapshot.is_connected()), (Phase::Stopped, false));
    assert!(handle.headers().is_none() && handle.bearer().is_none());
    assert!(snapshot.stopped_by().is_some_and(kind));
    assert!(kind(&handle.ready(SOON).unwrap_err()) && kind(&handle.stop().unwrap_err()));
    let request = http::Request::get("/v1/api/portfolio/accounts").body(Vec::new()).unwrap();
    assert_eq!(handle.send(request).unwrap_err().kind(), ErrorKind::NotConnected);
    assert!(handle.save().is_some(), "what may live on at IBKR can be gone on with");
    assert_eq!(lab.server.handle().count(Endpoint::Logout), 0);

    lab.server.handle().advance(Duration::from_secs(60));
    self::client::<D>(lab).connect().unwrap();
}

/// `ready` would be told the same, and the message speaks of it.
fn a_request_before_the_session_is_ready_says_so<D: Driver>() {
    let lab = Lab::new();
    lab.server.handle().fault(r#"{"on":"token","do":{"hang":true}}"#).unwrap();
    let handle = kept::<D>(&lab);
    let request = http::Request::get("/v1/api/portfolio/accounts").body(Vec::new()).unwrap();
    let error = handle.send(request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(error.to_string().contains("connecting") && error.help().contains("ready"), "{error}");
}

fn every_form_of_a_lost_session_makes_it_look<D: Driver>() {
    for lost in
        [testing::no_bridge(), testing::expired(), testing::answer(400, r#"{"error":"Init session first"}"#)]
    {
        let status = lost.status().as_u16();
        let session = Session::new(testing::config(), testing::FakeKey, 0);
        let mut client = D::with_http(session, move |request, _| match Step::of(&request) {
            None => Ok(lost.clone()),
            Some(step) => Ok(testing::healthy_answer(step)),
        });
        let (told, looks) = mpsc::channel();
        client.on_event(move |event| {
            if let Event::Done { step: step @ (Step::Tickle | Step::Status), .. } = event {
                let _ = told.send(*step);
            }
        });
        let handle = client.keep_connected(KeepConnected::default());
        handle.ready(SOON).unwrap();
        let tickle = looks.recv_timeout(SOON).expect("the tickle that follows a login");
        assert_eq!(tickle, Step::Tickle);
        assert_eq!(accounts(&handle), status);
        let look = looks.recv_timeout(SOON).expect("a look before the minute is over");
        assert_eq!(look, Step::Status, "tickles are one a second for all programs of a username");
    }
}
