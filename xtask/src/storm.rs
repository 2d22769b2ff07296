//! `cargo xtask storm`: the storm of tests/storm.rs, optimised and for as long as one likes.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{process, stress};

pub(crate) const ABOUT: &str = "a storm over the bare session, in virtual time (--rounds N, --seed S)";

const ROUNDS: u64 = 1_000_000;

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (mut rounds, mut seed) =
        (ROUNDS, SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs()));
    for pair in arguments.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse().ok());
        match (pair[0].as_str(), number) {
            ("--rounds", Some(number)) => rounds = number,
            ("--seed", Some(number)) => seed = number,
            (other, _) => return Err(format!("`storm` takes --rounds N and --seed S, not `{other}`")),
        }
    }
    println!("{rounds} rounds from seed {seed}");
    let mut test = stress::cargo("test");
    test.args(["--test", "storm", "--", "--nocapture", "--test-threads", "1"]);
    test.env("STORM_ROUNDS", rounds.to_string()).env("STORM_SEED", seed.to_string());
    process::status(&mut test)
}
