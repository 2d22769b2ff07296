//! `cargo xtask soak`: both clients in the automatic mode, with faults of chance, for half an hour of the
//! simulator's time.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{process, stress};

pub(crate) const ABOUT: &str =
    "both clients kept connected through random faults (5 min; --seconds N, --seed S)";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
    let (mut seconds, mut seed) = (300, now);
    for pair in arguments.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse().ok());
        match (pair[0].as_str(), number) {
            ("--seconds", Some(number)) => seconds = number,
            ("--seed", Some(number)) => seed = number,
            (other, _) => return Err(format!("`soak` takes --seconds N and --seed S, not `{other}`")),
        }
    }
    let mut test = stress::cargo("test");
    test.args(["--test", "soak", "--", "--nocapture"]);
    test.env("SOAK_SECONDS", seconds.to_string()).env("SOAK_SEED", seed.to_string());
    process::status(&mut test)
}
