//! `cargo xtask failures`: every fault at every step, written to docs/FAILURES.md.

use crate::process;

pub(crate) const ABOUT: &str = "play every fault at every step, and write docs/FAILURES.md (minutes)";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`failures` takes no argument, not `{other}`"));
    }
    let mut test = process::cargo();
    test.args(["test", "--quiet", "--package", "ibkr-auth-tests", "--test", "failures"]);
    process::status(test.env("FAILURES_WRITE", "1"))
}
