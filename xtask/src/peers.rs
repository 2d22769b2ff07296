//! `cargo xtask peers`: programs of others, as published, against the simulator and the gateway.

mod gateway;
mod ibauth;
mod npm;
pub(crate) mod oauth1;
pub(crate) mod simulator;
pub(crate) mod venv;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{process, term};

pub(crate) const ABOUT: &str = "run ibauth, ibind and ibkr-client against the simulator, ours against a server that checks with \
                                the latter two, and ibind and others against the gateway (needs python3, PyPI and npm; `ibauth`, \
                                `oauth1` or `gateway`: these alone)";

const BUILD: &[&str] = &[
    "build",
    "--quiet",
    "--package",
    "ibkr-sim",
    "--bin",
    "ibkr-sim",
    "--package",
    "ibkr-auth-cli",
    "--bin",
    "ibkr-auth",
];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let parts: &[Part] = match arguments {
        [] => &[ibauth::run, oauth1::run, gateway::run],
        [one] if one == "ibauth" => &[ibauth::run],
        [one] if one == "oauth1" => &[oauth1::run],
        [one] if one == "gateway" => &[gateway::run],
        [other, ..] => return Err(format!("`peers` takes `ibauth`, `oauth1` or `gateway`, not `{other}`")),
    };
    let bench = Bench::new()?;
    build()?;
    let runs = parts.iter().map(|part| part(&bench)).collect::<Result<Vec<Runs>, String>>()?.concat();
    match runs.iter().filter(|passed| !**passed).count() {
        0 => Ok(()),
        failures => Err(format!("{failures} of {} runs failed", runs.len())),
    }
}

/// Builds what is run.
pub(crate) fn build() -> Result<(), String> {
    println!("building the simulator and the program");
    process::status(process::cargo().args(BUILD))
}

/// Whether each run passed.
type Runs = Vec<bool>;

type Part = fn(&Bench) -> Result<Runs, String>;

/// What the runs are made with.
struct Bench {
    /// Where environments and configurations are kept.
    folder: PathBuf,
    simulator: PathBuf,
}

impl Bench {
    fn new() -> Result<Self, String> {
        let (programs, simulator) = (process::programs()?, process::program("ibkr-sim")?);
        let folder = programs.parent().unwrap_or(&programs).join("peers");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder, simulator })
    }

    /// A folder with nothing in it. A run that was interrupted leaves settings that the simulator would not
    /// replace.
    fn fresh(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.folder.join(format!("run-{name}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(folder)
    }
}

/// Leads a program's HTTPS through the proxy. Python's requests reads REQUESTS_CA_BUNDLE, httpx and ours
/// SSL_CERT_FILE.
pub(crate) fn through(command: &mut Command, proxy: &str, ca: &Path) {
    direct(command);
    command.env("HTTPS_PROXY", proxy).env("SSL_CERT_FILE", ca).env("REQUESTS_CA_BUNDLE", ca);
}

/// Lets a program know of no proxy, and of no authorities but its own.
fn direct(command: &mut Command) {
    for name in [
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NO_PROXY",
        "no_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
}

fn verdict(complaints: &[String], praise: &str) -> bool {
    if complaints.is_empty() {
        println!("  {} {praise}", term::green("pass"));
        return true;
    }
    println!("  {} here is what went wrong:", term::red("FAIL"));
    for complaint in complaints {
        println!("       {complaint}");
    }
    false
}
