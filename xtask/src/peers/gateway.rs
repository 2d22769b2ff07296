//! The gateway with programs of others as its clients, and the simulator behind it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{
    Bench, Runs, direct,
    simulator::{Simulator, is_fine},
    venv, verdict,
};
use crate::{gateway::Gateway, process};

/// What `xtask/peers/gateway-clients.txt` pins.
const CLIENTS: &str = "gateway-clients";

/// A script, with a simulator and a gateway of its own.
struct Case {
    about: &'static str,
    script: &'static str,
    simulator_options: &'static [&'static str],
    shares_stream: bool,
    /// Answers that are no complaint of the simulator's although they are not 200.
    allowed: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        about: "ibind 0.2.2 over REST",
        script: "gateway_ibind.py",
        simulator_options: &["--rule", "order_questions=true"],
        shares_stream: false,
        // Two orders are lost on purpose.
        allowed: &["/orders", "fault: "],
    },
    Case {
        about: "ibind 0.2.2 over a WebSocket, a stream of IBKR's for each client",
        script: "gateway_ibind_stream.py",
        simulator_options: &[],
        shares_stream: false,
        allowed: &[" 101 "],
    },
    Case {
        about: "ibind 0.2.2 over a WebSocket, one stream of IBKR's for all clients",
        script: "gateway_ibind_stream.py",
        simulator_options: &[],
        shares_stream: true,
        allowed: &[" 101 "],
    },
    Case {
        about: "websockets 17.4 and websocket-client 1.9.2",
        script: "gateway_sockets.py",
        simulator_options: &[],
        shares_stream: false,
        allowed: &[" 101 "],
    },
    Case {
        about: "requests, httpx, urllib and curl, and what ibproxy's users send",
        script: "gateway_http.py",
        simulator_options: &[],
        shares_stream: false,
        allowed: &["/v1/api/no/such/thing", "do this: Check the path"],
    },
];

pub(super) fn run(bench: &Bench) -> Result<Runs, String> {
    let python = venv::python(&bench.folder, CLIENTS)?;
    CASES.iter().map(|case| bench.run_clients(case, &python)).collect()
}

impl Bench {
    /// Every check of the script passes, the simulator refuses nothing, and the gateway ends in good order.
    fn run_clients(&self, case: &Case, python: &Path) -> Result<bool, String> {
        println!("\nthe gateway with {}", case.about);
        let folder = self.fresh("gateway")?;
        let mut options: Vec<&OsStr> = vec!["--write-config".as_ref(), folder.as_ref()];
        options.extend(case.simulator_options.iter().map(OsStr::new));
        let simulator = Simulator::start(&self.simulator, &options)?;
        let gateway = Gateway::start(&mut program(&folder, case)?)?;

        let certificate = gateway.certificate.clone().unwrap_or_default();
        let mut script = Command::new(python);
        script.arg(process::root().join("xtask/peers").join(case.script));
        script.arg(gateway.port.to_string()).arg(certificate).arg(simulator.admin());
        script.env("PYTHONDONTWRITEBYTECODE", "1");
        // ibind complains of each request that is not verified, and of each stream that is lost.
        script
            .env("PYTHONWARNINGS", "ignore")
            .env("IBIND_LOG_TO_CONSOLE", "false")
            .env("IBIND_LOGS_DIR", &folder);
        script.env("GATEWAY_ID", gateway.id().to_string());
        script.env("SHARES_STREAM", case.shares_stream.to_string());
        direct(&mut script);
        let status = script.status().map_err(|error| format!("{}: {error}", python.display()))?;

        let (ended, said) = gateway.stop()?;
        let log = simulator.stop();
        let fine =
            |line: &&String| is_fine(line) || case.allowed.iter().any(|allowed| line.contains(allowed));
        let mut complaints: Vec<String> = log.iter().filter(|line| !fine(line)).cloned().collect();
        if !status.success() {
            complaints.push(format!("the script ended with {status}"));
        }
        if !ended.success() {
            complaints.push(format!("the gateway ended with {ended}"));
        }
        if !complaints.is_empty() {
            complaints.extend(said);
        }
        Ok(verdict(&complaints, &format!("{} requests, the simulator refused none", log.len())))
    }
}

fn program(folder: &Path, case: &Case) -> Result<Command, String> {
    let mut command = Command::new(process::program("ibkr-auth")?);
    command.arg("gateway").arg("--config").arg(folder.join("config.yaml"));
    command.arg("--state-dir").arg(folder.join("state")).stderr(Stdio::inherit());
    command.env("IBKR_AUTH_GATEWAY_SHARE_STREAM", case.shares_stream.to_string());
    direct(&mut command);
    Ok(command)
}
