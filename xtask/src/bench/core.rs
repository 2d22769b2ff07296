//! The bare session, and a signature.

use super::{
    Plan,
    lab::Lab,
    measure::{Sample, run},
};
use crate::process;

const RUNS: usize = 3;

pub(super) struct Core {
    pub(super) calls: f64,
    /// Nanoseconds.
    pub(super) call: Sample,
    /// Microseconds of processor time for each session and hour.
    pub(super) hour: Sample,
    /// KiB of each session.
    pub(super) memory: f64,
    /// The table of `cargo bench -p ibkr-jws`.
    pub(super) signatures: String,
}

pub(super) fn measure(lab: &Lab, plan: &Plan) -> Result<Core, String> {
    let (call, hour, signatures) = Default::default();
    let mut core = Core { calls: 0.0, call, hour, memory: 0.0, signatures };
    for round in 1..=RUNS {
        println!("bare sessions: round {round} of {RUNS}");
        let [calls, processor, memory] = run(&mut lab.core(plan.bare))?.numbers("core")?;
        (core.calls, core.memory) = (calls, memory);
        core.call.add(processor * 1e3 / calls);
        core.hour.add(processor / plan.bare as f64);
    }
    println!("signatures");
    core.signatures = process::output(process::cargo().args(["bench", "--quiet", "-p", "ibkr-jws"]))?;
    Ok(core)
}
