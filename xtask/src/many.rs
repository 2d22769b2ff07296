//! `cargo xtask many`: what a session costs when there are thousands.

use crate::{process, stress};

pub(crate) const ABOUT: &str =
    "10,000 bare sessions and 1,000 async clients: memory and processor time of each";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`many` takes no argument, not `{other}`"));
    }
    let mut test = stress::cargo("test");
    test.args(["--test", "many", "--", "--nocapture", "--test-threads", "1"]);
    test.env("MANY_SESSIONS", "10000").env("MANY_CLIENTS", "1000").env("MANY_SECONDS", "30");
    process::status(&mut test)
}
