//! The project's own tasks: `cargo xtask help` lists them.

mod api;
mod bench;
mod browser;
mod check;
mod ci;
mod deny;
mod docs;
mod failures;
mod figures;
mod gateway;
mod gateway_stress;
mod many;
mod mutants;
mod package;
mod peers;
mod process;
mod soak;
mod storm;
mod stress;
mod term;
mod tool;
mod year;

use std::process::ExitCode;

struct Task {
    name: &'static str,
    about: &'static str,
    /// Gets the arguments after the task's name. The text of an error is for the user.
    run: fn(&[String]) -> Result<(), String>,
}

const TASKS: &[Task] = &[
    Task { name: "help", about: "list the tasks", run: help },
    Task { name: "ci", about: ci::ABOUT, run: ci::run },
    Task { name: "check", about: check::ABOUT, run: check::run },
    Task { name: "package", about: package::ABOUT, run: package::run },
    Task { name: "deny", about: deny::ABOUT, run: deny::run },
    Task { name: "api", about: api::ABOUT, run: api::run },
    Task { name: "bench", about: bench::ABOUT, run: bench::run },
    Task { name: "bench-oauth1", about: bench::oauth1::ABOUT, run: bench::oauth1::run },
    Task { name: "bench-gateway", about: bench::gateway::ABOUT, run: bench::gateway::run },
    Task { name: "figures", about: figures::ABOUT, run: figures::run },
    Task { name: "docs", about: docs::ABOUT, run: docs::run },
    Task { name: "peers", about: peers::ABOUT, run: peers::run },
    Task { name: "browser", about: browser::ABOUT, run: browser::run },
    Task { name: "year", about: year::ABOUT, run: year::run },
    Task { name: "storm", about: storm::ABOUT, run: storm::run },
    Task { name: "failures", about: failures::ABOUT, run: failures::run },
    Task { name: "mutants", about: mutants::ABOUT, run: mutants::run },
    Task { name: "many", about: many::ABOUT, run: many::run },
    Task { name: "soak", about: soak::ABOUT, run: soak::run },
    Task { name: "gateway-money", about: gateway_stress::MONEY, run: gateway_stress::money },
    Task { name: "gateway-soak", about: gateway_stress::SOAK, run: gateway_stress::soak },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => ("help", &[][..]),
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("no task is called `{name}`: `cargo xtask help` lists them");
        return ExitCode::from(2);
    };
    match (task.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{} {message}", term::red("error:"));
            ExitCode::FAILURE
        }
    }
}

fn help(_arguments: &[String]) -> Result<(), String> {
    println!("cargo xtask <task>\n");
    for task in TASKS {
        println!("  {:<13} {}", task.name, task.about);
    }
    Ok(())
}
