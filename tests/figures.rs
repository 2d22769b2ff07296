//! The figures of one login, measured: `cargo xtask figures` prints them with all others.
//!
//! Nothing is asserted here; the tests assert the counts.

use std::time::{Duration, Instant};

use ibkr_auth_core::Host;
use ibkr_auth_tests::{
    driver::{Async, Blocking, Driver},
    lab::{Lab, key},
};

const ONE_WAY: Duration = Duration::from_millis(25);
const RUNS: usize = 5;

fn main() {
    println!(
        "| client | requests | status polls | connections | TLS handshakes | round trips at 25 ms one way |"
    );
    println!("|---|---|---|---|---|---|");
    row::<Async>("ibkr-auth-async");
    row::<Blocking>("ibkr-auth-blocking");
}

fn row<D: Driver>(name: &str) {
    let mut round_trips: Vec<f64> = (0..RUNS).map(|_| connect::<D>().1).collect();
    round_trips.sort_by(f64::total_cmp);
    let (lab, _) = connect::<D>();
    let counters = lab.server.handle().counters();
    let polls = counters.of(ibkr_sim::Endpoint::Status);
    let connections = lab.server.handle().connections();
    println!(
        "| {name} | {} | {polls} | {} (one is the look-up's) | {} | {:.2} (median of {RUNS}) |",
        counters.total() - polls,
        connections.tcp,
        connections.tls_full + connections.tls_resumed,
        round_trips[RUNS / 2],
    );
}

/// One login at a distance; how many round trips it took.
fn connect<D: Driver>() -> (Lab, f64) {
    let lab = Lab::with(|config| config.one_way_delay = ONE_WAY);
    // The name is resolved beforehand: DNS is not part of the figure.
    let host =
        Host::custom(&lab.server.base_url().replace("localhost", "127.0.0.1")).expect("a loopback URL");
    let mut client = D::new(lab.config().with_host(host), key(), &lab.transport()).expect("a client");
    let start = Instant::now();
    client.connect().expect("a login");
    (lab, start.elapsed().as_secs_f64() / (2 * ONE_WAY).as_secs_f64())
}
