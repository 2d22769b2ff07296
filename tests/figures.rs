//! The figures of one login, measured: `cargo xtask figures` prints them with all others.
//!
//! Nothing is asserted here; the tests assert the counts.

use std::time::{Duration, Instant};

use ibkr_auth_core::Host;
use ibkr_auth_tests::{
    driver::{Async, Blocking, Driver},
    lab::{Lab, key},
};

const NEAR: Duration = Duration::from_millis(25);
const FAR: Duration = Duration::from_millis(125);
const RUNS: usize = 5;

fn main() {
    println!(
        "| client | requests | status polls | connections | TLS handshakes | time at 25 ms one way | that in round trips | round trips by slope |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    row::<Async>("ibkr-auth-async");
    row::<Blocking>("ibkr-auth-blocking");
}

fn row<D: Driver>(name: &str) {
    let (near, far) = (median::<D>(NEAR), median::<D>(FAR));
    let (lab, _) = connect::<D>(Duration::ZERO);
    let counters = lab.server.handle().counters();
    let polls = counters.of(ibkr_sim::Endpoint::Status);
    let connections = lab.server.handle().connections();
    // What does not depend on the distance (signing, the simulator's own work, timers) is not in the slope.
    let slope = (far - near) / (2.0 * (FAR - NEAR).as_secs_f64());
    println!(
        "| {name} | {} | {polls} | {}, one of them the look-up's | {} | {:.0} ms | {:.2} | {slope:.2} |",
        counters.total() - polls,
        connections.tcp,
        connections.tls_full + connections.tls_resumed,
        near * 1000.0,
        near / (2.0 * NEAR.as_secs_f64()),
    );
}

fn median<D: Driver>(one_way: Duration) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS).map(|_| connect::<D>(one_way).1).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}

/// One login at this distance, and how many seconds it took.
fn connect<D: Driver>(one_way: Duration) -> (Lab, f64) {
    let lab = Lab::with(|config| config.one_way_delay = one_way);
    // The name is resolved beforehand: DNS is not part of the figure.
    let host =
        Host::custom(&lab.server.base_url().replace("localhost", "127.0.0.1")).expect("a loopback URL");
    let mut client = D::new(lab.config().with_host(host), key(), &lab.transport()).expect("a client");
    let start = Instant::now();
    client.connect().expect("a login");
    (lab, start.elapsed().as_secs_f64())
}
