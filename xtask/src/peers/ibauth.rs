//! The Python package ibauth, as published, against the simulator.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::{
    Bench, Runs,
    simulator::{PUBLIC_IP, Simulator, is_fine},
    through, venv, verdict,
};
use crate::process;

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

/// The script's exit code when a server refused a step.
const REFUSED: i32 = 3;

pub(super) fn run(bench: &Bench) -> Result<Runs, String> {
    let pythons = PEERS.iter().map(|peer| Ok((peer, venv::ibauth(&bench.folder, peer.version)?)));
    let pythons = pythons.collect::<Result<Vec<(&Peer, PathBuf)>, String>>()?;
    let mut runs = Runs::new();
    for (peer, python) in pythons {
        runs.push(bench.whole_flow(peer, &python)?);
        runs.push(bench.unknown_key(peer, &python)?);
    }
    Ok(runs)
}

/// What a run of the script left behind.
struct Outcome {
    status: ExitStatus,
    /// The simulator's lines.
    log: Vec<String>,
}

impl Bench {
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
        let folder = self.fresh(&format!("ibauth-{}", peer.version))?;
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

fn with_unknown_key(config: &str) -> String {
    let lines = config.lines().map(|line| match line.split_once(':') {
        Some(("client_key_id", _)) => "client_key_id: unregistered\n".to_owned(),
        _ => format!("{line}\n"),
    });
    lines.collect()
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
