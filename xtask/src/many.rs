//! `cargo xtask many`: what a session costs when there are thousands.

use crate::{process, stress};

pub(crate) const ABOUT: &str =
    "10,000 bare sessions and 1,000 async clients: memory and processor time of each";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`many` takes no argument, not `{other}`"));
    }
    // Each in a process of its own: what the first one frees would hide what the second one takes.
    for name in ["bare_sessions_on_one_thread", "async_clients_in_one_process"] {
        let mut test = stress::cargo("test");
        test.args(["--test", "many", name, "--", "--exact", "--nocapture"]);
        test.env("MANY_SESSIONS", "10000").env("MANY_CLIENTS", "1000").env("MANY_SECONDS", "30");
        process::status(&mut test)?;
    }
    Ok(())
}
