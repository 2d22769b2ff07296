//! `cargo xtask bench`: our speed and that of the published ibauth 0.1.6 and 0.0.8, measured in one run.

mod core;
mod document;
pub(crate) mod gateway;
mod keep;
mod lab;
mod login;
mod measure;
pub(crate) mod oauth1;
mod picture;
mod start;

use document::{Circumstances, Results};
use lab::Lab;

pub(crate) const ABOUT: &str = "measure speed against the published ibauth into docs/BENCHMARKS.md (15 min; --quick: under one, not into docs/)";

/// The published versions that are measured.
const IBAUTH: [&str; 2] = ["0.1.6", "0.0.8"];

/// How much is measured.
struct Plan {
    command: &'static str,
    /// One way, in milliseconds, ascending.
    distances: &'static [u64],
    /// Of each login at each distance.
    logins: usize,
    /// Sessions in a process of ours.
    crowds: &'static [usize],
    /// The crowd of ours that stands for all.
    usual: usize,
    /// Processes with ibauth at once.
    processes: &'static [usize],
    /// Sessions in one process with ibauth.
    ibauth_crowd: usize,
    /// How often each crowd is measured.
    crowd_runs: usize,
    /// Starts of each program.
    starts: usize,
    /// Bare sessions.
    bare: usize,
}

impl Plan {
    /// The distance at which processor time is told.
    fn usual_distance(&self) -> u64 {
        self.distances[1]
    }

    /// The distances that are compared for the round trips.
    fn near_and_far(&self) -> (u64, u64) {
        let last = self.distances.len() - 1;
        (self.distances[last - 1], self.distances[last])
    }
}

const WHOLE: Plan = Plan {
    command: "cargo xtask bench",
    distances: &[0, 25, 50],
    logins: 11,
    crowds: &[1, 100, 1_000],
    usual: 100,
    processes: &[1, 10],
    ibauth_crowd: 20,
    crowd_runs: 3,
    starts: 25,
    bare: 10_000,
};

const QUICK: Plan = Plan {
    command: "cargo xtask bench --quick",
    distances: &[0, 25],
    logins: 1,
    crowds: &[10],
    usual: 10,
    processes: &[2],
    ibauth_crowd: 2,
    crowd_runs: 1,
    starts: 3,
    bare: 300,
};

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let plan = match arguments {
        [] => WHOLE,
        [one] if one == "--quick" => QUICK,
        [other, ..] => return Err(format!("`bench` takes --quick, not `{other}`")),
    };
    let lab = Lab::prepare()?;
    let circumstances = Circumstances::now()?;
    let logins = login::measure(&lab, &plan)?;
    let crowds = keep::measure(&lab, &plan)?;
    let starts = start::measure(&lab, &plan)?;
    let core = core::measure(&lab, &plan)?;
    let results = Results { logins, crowds, starts, core };
    let folder = if arguments.is_empty() { None } else { Some(lab.folder.as_path()) };
    document::write(&plan, &results, &circumstances, folder)
}
