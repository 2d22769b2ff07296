//! `cargo xtask peers`: the Python package ibauth, as published, against the simulator.

pub(crate) mod simulator;
pub(crate) mod venv;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::{process, term};
use simulator::{PUBLIC_IP, Simulator, is_fine};

pub(crate) const ABOUT: &str =
    "run the published ibauth 0.1.6 and 0.0.8 against the simulator (needs python3 and PyPI)";

struct Peer {
    version: &'static str,
    simulator_options: &'static [&'static str],
}

const PEERS: &[Peer] = &[
    Peer { version: "0.1.6", simulator_options: &[] },
    Peer {
        version: "0.0.8",
        // Its constructor validates already, and IBKR takes one sso/validate a minute.
        simulator_options: &["--no-pacing"],
    },
];

/// What the whole flow asks for. `auth/status` is missing: 0.0.8 does not know it.
const PATHS: &[&str] = &[
    "api.ibkr.com /oauth2/api/v1/token",
    "api.ipify.org /",
    "api.ibkr.com /gw/api/v1/sso-sessions",
    "api.ibkr.com /v1/api/sso/validate",
    "api.ibkr.com /v1/api/iserver/auth/ssodh/init",
    "api.ibkr.com /v1/api/tickle",
    "api.ibkr.com /v1/api/logout",
];

const BUILD: &[&str] = &["build", "--quiet", "--package", "ibkr-sim", "--bin", "ibkr-sim"];

/// The script's exit code when a server refused a step.
const REFUSED: i32 = 3;

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`peers` takes no argument, not `{other}`"));
    }
    let bench = Bench::new()?;
    let pythons = PEERS.iter().map(|peer| Ok((peer, venv::python(&bench.folder, peer.version)?)));
    let pythons = pythons.collect::<Result<Vec<(&Peer, PathBuf)>, String>>()?;
    println!("building the simulator");
    process::status(process::cargo().args(BUILD))?;

    let mut failures = 0;
    for (peer, python) in pythons {
        let whole = bench.whole_flow(peer, &python)?;
        let unknown = bench.unknown_key(peer, &python)?;
        failures += [whole, unknown].iter().filter(|passed| !**passed).count();
    }
    if failures == 0 { Ok(()) } else { Err(format!("{failures} of {} runs failed", 2 * PEERS.len())) }
}

struct Bench {
    /// Where environments and configurations are kept.
    folder: PathBuf,
    simulator: PathBuf,
}

/// What a run of the script left behind.
struct Outcome {
    status: ExitStatus,
    /// The simulator's lines.
    log: Vec<String>,
}

impl Bench {
    fn new() -> Result<Self, String> {
        // Cargo puts the simulator beside this program.
        let xtask = std::env::current_exe().map_err(|error| error.to_string())?;
        let programs = xtask.parent().unwrap_or(Path::new("."));
        let simulator = programs.join(format!("ibkr-sim{}", std::env::consts::EXE_SUFFIX));
        let folder = programs.parent().unwrap_or(programs).join("peers");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder, simulator })
    }

    /// Every step succeeds, every endpoint is asked, and the simulator refuses nothing.
    fn whole_flow(&self, peer: &Peer, python: &Path) -> Result<bool, String> {
        println!("\nibauth {}, the whole flow", peer.version);
        let outcome = self.run_script(peer, python, str::to_owned)?;
        let mut complaints: Vec<String> = outcome.log.iter().filter(|line| !is_fine(line)).cloned().collect();
        if outcome.status.success() {
            let unasked = PATHS.iter().filter(|path| !outcome.log.iter().any(|line| line.ends_with(*path)));
            complaints.extend(unasked.map(|path| format!("nobody asked for {path}")));
        } else {
            complaints.push(format!("the script ended with {}", outcome.status));
        }
        let requests = outcome.log.iter().filter(|line| is_fine(line)).count();
        Ok(verdict(&complaints, &format!("{requests} requests, the simulator refused none")))
    }

    /// The counter-check: a key the simulator does not know is refused at the first request.
    fn unknown_key(&self, peer: &Peer, python: &Path) -> Result<bool, String> {
        println!("\nibauth {}, with the id of a key that nobody registered: has to be refused", peer.version);
        let outcome = self.run_script(peer, python, with_unknown_key)?;
        let requests: Vec<&String> = outcome.log.iter().filter(|line| line.contains(" api.i")).collect();
        let token_alone = matches!(requests[..], [only] if only.ends_with(PATHS[0]) && !is_fine(only));
        let reason =
            outcome.log.iter().map(|line| line.trim()).find(|line| line.starts_with("refused, kid:"));
        match reason {
            Some(reason) if token_alone && outcome.status.code() == Some(REFUSED) => Ok(verdict(&[], reason)),
            _ => {
                let missed =
                    format!("no refusal of the token request; the script ended with {}", outcome.status);
                Ok(verdict(&[outcome.log, vec![missed]].concat(), ""))
            }
        }
    }

    fn run_script(
        &self,
        peer: &Peer,
        python: &Path,
        change: impl Fn(&str) -> String,
    ) -> Result<Outcome, String> {
        let folder = self.folder.join(format!("run-{}", peer.version));
        // A run that was interrupted leaves settings that the simulator would not replace.
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let mut options: Vec<&OsStr> = vec!["--write-config".as_ref(), folder.as_ref()];
        options.extend(peer.simulator_options.iter().map(OsStr::new));
        let simulator = Simulator::start(&self.simulator, &options)?;
        let config = folder.join("config.yaml");
        let text = fs::read_to_string(&config).map_err(|error| format!("{}: {error}", config.display()))?;
        fs::write(&config, change(&text)).map_err(|error| format!("{}: {error}", config.display()))?;

        let mut command = Command::new(python);
        command.arg(process::root().join("xtask/peers/run_ibauth.py")).arg(&config).arg(PUBLIC_IP);
        through(&mut command, simulator.proxy(), &folder.join("ca.pem"));
        let status = command.status().map_err(|error| format!("{}: {error}", python.display()))?;
        Ok(Outcome { status, log: simulator.stop() })
    }
}

/// Leads a program's HTTPS through the proxy. Python's requests reads REQUESTS_CA_BUNDLE, httpx and ours
/// SSL_CERT_FILE.
pub(crate) fn through(command: &mut Command, proxy: &str, ca: &Path) {
    for name in
        ["SSL_CERT_DIR", "CURL_CA_BUNDLE", "NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env_remove(name);
    }
    command.env("HTTPS_PROXY", proxy).env("SSL_CERT_FILE", ca).env("REQUESTS_CA_BUNDLE", ca);
}

fn with_unknown_key(config: &str) -> String {
    let lines = config.lines().map(|line| match line.split_once(':') {
        Some(("client_key_id", _)) => "client_key_id: unregistered\n".to_owned(),
        _ => format!("{line}\n"),
    });
    lines.collect()
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

#[cfg(test)]
mod tests {
    use super::with_unknown_key;

    #[test]
    fn changes_the_key_id_alone() {
        let config = "client_id: 'a'\nclient_key_id: 'main'\ncredential: 'c'\n";
        assert_eq!(
            with_unknown_key(config),
            "client_id: 'a'\nclient_key_id: unregistered\ncredential: 'c'\n"
        );
    }
}
