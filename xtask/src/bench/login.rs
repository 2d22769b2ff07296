//! One login, at several distances: alone within the process, and as a whole process.

use super::{
    Plan,
    lab::{Lab, Who},
    measure::{Cost, Sample, run},
};

pub(super) const LIBRARIES: [Who; 4] = [Who::Async, Who::Blocking, Who::Ibauth(0), Who::Ibauth(1)];
pub(super) const PROCESSES: [Who; 5] =
    [Who::Program, Who::Async, Who::Blocking, Who::Ibauth(0), Who::Ibauth(1)];

/// What one of them needs at one distance.
pub(super) struct Login {
    pub(super) who: Who,
    pub(super) one_way: u64,
    /// The login alone; the program does not tell it.
    pub(super) alone: Costs,
    pub(super) process: Costs,
    pub(super) requests: u64,
    pub(super) connections: u64,
}

#[derive(Default)]
pub(super) struct Costs {
    pub(super) wall: Sample,
    pub(super) processor: Sample,
}

pub(super) fn measure(lab: &Lab, plan: &Plan) -> Result<Vec<Login>, String> {
    let mut all = Vec::new();
    for &one_way in plan.distances {
        let mut here: Vec<Login> = PROCESSES.map(|who| Login::new(who, one_way)).into();
        for round in 1..=plan.logins {
            println!("login at {one_way} ms one way: round {round} of {}", plan.logins);
            for login in &mut here {
                login.once(lab)?;
            }
        }
        all.extend(here);
    }
    Ok(all)
}

impl Login {
    fn new(who: Who, one_way: u64) -> Self {
        let (alone, process) = Default::default();
        Self { who, one_way, alone, process, requests: 0, connections: 0 }
    }

    /// Against a simulator that has seen nobody yet.
    fn once(&mut self, lab: &Lab) -> Result<(), String> {
        let simulator = lab.simulator(self.one_way, 1, &[])?;
        let told = run(&mut lab.login(self.who, &simulator)?)?;
        let counters = simulator.counters()?;
        if counters.refusals > 0 {
            return Err(format!("the simulator refused a request of {}", self.who.name()));
        }
        (self.requests, self.connections) = (counters.requests, counters.tunnels);
        self.process.add(told.cost("process")?);
        if self.who != Who::Program {
            self.alone.add(told.cost("login")?);
        }
        Ok(())
    }
}

impl Costs {
    pub(super) fn add(&mut self, cost: Cost) {
        self.wall.add(cost.wall);
        self.processor.add(cost.processor);
    }
}

/// Who needs how long where.
pub(super) struct Logins<'a>(pub(super) &'a [Login]);

impl Logins<'_> {
    pub(super) fn of(&self, who: Who, one_way: u64) -> &Login {
        let found = self.0.iter().find(|login| login.who == who && login.one_way == one_way);
        found.expect("measured at every distance")
    }

    /// Round trips, by what distance alone adds to the fastest: signing and the simulator's own work are not
    /// in it.
    pub(super) fn round_trips(&self, who: Who, (near, far): (u64, u64)) -> f64 {
        let wall = |one_way| self.of(who, one_way).alone.wall.lowest();
        (wall(far) - wall(near)) / (2_000.0 * (far - near) as f64)
    }
}
