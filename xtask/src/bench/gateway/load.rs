//! Many requests at once, by wrk: as fast as they are answered, and at a fixed rate.

use std::{thread, time::Duration};

use super::{
    Plan,
    stage::{OTHERS, Place, Stage, Who, memory, pinned, processor},
};
use crate::{
    bench::measure::{Sample, run},
    process,
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Small,
    Large,
}

impl Size {
    pub(super) const BOTH: [Self; 2] = [Self::Small, Self::Large];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Small => "400 bytes",
            Self::Large => "1 MiB",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Small => "/v1/api/trsrv/small",
            Self::Large => "/v1/api/trsrv/large",
        }
    }

    /// Requests a second when latency is measured: a small part of what the slowest could answer.
    fn rate(self, who: Who) -> usize {
        match (self, who) {
            (Self::Small, Who::Ibproxy) => 50,
            (Self::Large, Who::Ibproxy) => 10,
            (Self::Small, _) => 1_000,
            (Self::Large, _) => 100,
        }
    }
}

/// One answerer with so many connections.
pub(super) struct Cell {
    pub(super) who: Who,
    pub(super) size: Size,
    pub(super) connections: usize,
    /// Requests for each second of its processor time.
    pub(super) per_core: Sample,
    /// Requests a second on its one core.
    pub(super) rate: Sample,
    /// KiB while that goes on.
    pub(super) memory: Sample,
    /// Microseconds at a fixed rate: at p50, p99 and p99.9, beyond what the server itself takes.
    pub(super) added: [Sample; 3],
}

/// What one run of wrk brought.
struct Load {
    requests: f64,
    seconds: f64,
    percentiles: [f64; 3],
    processor: f64,
    memory: f64,
}

pub(super) fn measure(stage: &mut Stage, plan: &Plan) -> Result<Vec<Cell>, String> {
    let mut cells = Vec::new();
    for size in Size::BOTH {
        for &connections in plan.connections {
            cells.extend(Who::ALL.map(|who| Cell::new(who, size, connections)));
        }
    }
    for round in 1..=plan.rounds {
        // What one has kept of the round before would be in its memory.
        stage.open()?;
        let mut direct = [0.0; 3];
        for cell in &mut cells {
            println!("{}: round {round} of {}", cell.name(), plan.rounds);
            let place = stage.of(cell.who)?;
            if cell.who != Who::Direct {
                cell.flat_out(&load(place, cell, cell.flat_out_for(plan), None)?);
            }
            if !cell.has_latency() {
                continue;
            }
            let paced = load(place, cell, plan.paced, Some(cell.size.rate(cell.who)))?;
            match cell.who {
                Who::Direct => direct = paced.percentiles,
                _ => cell.paced(&paced, &direct),
            }
        }
    }
    Ok(cells)
}

impl Cell {
    fn new(who: Who, size: Size, connections: usize) -> Self {
        let (per_core, rate, memory, added) = Default::default();
        Self { who, size, connections, per_core, rate, memory, added }
    }

    fn name(&self) -> String {
        format!("{}, {}, connections: {}", self.who.name(), self.size.name(), self.connections)
    }

    fn flat_out(&mut self, load: &Load) {
        if load.requests == 0.0 {
            return;
        }
        self.per_core.add(load.requests / load.processor);
        self.rate.add(load.requests / load.seconds);
        self.memory.add(load.memory);
    }

    fn paced(&mut self, load: &Load, direct: &[f64; 3]) {
        for ((added, all), direct) in self.added.iter_mut().zip(load.percentiles).zip(direct) {
            added.add(all - direct);
        }
    }

    /// Many handshakes come first.
    fn flat_out_for(&self, plan: &Plan) -> Duration {
        if self.connections > super::USUAL { 2 * plan.flat_out } else { plan.flat_out }
    }

    /// Otherwise a connection would ask too rarely.
    pub(super) fn has_latency(&self) -> bool {
        self.connections <= self.size.rate(self.who)
    }
}

fn load(place: &Place, cell: &Cell, time: Duration, rate: Option<usize>) -> Result<Load, String> {
    let mut wrk = pinned(OTHERS, "wrk");
    let seconds = format!("{}s", time.as_secs());
    wrk.args(["-t", "1", "-c", &cell.connections.to_string(), "-d", &seconds, "--timeout", "30s", "-s"]);
    wrk.arg(process::root().join("xtask/bench/load.lua")).arg(format!("{}{}", place.url, cell.size.path()));
    if let Some(rate) = rate {
        let pause = 1_000 * cell.connections / rate;
        wrk.args(["--", &(pause / 2).max(1).to_string(), &(pause * 3 / 2).max(1).to_string()]);
    }
    let server = place.process;
    let looking = thread::spawn(move || {
        thread::sleep(time.mul_f64(0.8));
        memory(server)
    });
    let before = processor(server);
    let numbers = run(&mut wrk)?.numbers::<6>("load")?;
    let processor = processor(server) - before;
    let [requests, micros, errors, percentiles @ ..] = numbers;
    if errors > 0.0 {
        return Err(format!("{}: {errors} of {requests} requests failed", cell.name()));
    }
    let memory = looking.join().unwrap_or(f64::NAN);
    Ok(Load { requests, seconds: micros / 1e6, percentiles, processor, memory })
}
