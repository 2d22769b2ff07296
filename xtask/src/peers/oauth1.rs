//! OAuth 1.0a: clients of others at the simulator, and ours at a server that asks them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{
    Bench, Runs, direct, npm,
    simulator::{Simulator, is_fine},
    through, venv, verdict,
};
use crate::process;

/// What `xtask/peers/oauth1-clients.txt` pins.
pub(crate) const CLIENTS: &str = "oauth1-clients";

/// A client of somebody else's, with a simulator of its own.
struct Case {
    about: &'static str,
    script: &'static str,
    simulator_options: &'static [&'static str],
    /// Answers that are no complaint of the simulator's although they are not 200, and how many of each.
    refused: &'static [(&'static str, usize)],
}

const IBIND: [Case; 2] = [
    Case {
        about: "ibind 0.2.2 by its own OAuth 1.0a, at a simulator that takes queries left out alone",
        script: "oauth1_ibind.py",
        simulator_options: &["--rule", "oauth1_query=left_out", "--rule", "order_questions=true"],
        refused: &[
            ("refused, signature:", 1),
            ("refused, oauth_consumer_key:", 1),
            ("refused, oauth_token:", 1),
        ],
    },
    Case {
        about: "ibind 0.2.2 by its own OAuth 1.0a over a WebSocket",
        script: "oauth1_ibind_stream.py",
        // It tickles twice within a second for each stream.
        simulator_options: &["--no-pacing", "--rule", "established_after=0s"],
        refused: &[],
    },
];

const IBKR_CLIENT: Case = Case {
    about: "ibkr-client 1.0.4 of npm, at a simulator that takes queries merged alone",
    script: "oauth1_ibkr_client.cjs",
    simulator_options: &["--rule", "oauth1_query=merged", "--rule", "established_after=0s"],
    refused: &[("refused, signature:", 1)],
};

pub(super) fn run(bench: &Bench) -> Result<Runs, String> {
    let python = venv::python(&bench.folder, CLIENTS)?;
    let packages = npm::packages(&bench.folder)?;
    let mut runs = Runs::new();
    for case in &IBIND {
        runs.push(bench.logs_in(case, &python, None)?);
    }
    if let Some(packages) = &packages {
        runs.push(bench.logs_in(&IBKR_CLIENT, Path::new("node"), Some(packages))?);
    }
    runs.push(bench.is_judged(&python, "ibind", None)?);
    match &packages {
        Some(packages) => runs.push(bench.is_judged(&python, "ibkr-client", Some(packages))?),
        None => println!("\nibkr-client is not run, and judges nothing: there is no npm"),
    }
    Ok(runs)
}

impl Bench {
    /// Every check of the script passes, and the simulator refuses what it has to and nothing else.
    fn logs_in(&self, case: &Case, program: &Path, packages: Option<&PathBuf>) -> Result<bool, String> {
        println!("\n{}", case.about);
        let folder = self.fresh("oauth1")?;
        let mut options: Vec<&OsStr> = vec!["--write-config".as_ref(), folder.as_ref()];
        options.extend(case.simulator_options.iter().map(OsStr::new));
        let simulator = Simulator::start(&self.simulator, &options)?;
        let mut script = self.script(program, case.script, packages);
        through(&mut script, simulator.proxy(), &folder.join("ca.pem"));
        script.env("NODE_EXTRA_CA_CERTS", folder.join("ca.pem"));
        script.arg(&folder).arg(simulator.admin());
        let status = script.status().map_err(|error| format!("{}: {error}", program.display()))?;

        let log = simulator.stop();
        let mut complaints = complaints(&log, case.refused);
        if !status.success() {
            complaints.push(format!("the script ended with {status}"));
        }
        let refused: usize = case.refused.iter().map(|(_, times)| times).sum();
        let requests = log.iter().filter(|line| is_request(line)).count();
        let praise = match refused {
            0 => format!("{requests} requests, the simulator refused none"),
            _ => format!("{requests} requests, the simulator refused the {refused} that are wrong"),
        };
        Ok(verdict(&complaints, &praise))
    }

    /// Every request of our program is as the judge would have signed it.
    fn is_judged(&self, python: &Path, judge: &str, packages: Option<&PathBuf>) -> Result<bool, String> {
        println!("\nibkr-auth at a server that checks with the functions of {judge}");
        let folder = self.fresh("oauth1")?;
        let mut script = self.script(python, "oauth1_judge.py", packages);
        script.arg(process::program("ibkr-auth")?).arg(&folder).arg(judge);
        direct(&mut script);
        let status = script.status().map_err(|error| format!("{}: {error}", python.display()))?;
        let complaints: Vec<String> =
            if status.success() { vec![] } else { vec![format!("the script ended with {status}")] };
        Ok(verdict(&complaints, &format!("{judge} would have signed each request as ours did")))
    }

    fn script(&self, program: &Path, name: &str, packages: Option<&PathBuf>) -> Command {
        let mut script = Command::new(program);
        script.arg(process::root().join("xtask/peers").join(name));
        script.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONWARNINGS", "ignore");
        script.env("IBIND_LOG_TO_CONSOLE", "false").env("IBIND_LOGS_DIR", self.folder.join("ibind-logs"));
        if let Some(packages) = packages {
            script.env("PACKAGES", packages);
        }
        script
    }
}

/// Whether a line tells of a request, rather than why one was refused.
fn is_request(line: &str) -> bool {
    !line.starts_with(' ') && line.split_whitespace().nth(1).is_some_and(|word| word.parse::<u16>().is_ok())
}

/// What is wrong with the simulator's lines, when so many refusals of each kind are wanted.
fn complaints(log: &[String], wanted: &[(&str, usize)]) -> Vec<String> {
    let times = |what: &str| log.iter().filter(|line| line.contains(what)).count();
    let is_wanted = |line: &str| wanted.iter().any(|(what, _)| line.contains(what));
    let reasons = log.iter().filter(|line| line.contains("refused, ") && !is_wanted(line)).cloned();
    let missing = wanted.iter().filter(|(what, number)| times(what) != *number);
    let missing = missing.map(|(what, number)| format!("`{what}` {} times, not {number}", times(what)));
    let failed = log.iter().filter(|line| is_request(line) && !is_fine(line) && !line.contains(" 101 "));
    let expected: usize = wanted.iter().map(|(_, number)| number).sum();
    let unexplained = (failed.clone().count() != expected).then(|| failed.cloned().collect::<Vec<_>>());
    reasons.chain(missing).chain(unexplained.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::complaints;

    #[test]
    fn only_wanted_refusals_are_taken() {
        let log = [
            "21:02:16 200 POST api.ibkr.com /v1/api/tickle",
            "21:02:16 101 GET  api.ibkr.com /v1/api/ws",
            "21:02:16 401 POST api.ibkr.com /v1/api/oauth/live_session_token",
            "         refused, signature: another key",
            "         do this: Compare",
        ]
        .map(str::to_owned);
        let wanted = [("refused, signature:", 1)];
        assert_eq!(complaints(&log, &wanted), [""; 0]);
        assert_eq!(complaints(&log[..2], &wanted), ["`refused, signature:` 0 times, not 1"]);
        assert_eq!(complaints(&log, &[]).len(), 2);
        let twice = [&log[..], &log[2..3]].concat();
        assert_eq!(complaints(&twice, &wanted).len(), 2);
    }
}
