//! The examples run, against the simulator.

use ibkr_auth_core::Config;
use ibkr_auth_tests::{
    driver,
    lab::{Lab, PUBLIC_IP, key},
};
use ibkr_sim::demo;

#[path = "../crates/ibkr-auth-async/examples/login_async.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod async_login;
#[path = "../crates/ibkr-auth-blocking/examples/login_blocking.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod blocking_login;
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
