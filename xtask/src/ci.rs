//! `cargo xtask ci`: everything that has to pass, in the order in which it is quickest to learn of a fault.

use crate::{browser, check, deny, package, peers, process};

pub(crate) const ABOUT: &str = "all checks and tests, the demo, what packages hold, the peers, cargo-deny and the status page in Chromium if they are there (--offline: without the last three)";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let offline = match arguments {
        [] => false,
        [one] if one == "--offline" => true,
        [other, ..] => return Err(format!("`ci` takes --offline, not `{other}`")),
    };
    check::run(&[])?;
    package::list()?;
    if !offline {
        deny::if_built()?;
        peers::run(&[])?;
        browser::if_there()?;
    }
    cargo(&["run", "--quiet", "--bin", "ibkr-auth", "--", "demo"])?;
    cargo(&["test", "--workspace", "--all-features"])
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    process::status(process::cargo().args(arguments))
}
