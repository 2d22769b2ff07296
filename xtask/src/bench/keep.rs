//! Sessions that are kept alive: processor time of a tickle, memory of a session.

use super::{
    Plan,
    lab::{Lab, Who},
    measure::{Sample, run_all},
};

/// Requests are not refused however fast they come, and many may log in within a second with one key.
const PATIENT: [&str; 5] = ["--no-pacing", "--rule", "replay_refused=false", "--rule", "login_limit=off"];

/// A server that closes connections between two tickles.
const CLOSING: [&str; 2] = ["--rule", "connection_idle=1s"];

/// Crowds from here on are an average by themselves, and are measured once.
const LARGE: usize = 1_000;

/// Tickles of each session of ibauth.
const TICKLES: usize = 3;

/// Ours tickles every 10 s. A single session has to wait for several.
fn seconds(sessions: usize) -> usize {
    if sessions == 1 { 21 } else { 11 }
}

pub(super) struct Crowd {
    pub(super) who: Who,
    /// In each process.
    pub(super) sessions: usize,
    pub(super) processes: usize,
    /// Whether each tickle finds its connection closed.
    pub(super) closed: bool,
    /// Microseconds.
    pub(super) tickle: Sample,
    /// KiB: of one process, and what a session adds to it.
    pub(super) process: Sample,
    pub(super) session: Sample,
}

pub(super) fn measure(lab: &Lab, plan: &Plan) -> Result<Vec<Crowd>, String> {
    let mut all = crowds(plan);
    let many = all.len();
    for round in 1..=plan.crowd_runs {
        let again = |crowd: &Crowd| round == 1 || crowd.sessions < LARGE;
        for (index, crowd) in all.iter_mut().enumerate().filter(|(_, crowd)| again(crowd)) {
            println!(
                "keep-alive, round {round} of {}: {} of {many}, {} × {} of {}",
                plan.crowd_runs,
                index + 1,
                crowd.processes,
                crowd.sessions,
                crowd.who.name()
            );
            crowd.once(lab)?;
        }
    }
    Ok(all)
}

fn crowds(plan: &Plan) -> Vec<Crowd> {
    let one = |who, sessions, processes, closed| Crowd {
        who,
        sessions,
        processes,
        closed,
        tickle: Sample::default(),
        process: Sample::default(),
        session: Sample::default(),
    };
    let mut all = Vec::new();
    for who in [Who::Async, Who::Blocking] {
        all.extend(plan.crowds.iter().map(|&sessions| one(who, sessions, 1, false)));
    }
    all.push(one(Who::Async, plan.usual, 1, true));
    for who in [Who::Ibauth(0), Who::Ibauth(1)] {
        all.extend(plan.processes.iter().map(|&processes| one(who, 1, processes, false)));
        all.push(one(who, plan.ibauth_crowd, 1, false));
    }
    all
}

impl Crowd {
    fn once(&mut self, lab: &Lab) -> Result<(), String> {
        let users = self.sessions * self.processes;
        let rules: Vec<&str> =
            PATIENT.iter().chain(CLOSING.iter().filter(|_| self.closed)).copied().collect();
        let simulator = lab.simulator(0, users, &rules)?;
        let commands = (0..self.processes).map(|process| {
            let numbers = if self.who.is_ours() {
                vec![self.sessions, seconds(self.sessions)]
            } else {
                vec![process * self.sessions, self.sessions, TICKLES]
            };
            lab.keep(self.who, &numbers, &simulator)
        });
        for told in run_all(commands.collect())? {
            let [tickles, processor, before, ready] = told.numbers("keep")?;
            if tickles < self.sessions as f64 {
                return Err(format!("{} has tickled {tickles} times only", self.who.name()));
            }
            self.tickle.add(processor / tickles);
            self.process.add(ready);
            self.session.add((ready - before) / self.sessions as f64);
        }
        match simulator.counters()?.refusals {
            0 => Ok(()),
            many => Err(format!("the simulator refused {} {many} times", self.who.name())),
        }
    }
}
