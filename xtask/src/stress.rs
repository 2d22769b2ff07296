//! What the stress tests have in common: they are built to run for long, not to be built quickly or shipped.

use std::process::Command;

use crate::process;

/// `cargo <command>` for the tests' package, optimised but without link-time optimisation.
pub(crate) fn cargo(command: &str) -> Command {
    let mut cargo = process::cargo();
    cargo.args([command, "--quiet", "--package", "ibkr-auth-tests", "--profile", "stress"]);
    for setting in [r#"inherits="release""#, "lto=false", "codegen-units=16", "overflow-checks=true"] {
        cargo.arg("--config").arg(format!("profile.stress.{setting}"));
    }
    cargo
}
