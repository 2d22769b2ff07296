//! What other invocations do with a session that `keep` keeps, when it is not good.

use ibkr_sim::{Endpoint, demo};
use serde_json::Value;

use crate::common::{Ran, World, at_once};

at_once! {
    sessions_that_keep_keeps:
    a_get_waits_until_keep_has_healed_the_session,
    a_token_that_was_refused_is_not_sent_again,
    a_tickle_says_the_same_whoever_keeps_the_session,
}

macro_rules! kept {
    ($world:expr, $($option:expr),*) => {{
        let mut keeper = $world.keep(&["--json", $($option),*]);
        keeper.line(r#""step":"tickle""#);
        keeper
    }};
}

fn a_get_waits_until_keep_has_healed_the_session() {
    let world = World::new();
    let _keeper = kept!(world, "--tickle-every", "10s");
    world.simulator.handle().restart();
    let ran = world.succeed(["get", "/portfolio/accounts"]);
    assert_eq!(ran.json()[0]["accountId"], demo::ACCOUNT);
    assert_eq!((world.count(Endpoint::PortfolioAccounts), world.count(Endpoint::Token)), (2, 2));
}

fn a_token_that_was_refused_is_not_sent_again() {
    let world = World::new();
    let keeper = kept!(world,);
    let heals = format!("`ibkr-auth keep` (process {}) heals it at its next tickle", keeper.pid());
    world.simulator.handle().restart();
    let unnoticed = "IBKR has just refused it; `keep` notices at its next tickle";
    world.run(["get", "/portfolio/accounts", "--within", "1s"]).fails(8, &[unnoticed]);
    world.run(["login", "--within", "1s"]).fails(8, &[unnoticed]);
    world.run(["status"]).fails(4, &[&heals]);
    assert_eq!(world.count(Endpoint::PortfolioAccounts), 1);
}

fn a_tickle_says_the_same_whoever_keeps_the_session() {
    let members = |ran: Ran| match ran.json() {
        Value::Object(members) => members.keys().cloned().collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    let world = World::new();
    let mut keeper = kept!(world,);
    let with = world.succeed(["tickle", "--json"]);
    assert_eq!(with.json()["keeper"], keeper.pid());
    keeper.stop();
    let without = world.succeed(["tickle", "--json"]);
    assert!(without.json()["keeper"].is_null(), "{without}");
    assert_eq!(members(with), members(without));
}
