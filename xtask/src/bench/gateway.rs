//! `cargo xtask bench-gateway`: our gateway beside nginx and the published ibproxy, measured in one run.

mod document;
mod fan;
mod load;
mod stage;

use std::time::Duration;

use super::document::Circumstances;
use fan::Fan;
use load::{Cell, measure};
use stage::Stage;

pub(crate) const ABOUT: &str = "measure the gateway against nginx and ibproxy into docs/BENCHMARKS.md (6 min; needs nginx and wrk; \
                                --quick: one, not into docs/)";

/// Its part of docs/BENCHMARKS.md.
pub(super) const COMMAND: &str = "bench-gateway";

/// How much is measured.
struct Plan {
    command: &'static str,
    /// What ours is built with.
    profile: &'static str,
    /// How often everything is measured, in turn.
    rounds: usize,
    /// As fast as they answer.
    flat_out: Duration,
    /// At a fixed rate, for latency.
    paced: Duration,
    connections: &'static [usize],
    /// Clients of one stream.
    clients: usize,
    stream: Duration,
}

const WHOLE: Plan = Plan {
    command: "cargo xtask bench-gateway",
    profile: "release",
    rounds: 3,
    flat_out: Duration::from_secs(2),
    paced: Duration::from_secs(2),
    connections: &[1, 50, 500],
    clients: 500,
    stream: Duration::from_secs(3),
};

const QUICK: Plan = Plan {
    command: "cargo xtask bench-gateway --quick",
    profile: "year",
    rounds: 1,
    flat_out: Duration::from_secs(1),
    paced: Duration::from_secs(1),
    stream: Duration::from_secs(1),
    ..WHOLE
};

/// The number of connections that the goals speak of.
const USUAL: usize = 50;

struct Results {
    cells: Vec<Cell>,
    fans: Vec<Fan>,
}

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let plan = match arguments {
        [] => WHOLE,
        [one] if one == "--quick" => QUICK,
        [other, ..] => return Err(format!("`bench-gateway` takes --quick, not `{other}`")),
    };
    let mut stage = Stage::prepare(&plan)?;
    let circumstances = Circumstances::now()?;
    let cells = measure(&mut stage, &plan)?;
    let fans = fan::measure(&stage, &plan)?;
    let results = Results { cells, fans };
    let folder = if arguments.is_empty() { None } else { Some(stage.folder.as_path()) };
    document::write(&plan, &stage, &results, &circumstances, folder)
}
