//! `ibkr-auth demo`: a whole login against a simulator that runs inside this program.

use std::{
    io::{self, Write},
    time::Instant,
};

use ibkr_auth_blocking::{Client, Config, Error, Host, Proxy, Transport};
use ibkr_jws::RsaKey;
use ibkr_sim::{Server, SimConfig, demo};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::steps::Steps;
use crate::{exit::Exit, failure::Failure, output::Output};

const ACCOUNTS: &str = "/v1/api/portfolio/accounts";

pub(crate) fn run(output: Output) -> Result<(), Failure> {
    let lab = Lab::start()?;
    let simulator = &lab.simulator;
    output.line(format_args!(
        "A simulator stands for IBKR at {}; nothing leaves this machine.",
        simulator.base_url()
    ))?;
    let mut client = client(&lab)?;
    let steps = Steps::new(output);
    client.on_event(steps.listener());

    let start = Instant::now();
    client.connect()?;
    output.line(format_args!("Connected in {:.1} s.", start.elapsed().as_secs_f64()))?;
    let start = Instant::now();
    let answer = client.send(http::Request::get(ACCOUNTS).body(Vec::new()).unwrap_or_default())?;
    steps.done(format_args!("GET {ACCOUNTS}"), start.elapsed(), &accounts(answer.body()));
    client.tickle()?;
    client.logout()?;
    steps.shown()?;

    let counters = simulator.handle().counters();
    let refused: u64 = counters.refusals.values().sum();
    output.line(format_args!(
        "Logged out. The simulator checked {} requests and refused {refused}.",
        counters.total()
    ))?;
    if output.json {
        output.value(&json!({ "steps": steps.json(), "requests": counters.total(), "refused": refused }))?;
    }
    Ok(())
}

/// A simulator, and what a client of its demo identity is told.
pub(crate) struct Lab {
    pub(crate) simulator: Server,
    /// Whom to trust.
    ca_file: NamedTempFile,
}

impl Lab {
    pub(crate) fn start() -> Result<Self, Failure> {
        let simulator =
            Server::start(SimConfig::default()).map_err(|error| unusable("start the simulator", &error))?;
        // Nobody else can change it, whatever the umask.
        let mut ca_file = NamedTempFile::new().map_err(|error| unusable("make a temporary file", &error))?;
        ca_file
            .write_all(simulator.ca_pem().as_bytes())
            .map_err(|error| unusable("write a temporary file", &error))?;
        Ok(Self { simulator, ca_file })
    }

    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let config = Config::new(demo::CLIENT_ID, demo::KEY_ID, demo::CREDENTIAL)
            .map_err(Error::from)?
            .with_host(Host::custom(&self.simulator.base_url()).map_err(Error::from)?)
            .with_ip_services([self.simulator.lookup_url()])
            .map_err(Error::from)?;
        Ok(config)
    }

    pub(crate) fn transport(&self) -> Transport {
        let ca_file = self.ca_file.path().to_owned();
        Transport { ca_file: Some(ca_file), ca_only: true, proxy: Some(Proxy::Off) }
    }
}

/// A client of the simulator's demo identity, over TLS.
fn client(lab: &Lab) -> Result<Client, Failure> {
    let key = RsaKey::from_pem(demo::PRIVATE_KEY_PEM.as_bytes()).map_err(|error| {
        Error::config(error.to_string(), "this is a fault of the program: please report it")
    })?;
    Ok(Client::new(lab.config()?, key, &lab.transport())?)
}

pub(crate) fn unusable(what: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot {what}"))
        .why(error.to_string())
        .help("check free ports of 127.0.0.1, disk space and TMPDIR")
}

/// The account ids in the answer.
fn accounts(body: &[u8]) -> String {
    let accounts: Value = serde_json::from_slice(body).unwrap_or_default();
    let ids = accounts.as_array().into_iter().flatten().filter_map(|account| account["accountId"].as_str());
    ids.collect::<Vec<_>>().join(", ")
}
