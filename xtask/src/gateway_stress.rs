//! `cargo xtask gateway-money` and `cargo xtask gateway-soak`: the gateway's tests for as long as one likes.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{process, stress};

pub(crate) const MONEY: &str = "orders through a gateway whose connections are cut (--orders N, --seed S)";
pub(crate) const SOAK: &str = "a day of the gateway's with faults, twice (5 min; --seconds N, --seed S)";

pub(crate) fn money(arguments: &[String]) -> Result<(), String> {
    run(("gateway", "money::"), arguments, ("--orders", "MONEY_ORDERS", 10_000), "MONEY_SEED")
}

pub(crate) fn soak(arguments: &[String]) -> Result<(), String> {
    run(("gateway_soak", ""), arguments, ("--seconds", "GATEWAY_SOAK_SECONDS", 150), "GATEWAY_SOAK_SEED")
}

fn run(
    (binary, tests): (&str, &str),
    arguments: &[String],
    (option, variable, otherwise): (&str, &str, u64),
    seed_variable: &str,
) -> Result<(), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
    let (mut amount, mut seed) = (otherwise, now);
    for pair in arguments.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse().ok());
        match (pair[0].as_str(), number) {
            (name, Some(number)) if name == option => amount = number,
            ("--seed", Some(number)) => seed = number,
            (other, _) => return Err(format!("it takes {option} N and --seed S, not `{other}`")),
        }
    }
    let mut test = stress::cargo("test");
    test.args(["--test", binary, "--", tests, "--nocapture"]);
    test.env(variable, amount.to_string()).env(seed_variable, seed.to_string());
    process::status(&mut test)
}
