//! A simulator with many users, and their configurations.

use ibkr_auth_core::{Config, Host};
use ibkr_sim::{Client, SimConfig, User, demo};

/// A simulator that knows so many clients with a username each, all with the demo key.
pub fn sim(users: usize) -> SimConfig {
    let mut sim = SimConfig::without_clients();
    for number in 0..users {
        let client = Client::new(client_id(number)).with_credential(username(number));
        let client = client.with_key(demo::KEY_ID, demo::PUBLIC_KEY_PEM.as_bytes());
        sim.clients.push(client.expect("the demo key is valid"));
        sim.users.push(User::paper(username(number)));
    }
    sim
}

/// The configuration of one of them.
pub fn config(number: usize, base_url: &str, lookup_url: &str) -> Config {
    Config::new(client_id(number), demo::KEY_ID, username(number))
        .and_then(|config| config.with_ip_services([lookup_url]))
        .expect("valid")
        .with_host(Host::custom(base_url).expect("a loopback URL"))
}

fn client_id(number: usize) -> String {
    format!("Client{number}")
}

fn username(number: usize) -> String {
    format!("user{number}")
}
