//! Many async clients in one process, against a simulator in another, over TLS.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use ibkr_auth_async::Client;
use ibkr_auth_config::{Proxy, Transport};
use ibkr_auth_core::{KeepConnected, Phase};
use ibkr_auth_tests::{crowd, driver::runtime, lab::key, usage::Usage};
use ibkr_sim::{Server, ServerConfig};

pub(crate) struct Report {
    pub(crate) before: Usage,
    /// When all were connected.
    pub(crate) ready: Usage,
    /// After so much keeping alive.
    pub(crate) after: Usage,
    pub(crate) stopped: Usage,
    pub(crate) connected: usize,
    /// Refusals that the simulator counted.
    pub(crate) refusals: String,
}

pub(crate) fn run(clients: usize, keep: Duration) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = server(clients, folder.path());
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut answer = |name: &str| {
        let found = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once(&format!("{name}: ")).map(|(_, rest)| rest.to_owned()));
        found.unwrap_or_else(|| panic!("the server said no {name}"))
    };
    let (base_url, lookup_url) = (answer("base"), answer("lookup"));
    let transport =
        Transport { ca_file: Some(folder.path().join("ca.pem")), ca_only: true, proxy: Some(Proxy::Off) };
    let before = Usage::now();
    let (ready, after, connected) = runtime().block_on(async {
        let mut handles = Vec::new();
        for number in 0..clients {
            let config = crowd::config(number, &base_url, &lookup_url);
            let client = Client::new(config, key(), &transport).expect("a client");
            let policy =
                KeepConnected::default().with_tickle_every(Duration::from_secs(10)).expect("often enough");
            let handle = client.keep_connected(policy);
            // A few at a time, as a program would that does not want to be mistaken for an attack.
            if number % 20 == 19 {
                handle.ready(Duration::from_secs(60)).await.expect("connected");
            }
            handles.push(handle);
        }
        for handle in &handles {
            handle.ready(Duration::from_secs(60)).await.expect("connected");
        }
        let ready = Usage::now();
        tokio::time::sleep(keep).await;
        let after = Usage::now();
        let connected = handles.iter().filter(|handle| handle.phase() == Phase::Connected).count();
        for handle in &handles {
            handle.stop().await.expect("logged out");
        }
        (ready, after, connected)
    });
    let stopped = Usage::now();
    drop(child.stdin.take());
    let refusals = answer("refusals");
    child.wait().expect("the server ends");
    Report { before, ready, after, stopped, connected, refusals }
}

fn server(users: usize, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "serve", "--nocapture"]);
    command.env("MANY_USERS", users.to_string()).env("MANY_FOLDER", folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program runs twice")
}

/// The simulator, when this program was started to be that: until its standard input ends.
pub(crate) fn serve() {
    let Ok(users) = std::env::var("MANY_USERS") else { return };
    let mut config = ServerConfig::from(crowd::sim(users.parse().expect("a number")));
    config.sim.rules.established_after = Duration::ZERO;
    let server = Server::start(config).expect("loopback is there");
    server.write_ca(std::env::var_os("MANY_FOLDER").expect("a folder")).expect("the folder is there");
    println!("base: {}\nlookup: {}", server.base_url(), server.lookup_url());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    println!("refusals: {:?}", server.handle().counters().refusals);
}
