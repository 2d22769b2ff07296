//! `cargo xtask year`: how much of a simulated year a session is good.

use crate::process;

pub(crate) const ABOUT: &str = "live through simulated years (minutes; --seed N: one year)";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let year = ["run", "--quiet", "--profile", "year", "-p", "ibkr-auth-tests", "--example", "year", "--"];
    process::status(process::cargo().args(year).args(arguments))
}
