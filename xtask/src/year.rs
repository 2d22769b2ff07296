//! `cargo xtask year`: how much of a simulated year a session is good.

use crate::process;

pub(crate) const ABOUT: &str = "live through simulated years (minutes; --seed N: one year)";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    // Optimised, but without what makes a release slow to build: the year itself takes seconds.
    process::status(
        process::cargo()
            .args(["run", "--quiet", "--release", "-p", "ibkr-auth-tests", "--example", "year"])
            .args(["--config", "profile.release.lto=false", "--config", "profile.release.codegen-units=16"])
            .arg("--")
            .args(arguments),
    )
}
