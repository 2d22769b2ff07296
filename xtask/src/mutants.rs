//! `cargo xtask mutants`: small changes to the rules that decide over logins; a test has to notice each.

use std::process::Command;

use crate::{process, tool::Tool};

pub(crate) const ABOUT: &str =
    "change the automatic mode, the guard and the wire, and see tests fail (hours; K/N: one part of N)";

const MUTANTS: Tool = Tool { name: "cargo-mutants", version: "27.1.0" };

/// What is changed, in core.
const CHANGED: &[&str] = &[
    "crates/ibkr-auth-core/src/session/keeper/**",
    "crates/ibkr-auth-core/src/session/keeper.rs",
    "crates/ibkr-auth-core/src/session/guard/**",
    "crates/ibkr-auth-core/src/session/guard.rs",
    "crates/ibkr-auth-core/src/session/facts.rs",
    "crates/ibkr-auth-core/src/session/plan.rs",
    "crates/ibkr-auth-core/src/session/progress.rs",
    "crates/ibkr-auth-core/src/wire/**",
];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut mutants = Command::new(MUTANTS.ready()?);
    mutants.current_dir(process::root()).args(["mutants", "--package", "ibkr-auth-core", "--all-features"]);
    mutants.args(["--output", "target", "--timeout", "30", "--colors", "never"]);
    for file in CHANGED {
        mutants.args(["--file", file]);
    }
    match arguments {
        [] => {}
        [part] if part.split_once('/').is_some() => {
            mutants.args(["--shard", part]);
        }
        [other, ..] => return Err(format!("`mutants` takes a part such as 0/8, not `{other}`")),
    }
    mutants.args(["--", "--lib", "--test", "session"]);
    process::status(&mut mutants)
}
