//! What it takes to start: our program, and Python until ibauth is there.

use super::{
    IBAUTH, Plan,
    lab::{Lab, Who},
    login::Costs,
    measure::run,
};

pub(super) struct Start {
    pub(super) command: String,
    pub(super) ours: bool,
    pub(super) costs: Costs,
}

pub(super) fn measure(lab: &Lab, plan: &Plan) -> Result<Vec<Start>, String> {
    let simulator = lab.simulator(0, 1, &[])?;
    run(&mut lab.login(Who::Program, &simulator)?)?;
    let asked = simulator.counters()?;
    let start = |command: String, ours| Start { command, ours, costs: Costs::default() };
    let mut all = vec![
        start("`ibkr-auth --version`".to_owned(), true),
        start("`ibkr-auth header`, kept session".to_owned(), true),
    ];
    all.extend(IBAUTH.map(|version| start(format!("`python -c 'import ibauth'`, {version}"), false)));
    for round in 1..=plan.starts {
        println!("program start: round {round} of {}", plan.starts);
        let mut version = lab.program();
        version.arg("--version");
        let commands = [version, lab.header(&simulator), lab.import(0), lab.import(1)];
        for (start, mut command) in all.iter_mut().zip(commands) {
            start.costs.add(run(&mut command)?.cost("process")?);
        }
    }
    if simulator.counters()? == asked {
        Ok(all)
    } else {
        Err("`ibkr-auth header` has asked the server, which it must not with a kept session".to_owned())
    }
}
