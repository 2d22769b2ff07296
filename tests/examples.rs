//! The examples run, against the simulator.

use std::time::Duration;

use ibkr_auth_core::{Config, KeepConnected, Tier};
use ibkr_auth_tests::{
    driver,
    lab::{Lab, PUBLIC_IP, key, key_of},
};
use ibkr_sim::demo;

#[path = "../crates/ibkr-auth-async/examples/login_async.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod async_login;
#[path = "../crates/ibkr-auth-async/examples/stream_async.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod async_stream;
#[path = "../crates/ibkr-auth-blocking/examples/login_blocking.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod blocking_login;
#[path = "../crates/ibkr-auth-blocking/examples/stream_blocking.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod blocking_stream;
#[path = "../crates/ibkr-auth-core/examples/own_http_stack.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod own_http_stack;

#[test]
fn the_blocking_client_logs_in_from_a_file() {
    let lab = Lab::new();
    let accounts = blocking_login::accounts(&lab.config_yaml()).unwrap();
    assert!(accounts.contains(demo::ACCOUNT), "{accounts}");
}

#[test]
fn the_async_client_logs_in_from_a_file() {
    let lab = Lab::new();
    let accounts = driver::runtime().block_on(async_login::accounts(&lab.config_yaml())).unwrap();
    assert!(accounts.contains(demo::ACCOUNT), "{accounts}");
}

#[test]
fn the_core_logs_in_on_an_http_stack_that_is_neither_reqwest_nor_ureq() {
    let lab = Lab::new();
    let server = lab.server.base_url().replace("https://", "");
    let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL)
        .unwrap()
        .with_public_ip(PUBLIC_IP)
        .unwrap();
    let login = own_http_stack::log_in(&server, lab.server.ca_pem().as_bytes(), config, key());
    assert!(driver::runtime().block_on(login).unwrap().auth_status.unwrap().is_ready());
    assert!(lab.server.handle().counters().refusals.is_empty());
}

const AAPL: &str = r#"smd+265598+{"fields":["31"]}"#;

/// A simulator without TLS, whose authority no library trusts by itself, and both logins at it.
fn plain() -> (Lab, [Config; 2]) {
    let lab = Lab::with(|config| config.plain = true);
    let configs = [lab.config(), lab.oauth1_config()].map(|config| config.with_tier(Tier::Brokerage));
    (lab, configs)
}

#[test]
fn the_blocking_stream_brings_market_data_by_either_login() {
    let (lab, configs) = plain();
    for config in configs {
        let key = key_of(&config);
        let client = ibkr_auth_blocking::Client::new(config, key, &lab.transport()).unwrap();
        let session = client.keep_connected(KeepConnected::default());
        session.ready(Duration::from_secs(20)).unwrap();
        session.get("/v1/api/iserver/accounts").unwrap();
        let mut heard = 0;
        blocking_stream::watch(&session, AAPL, |topic, _| {
            heard += usize::from(topic == "smd+265598");
            heard < 2
        })
        .unwrap();
        session.stop().unwrap();
    }
}

#[test]
fn the_async_stream_brings_market_data_by_either_login() {
    let (lab, configs) = plain();
    driver::runtime().block_on(async {
        for config in configs {
            let key = key_of(&config);
            let client = ibkr_auth_async::Client::new(config, key, &lab.transport()).unwrap();
            let session = client.keep_connected(KeepConnected::default());
            session.ready(Duration::from_secs(20)).await.unwrap();
            session.get("/v1/api/iserver/accounts").await.unwrap();
            let mut heard = 0;
            let show = |topic: &str, _: &str| {
                heard += usize::from(topic == "smd+265598");
                heard < 2
            };
            async_stream::watch(&session, AAPL, show).await.unwrap();
            session.stop().await.unwrap();
        }
    });
}
