//! One stream for many clients: `tests/bench_gateway/fan.rs` measures it.

use super::{
    Plan,
    stage::{MEASURED, OTHERS, Stage},
};
use crate::bench::measure::{Sample, run};

/// With TLS, or without.
pub(super) struct Fan {
    pub(super) style: &'static str,
    /// KiB of an idle WebSocket.
    pub(super) idle: Sample,
    /// Microseconds until the last client has a frame, at p50 and p99.
    pub(super) last: [Sample; 2],
    /// Microseconds of processor time for a frame that a client gets: one frame at a time, and many.
    pub(super) paced: Sample,
    pub(super) flood: Sample,
    /// Frames a second to all clients together.
    pub(super) rate: Sample,
}

pub(super) fn measure(stage: &Stage, plan: &Plan) -> Result<Vec<Fan>, String> {
    let mut fans = ["tls", "plain"].map(Fan::new);
    for round in 1..=plan.rounds {
        for fan in &mut fans {
            println!("one stream, {} clients, {}: round {round} of {}", plan.clients, fan.style, plan.rounds);
            fan.once(stage, plan)?;
        }
    }
    Ok(fans.into())
}

impl Fan {
    fn new(style: &'static str) -> Self {
        let (idle, last, paced, flood, rate) = Default::default();
        Self { style, idle, last, paced, flood, rate }
    }

    fn once(&mut self, stage: &Stage, plan: &Plan) -> Result<(), String> {
        let mut command = stage.ours(OTHERS, &["fan"]);
        command.args([MEASURED, self.style]);
        command.args([plan.clients.to_string(), plan.stream.as_secs().to_string()]);
        let told = run(&mut command)?;
        let [idle] = told.numbers("idle")?;
        let [p50, p99, paced] = told.numbers("paced")?;
        let [rate, flood] = told.numbers("flood")?;
        self.idle.add(idle);
        self.last[0].add(p50);
        self.last[1].add(p99);
        self.paced.add(paced);
        self.rate.add(rate);
        self.flood.add(flood);
        Ok(())
    }
}
