//! `cargo xtask ci`: everything that has to pass, in the order in which it is quickest to learn of a fault.

use crate::{check, peers, process};

pub(crate) const ABOUT: &str =
    "all checks and all tests, the demo, and the peers (--offline: without the peers)";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let offline = match arguments {
        [] => false,
        [one] if one == "--offline" => true,
        [other, ..] => return Err(format!("`ci` takes --offline, not `{other}`")),
    };
    check::run(&[])?;
    if !offline {
        peers::run(&[])?;
    }
    cargo(&["run", "--quiet", "--bin", "ibkr-auth", "--", "demo"])?;
    cargo(&["test", "--workspace", "--all-features"])
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    process::status(process::cargo().args(arguments))
}
