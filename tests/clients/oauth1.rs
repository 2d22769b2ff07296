//! OAuth 1.0a over TLS, by both clients.

use ibkr_auth_core::stream::Upgrade;
use ibkr_auth_tests::lab::oauth1_key;

use super::*;

for_both_clients!(
    a_login_is_two_requests_and_each_later_one_is_signed,
    the_steps_one_by_one,
    a_file_with_a_consumer_key_is_a_client,
    an_order_is_signed_and_sent_once,
    a_session_that_is_kept_signs_for_a_stream_too,
    a_wrong_signature_key_is_refused_once_and_plainly,
);

fn oauth1<D: Driver>(lab: &Lab) -> D {
    D::new(lab.oauth1_config(), oauth1_key(), &lab.transport()).unwrap()
}

fn a_login_is_two_requests_and_each_later_one_is_signed<D: Driver>() {
    let lab = Lab::new();
    let mut client = oauth1::<D>(&lab);
    let connected = client.connect().unwrap();
    assert!(connected.public_ip.is_none() && connected.auth_status.unwrap().is_ready());
    assert_eq!(lab.server.handle().counters().total(), 2);
    assert!(client.headers().is_none());
    for path in ["/v1/api/iserver/accounts", "/v1/api/iserver/marketdata/snapshot?conids=1,2&fields=31"] {
        assert_ne!(client.get(path).unwrap().status(), 401, "{path}");
    }
    assert!(client.tickle().unwrap().auth_status.is_ready());
    client.logout().unwrap();
    let counters = lab.server.handle().counters();
    assert!(counters.refusals.is_empty(), "{:?}", counters.refusals);
}

fn the_steps_one_by_one<D: Driver>() {
    let lab = Lab::new();
    let mut client = oauth1::<D>(&lab);
    assert_eq!(client.get_access_token().unwrap_err().kind(), ErrorKind::Config);
    let live = client.get_live_session_token().unwrap();
    assert!(live.expires.is_some());
    client.ssodh_init().unwrap();
    assert!(client.status().unwrap().is_ready());
}

fn a_file_with_a_consumer_key_is_a_client<D: Driver>() {
    let lab = Lab::new();
    let path = lab.oauth1_yaml();
    let mut client = D::from_yaml(&path).unwrap();
    client.connect().unwrap();
    let saved = client.save().unwrap();
    let mut next = D::from_yaml(&path).unwrap();
    next.restore(&saved).unwrap();
    assert!(next.tickle().is_ok() && next.is_connected());
    assert_eq!(lab.server.handle().counters().of(Endpoint::LiveSessionToken), 1);
}

fn an_order_is_signed_and_sent_once<D: Driver>() {
    let lab = Lab::new();
    let mut client = oauth1::<D>(&lab);
    client.connect().unwrap();
    client.get("/v1/api/iserver/accounts").unwrap();
    let order = br#"{"orders":[{"conid":265598,"orderType":"MKT","side":"BUY","quantity":1,"tif":"DAY","cOID":"one"}]}"#;
    let path = format!("/v1/api/iserver/account/{}/orders", demo::ACCOUNT);
    let answer = client.post_json(&path, order.to_vec()).unwrap();
    assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(answer.body()));
    assert_eq!(lab.server.handle().orders().len(), 1);
}

fn a_session_that_is_kept_signs_for_a_stream_too<D: Driver>() {
    let lab = Lab::new();
    let handle = oauth1::<D>(&lab).keep_connected(KeepConnected::default());
    handle.ready(Duration::from_secs(20)).unwrap();
    assert_eq!(handle.get("/v1/api/iserver/accounts").unwrap().status(), 200);
    let request = handle.websocket().map(Upgrade::into_request).unwrap();
    assert!(request.uri().query().unwrap().starts_with("oauth_token="));
    assert!(handle.bearer().is_none() && handle.headers().is_none());
    handle.stop().unwrap();
}

fn a_wrong_signature_key_is_refused_once_and_plainly<D: Driver>() {
    let lab = Lab::new();
    let mut client = D::new(lab.oauth1_config(), key(), &lab.transport()).unwrap();
    let refused = client.connect().unwrap_err();
    assert_eq!((refused.kind(), refused.step()), (ErrorKind::Rejected, Some(Step::GetLiveSessionToken)));
    assert!(refused.help().contains("signature key"), "{}", refused.help());
    assert_eq!(lab.server.handle().counters().of(Endpoint::LiveSessionToken), 1);
}
