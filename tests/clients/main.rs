//! One list of behaviours, run by both clients against the simulator over TLS.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{
    Advice, Config, Error, ErrorKind, Event, History, Host, KeepConnected, Request, Secret, Session, Step,
    Tier, TransportError, TransportKind, testing,
};
use ibkr_auth_tests::{
    driver::{Driver, Http, Kept},
    for_both_clients,
    lab::{Lab, PUBLIC_IP, key},
};
use ibkr_sim::{Endpoint, demo};

mod alike;
mod connections;
mod oauth1;
mod roads;
mod rough;

for_both_clients!(
    connect_logs_in_with_four_requests_on_two_connections,
    the_steps_of_ibauth_one_by_one,
    the_read_only_tier_leaves_the_brokerage_session_alone,
    waits_until_the_session_is_established,
    connections_are_kept_for_the_next_request,
    a_clock_that_is_wrong_is_corrected,
    a_wrong_key_id_is_refused_once_and_plainly,
    a_wrong_username_is_refused_plainly,
    a_wrong_address_is_refused_plainly,
    a_failing_step_is_tried_again_with_a_new_assertion,
    every_fault_ends_in_an_error_within_the_time_limit,
    nobody_listening_is_named_as_such,
    redirects_are_not_followed,
    a_competing_login_is_noticed,
    a_request_of_ones_own_is_sent_once_with_the_sessions_headers,
    events_tell_each_step,
    a_closure_is_a_client,
    a_login_can_be_given_up_and_gone_on_with,
    each_profile_is_a_client_of_its_own,
    a_path_is_enough_for_a_request,
    a_request_of_ones_own_ends_within_the_time_limit,
    an_answer_above_one_mebibyte_is_refused,
    a_file_is_a_client_that_saves_its_session,
    an_http_stack_sends_without_a_session,
    the_environment_alone_without_a_client_id_is_no_client,
    whoever_is_started_over_and_over_is_held_back,
);

/// A client of the demo identity in a lab.
fn client<D: Driver>(lab: &Lab) -> D {
    with(lab, lab.config())
}

fn with<D: Driver>(lab: &Lab, config: Config) -> D {
    D::new(config, key(), &lab.transport()).unwrap()
}

fn connect_logs_in_with_four_requests_on_two_connections<D: Driver>() {
    let lab = Lab::new();
    let connected = client::<D>(&lab).connect().unwrap();
    assert_eq!(connected.public_ip, Some(PUBLIC_IP));
    assert!(connected.auth_status.unwrap().is_ready());
    let counters = lab.server.handle().counters();
    assert_eq!(counters.total(), 4, "{counters:?}");
    assert!(counters.refusals.is_empty());
    let connections = lab.server.handle().connections();
    assert_eq!(
        (connections.tcp, connections.tls_full),
        (2, 1),
        "one to IBKR, one to the look-up (without TLS)"
    );
}

fn the_steps_of_ibauth_one_by_one<D: Driver>() {
    let lab = Lab::new();
    let mut client = client::<D>(&lab);
    assert_eq!(client.get_bearer_token().unwrap_err().kind(), ErrorKind::OutOfOrder);
    assert_eq!(client.get_access_token().unwrap().expires_in, Some(Duration::from_secs(86_399)));
    client.get_bearer_token().unwrap();
    assert!(client.ssodh_init().unwrap().authenticated);
    assert!(client.validate_sso().unwrap().paper.unwrap());
    assert!(client.status().unwrap().is_ready());
    for _ in 0..3 {
        let tickle = client.tickle().unwrap();
        assert!(tickle.auth_status.is_ready());
        assert_eq!(tickle.session_id.unwrap().expose().len(), 32);
        lab.server.handle().advance(Duration::from_secs(60));
    }
    client.logout().unwrap();
    assert!(client.session().headers().is_none());
    assert!(lab.server.handle().counters().refusals.is_empty());
}

fn the_read_only_tier_leaves_the_brokerage_session_alone<D: Driver>() {
    let lab = Lab::new();
    let mut client: D = with(&lab, lab.config().with_tier(Tier::ReadOnly));
    assert!(client.connect().unwrap().auth_status.is_none());
    assert!(client.session().is_connected());
    assert_eq!(lab.server.handle().count(Endpoint::Init), 0);
}

fn waits_until_the_session_is_established<D: Driver>() {
    let lab = Lab::with(|config| config.sim.rules.established_after = Duration::from_millis(500));
    let connected = client::<D>(&lab).connect().unwrap();
    assert_eq!(connected.auth_status.unwrap().established, Some(true));
    assert!(connected.sso.unwrap().paper.unwrap(), "asked while waiting");
    assert_eq!(lab.server.handle().count(Endpoint::Status), 1);
}

fn connections_are_kept_for_the_next_request<D: Driver>() {
    let lab = Lab::new();
    let mut client = client::<D>(&lab);
    client.connect().unwrap();
    let before = lab.server.handle().connections();
    for _ in 0..5 {
        client.tickle().unwrap();
        lab.server.handle().advance(Duration::from_secs(1));
    }
    assert_eq!(lab.server.handle().connections(), before);
}

fn a_clock_that_is_wrong_is_corrected<D: Driver>() {
    for offset in [280_000, -280_000, 7_000, -25_000] {
        let lab = Lab::new();
        lab.server.handle().step_millis(offset);
        let mut client = client::<D>(&lab);
        client.connect().unwrap();
        let seen = client.session().clock_skew().millis();
        assert!((offset - 2_500..offset + 500).contains(&seen), "{offset}: {seen}");
        assert!(lab.server.handle().count(Endpoint::Token) <= 2);
    }
}

fn a_wrong_key_id_is_refused_once_and_plainly<D: Driver>() {
    let lab = Lab::new();
    let config = Config::new(demo::CLIENT_ID, "another", demo::CREDENTIAL).unwrap();
    let error = with::<D>(&lab, config.with_host(lab.config().host().clone())).connect().unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Rejected, Some(Step::GetAccessToken)));
    assert_eq!(error.advice(), Advice::DoNotRetry);
    assert!(error.to_string().contains("client_key_id"), "{error}");
    assert_eq!(lab.server.handle().count(Endpoint::Token), 1);
}

fn a_wrong_username_is_refused_plainly<D: Driver>() {
    let lab = Lab::new();
    let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, "nobody").unwrap();
    let config = config.with_host(lab.config().host().clone()).with_public_ip(PUBLIC_IP).unwrap();
    let error = with::<D>(&lab, config).connect().unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Rejected, Some(Step::GetBearerToken)));
    assert!(error.to_string().contains("credential") && !error.to_string().contains("nobody"), "{error}");
}

fn a_wrong_address_is_refused_plainly<D: Driver>() {
    let lab = Lab::new();
    let config = lab.config().with_public_ip([198, 51, 100, 1].into()).unwrap();
    let error = with::<D>(&lab, config).connect().unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::Rejected, Some(Step::GetBearerToken)));
    assert!(error.to_string().contains("public_ip"), "{error}");
}

fn a_failing_step_is_tried_again_with_a_new_assertion<D: Driver>() {
    for fault in [
        r#"{"on":"token","calls":1,"do":{"status":503}}"#,
        r#"{"on":"token","calls":1,"do":{"reset":true,"processed":true}}"#,
        r#"{"on":"sso-sessions","calls":1,"do":{"truncate":10}}"#,
        r#"{"on":"ssodh/init","calls":1,"do":{"status":500,"body":"{\"error\":\"\"}"}}"#,
    ] {
        let lab = Lab::new();
        lab.server.handle().fault(fault).unwrap();
        client::<D>(&lab).connect().unwrap_or_else(|error| panic!("{fault}: {error}"));
        let counters = lab.server.handle().counters();
        assert!(counters.refusals.is_empty(), "{fault}: {:?}", counters.refusals);
        assert_eq!(counters.total(), 5, "{fault}");
    }
}

fn every_fault_ends_in_an_error_within_the_time_limit<D: Driver>() {
    let faults = [
        r#"{"status":403,"html":true}"#,
        r#"{"status":429}"#,
        r#"{"garbage":true}"#,
        r#"{"html":true}"#,
        r#"{"huge":67108864}"#,
        r#"{"gzip":true}"#,
        r#"{"hang":true}"#,
        r#"{"reset":true}"#,
        r#"{"truncate":5}"#,
        r#"{"drip_ms":400}"#,
        r#"{"delay_ms":3000}"#,
        r#"{"redirect":"https://example.com/"}"#,
    ];
    let lab = Lab::new();
    let mut client: D = with(&lab, lab.config().with_timeout(Duration::from_secs(1)).unwrap());
    client.connect().unwrap();
    for fault in faults {
        lab.server.handle().clear_faults();
        lab.server.handle().fault(&format!(r#"{{"on":"tickle","do":{fault}}}"#)).unwrap();
        lab.server.handle().advance(Duration::from_secs(2));
        let error = client.tickle().expect_err(fault);
        assert_eq!(error.step(), Some(Step::Tickle), "{fault}: {error}");
        assert!(!error.help().is_empty(), "{fault}: {error}");
    }
    lab.server.handle().clear_faults();
    lab.server.handle().advance(Duration::from_secs(2));
    client.tickle().expect("a client survives every fault");
}

fn nobody_listening_is_named_as_such<D: Driver>() {
    let lab = Lab::new();
    let mut client = client::<D>(&lab);
    drop(lab);
    let error = client.get_access_token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().contains("no connection"), "{error}");
}

fn redirects_are_not_followed<D: Driver>() {
    let lab = Lab::new();
    let elsewhere = Lab::new();
    let fault = format!(r#"{{"on":"token","do":{{"redirect":"{}"}}}}"#, elsewhere.server.base_url());
    lab.server.handle().fault(&fault).unwrap();
    let error = client::<D>(&lab).connect().unwrap_err();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Unreadable, Advice::DoNotRetry));
    assert_eq!(elsewhere.server.handle().counters().total(), 0);
}

fn a_competing_login_is_noticed<D: Driver>() {
    let lab = Lab::new();
    let mut client =
        D::new(lab.config().with_compete(true), ibkr_auth_tests::lab::key(), &lab.transport()).unwrap();
    client.connect().unwrap();
    lab.server.handle().kick(None);
    let status = client.tickle().unwrap().auth_status;
    assert!(status.competing && !client.session().is_connected());
    assert!(client.ssodh_init().unwrap().authenticated);
    assert!(client.session().is_connected());
}

fn a_request_of_ones_own_is_sent_once_with_the_sessions_headers<D: Driver>() {
    let lab = Lab::new();
    let mut client = client::<D>(&lab);
    let request = || get("/v1/api/portfolio/accounts");
    assert_eq!(client.send(request()).unwrap_err().kind(), ErrorKind::OutOfOrder);
    client.connect().unwrap();
    let accounts = client.send(request()).unwrap();
    assert!(String::from_utf8_lossy(accounts.body()).contains(demo::ACCOUNT));

    client.send(get("/v1/api/iserver/accounts")).unwrap();
    let order = br#"{"orders":[{"conid":265598,"orderType":"MKT","side":"BUY","quantity":1,"tif":"DAY"}]}"#;
    let order = || {
        let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
        http::Request::post(path).header("content-type", "application/json").body(order.to_vec()).unwrap()
    };
    lab.server
        .handle()
        .fault(r#"{"on":"place-order","calls":1,"do":{"reset":true,"processed":true}}"#)
        .unwrap();
    assert_eq!(client.send(order()).unwrap_err().kind(), ErrorKind::Transport);
    assert_eq!(lab.server.handle().counters().orders, 1, "executed, its answer lost, and not sent again");
    assert!(client.send(order()).unwrap().status().is_success());
    assert_eq!(lab.server.handle().counters().orders, 2);
}

fn events_tell_each_step<D: Driver>() {
    let lab = Lab::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut client = client::<D>(&lab);
    let listener = Arc::clone(&told);
    client.on_event(move |event| listener.lock().unwrap().push(event.clone()));
    client.connect().unwrap();
    let told = told.lock().unwrap();
    let done: Vec<_> = told
        .iter()
        .filter_map(|event| if let Event::Done { step, .. } = event { Some(*step) } else { None })
        .collect();
    assert_eq!(done.len(), 4, "{told:?}");
    assert!(matches!(told.last(), Some(Event::Connected)));
}

fn a_closure_is_a_client<D: Driver>() {
    let session = Session::new(testing::config(), testing::FakeKey, 0);
    let mut client = D::with_http(session, |request, _| match Step::of(&request) {
        Some(Step::Tickle) => Err(TransportError::new(TransportKind::Connect, "unplugged")),
        _ => Ok(testing::healthy_http(&request)),
    });
    client.connect().unwrap();
    let error = client.tickle().unwrap_err();
    assert!(error.to_string().contains("unplugged"));
}

fn a_login_can_be_given_up_and_gone_on_with<D: Driver>() {
    let lab = Lab::new();
    lab.server.handle().fault(r#"{"on":"ssodh/init","calls":1,"do":{"status":503}}"#).unwrap();
    lab.server.handle().fault(r#"{"on":"ssodh/init","calls":2,"do":{"delay_ms":1000}}"#).unwrap();
    let mut client = client::<D>(&lab);
    let error = client.connect_within(Duration::from_millis(400)).unwrap_err();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Timeout, Advice::Reconnect), "{error}");
    assert!(error.message().contains("0.4 s") && error.message().contains("ssodh_init"), "{error}");
    assert!(error.help().contains("logout"), "{error}");
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Error>()).unwrap();
    assert_eq!((cause.kind(), cause.step()), (ErrorKind::Server, Some(Step::SsodhInit)), "{cause}");
    client.connect_within(Duration::from_secs(60)).unwrap();
    assert_eq!(lab.server.handle().counters().bearers, 1, "the same login went on");
}

fn each_profile_is_a_client_of_its_own<D: Driver>() {
    let lab = Lab::new();
    let path = lab.config_yaml();
    let plain = std::fs::read_to_string(&path).unwrap();
    let (line, rest): (Vec<_>, Vec<_>) = plain.lines().partition(|line| line.starts_with("credential"));
    let profiles = format!(
        "{}\nprofiles:\n  good:\n    {}\n  bad:\n    credential: nobody\n",
        rest.join("\n"),
        line.concat()
    );
    std::fs::write(&path, profiles).unwrap();
    D::from_yaml_profile(&path, "good").unwrap().connect().unwrap();
    let other = D::from_yaml_profile(&path, "bad").unwrap();
    assert_eq!(other.session().config().login().user(), "nobody");
    let error = D::from_yaml_profile(&path, "none").map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("good"), "{error}");
}

fn a_path_is_enough_for_a_request<D: Driver>() {
    let lab = Lab::new();
    let mut client = client::<D>(&lab);
    client.connect().unwrap();
    let accounts = client.get("/v1/api/portfolio/accounts").unwrap();
    assert!(String::from_utf8_lossy(accounts.body()).contains(demo::ACCOUNT));
    assert!(client.get("/v1/api/iserver/accounts").unwrap().status().is_success());
    let order = r#"{"orders":[{"conid":265598,"orderType":"MKT","side":"BUY","quantity":1,"tif":"DAY"}]}"#;
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    assert!(client.post_json(&path, order.into()).unwrap().status().is_success());
    assert_eq!(lab.server.handle().counters().orders, 1);
    let error = client.get("/portfolio/accounts").unwrap_err();
    assert!(error.to_string().starts_with("the path must begin with /v1/api"), "{error}");
}

fn a_request_of_ones_own_ends_within_the_time_limit<D: Driver>() {
    let lab = Lab::new();
    let mut client: D = with(&lab, lab.config().with_timeout(Duration::from_secs(1)).unwrap());
    client.connect().unwrap();
    lab.server.handle().fault(r#"{"on":"portfolio/accounts","do":{"delay_ms":10000}}"#).unwrap();
    let error = client.send(get("/v1/api/portfolio/accounts")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

fn an_answer_above_one_mebibyte_is_refused<D: Driver>() {
    let lab = Lab::new();
    let mut client: D = client(&lab);
    client.connect().unwrap();
    let huge = |bytes: usize| {
        lab.server.handle().clear_faults();
        let fault = format!(r#"{{"on":"portfolio/accounts","do":{{"huge":{bytes}}}}}"#);
        lab.server.handle().fault(&fault).unwrap();
        client.send(get("/v1/api/portfolio/accounts"))
    };
    assert_eq!(huge(1 << 20).unwrap().body().len(), 1 << 20);
    let error = huge((1 << 20) + 1).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

fn a_file_is_a_client_that_saves_its_session<D: Driver>() {
    let lab = Lab::with(|config| config.sim.rules.pacing = None);
    let mut first = D::from_yaml(&lab.config_yaml()).unwrap();
    assert!(first.save().is_none() && first.headers().is_none() && !first.is_connected());
    first.connect().unwrap();
    assert!(first.is_connected());
    assert!(first.headers().unwrap()["authorization"].is_sensitive());
    let mut second = client::<D>(&lab);
    second.restore(&first.save().unwrap()).unwrap();
    assert!(second.tickle().unwrap().auth_status.is_ready());
    assert_eq!(lab.server.handle().counters().bearers, 1);
}

fn an_http_stack_sends_without_a_session<D: Driver>() {
    let lab = Lab::new();
    let http = D::Http::new(&lab.transport()).unwrap();
    let second = Duration::from_secs(1);
    for limit in [5 * second, 5 * second, 4 * second] {
        assert!(http.send(get(&lab.server.lookup_url()), limit).unwrap().status().is_success());
    }
    lab.server.handle().fault(r#"{"on":"lookup","do":{"hang":true}}"#).unwrap();
    let failure = http.send(get(&lab.server.lookup_url()), second).unwrap_err();
    assert_eq!(failure.kind(), TransportKind::Timeout, "{failure}");
    assert!(failure.to_string().contains("1s"), "{failure}");
}

fn the_environment_alone_without_a_client_id_is_no_client<D: Driver>() {
    let error = D::from_env().map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("IBKR_AUTH_CLIENT_ID"), "{error}");
}

fn get(path: &str) -> Request {
    http::Request::get(path).body(Vec::new()).unwrap()
}

#[test]
fn dropping_a_connect_half_way_loses_nothing() {
    let lab = Lab::with(|config| config.one_way_delay = Duration::from_millis(20));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut client = ibkr_auth_async::Client::new(lab.config(), key(), &lab.transport()).unwrap();
    runtime.block_on(async {
        let cut = tokio::time::timeout(Duration::from_millis(50), client.connect()).await;
        assert!(cut.is_err(), "cut off half-way");
        client.connect().await.unwrap();
    });
    assert_eq!(lab.server.handle().count(Endpoint::Token), 1, "the same login went on");
}

mod cancelling {
    use std::{sync::mpsc, thread};

    use ibkr_auth_blocking::{Canceller, Client};

    use super::*;

    /// Cancels as soon as the step that hangs is on its way.
    fn cancelled_at(lab: &Lab, step: Step) -> (Client, ibkr_auth_blocking::Error) {
        let mut client = Client::new(lab.config(), key(), &lab.transport()).unwrap();
        let canceller = Canceller::of(&client);
        let (told, sent) = mpsc::channel();
        client.on_event(move |event| {
            if matches!(event, Event::Sent { step: sent } if *sent == step) {
                let _ = told.send(());
            }
        });
        let other = thread::spawn(move || {
            sent.recv().unwrap();
            canceller.cancel();
        });
        let error = client.connect().unwrap_err();
        other.join().unwrap();
        (client, error)
    }

    #[test]
    fn a_connect_ends_at_once_and_says_what_it_may_leave_behind() {
        let lab = Lab::new();
        lab.server.handle().fault(r#"{"on":"ssodh/init","do":{"hang":true}}"#).unwrap();
        let (mut client, error) = cancelled_at(&lab, Step::SsodhInit);
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(error.to_string().contains("logout"), "{error}");
        client.logout().unwrap();
        assert_eq!(lab.server.handle().count(Endpoint::Logout), 1);
        assert!(lab.server.handle().count(Endpoint::Init) <= 1, "never sent again");
    }

    #[test]
    fn a_session_that_comes_after_the_cancelling_is_logged_out() {
        let lab = Lab::new();
        lab.server.handle().fault(r#"{"on":"sso-sessions","do":{"delay_ms":500}}"#).unwrap();
        let (mut client, error) = cancelled_at(&lab, Step::GetBearerToken);
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(client.headers().is_none(), "its answer had not come");
        client.logout().unwrap();
        let counters = lab.server.handle().counters();
        assert_eq!((counters.bearers, lab.server.handle().count(Endpoint::Logout)), (1, 1));
    }

    #[test]
    fn what_begins_later_is_not_ended() {
        let lab = Lab::new();
        let mut client = Client::new(lab.config(), key(), &lab.transport()).unwrap();
        let canceller = Canceller::of(&client);
        canceller.cancel();
        client.connect().unwrap();
        canceller.clone().cancel();
        lab.server.handle().advance(Duration::from_secs(2));
        client.tickle().unwrap();
    }
}

fn whoever_is_started_over_and_over_is_held_back<D: Driver>() {
    let new = |history: &History| {
        let session = Session::new(testing::config(), testing::FakeKey, 0);
        let mut client = D::with_http(session, |request, _| Ok(testing::healthy_http(&request)));
        client.recall(history);
        client
    };
    let mut history = History::default();
    for login in 1..=8 {
        let mut client = new(&history);
        let outcome = client.connect().map_err(|error| error.kind());
        assert_eq!(outcome.err(), (login > 6).then_some(ErrorKind::LoginsSpent), "{login}");
        history = client.history();
    }
    let mut client = new(&history);
    client.override_guard();
    let handle = client.keep_connected(KeepConnected::default());
    handle.ready(Duration::from_secs(60)).unwrap();
    assert_eq!(handle.history().logins.len(), 7);
    handle.stop().unwrap();
}
