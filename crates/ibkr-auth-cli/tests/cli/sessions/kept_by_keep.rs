//! What other invocations do with a session that `keep` keeps, when it is not good.

use ibkr_sim::{Endpoint, demo};
use serde_json::Value;

use crate::common::{HOSTS, Ran, World, at_once};

at_once! {
    sessions_that_keep_keeps:
    a_get_waits_until_keep_has_healed_the_session,
    a_token_that_was_refused_is_not_sent_again,
    a_tickle_says_the_same_whoever_keeps_the_session,
    a_get_without_brokerage_session_waits_until_keep_has_opened_it,
    a_keep_that_waits_says_how_long_and_which_way_out,
    a_keep_that_rests_until_its_logins_are_allowed_may_be_forced,
    what_needs_no_brokerage_session_uses_a_session_that_keep_has_yielded,
    another_program_that_keeps_the_session_is_named,
}

macro_rules! kept {
    ($world:expr, $($option:expr),*) => {{
        let mut keeper = $world.keep(&["--json", $($option),*]);
        // Sent, and answered: after that it rests until the next tickle.
        keeper.line(r#""step":"validate_sso""#);
        keeper.line(r#""step":"validate_sso""#);
        keeper
    }};
}

fn a_get_waits_until_keep_has_healed_the_session() {
    let world = World::new();
    let keeper = kept!(world, "--tickle-every", "10s");
    let kept = format!("Kept by   `ibkr-auth keep` (process {})", keeper.pid());
    assert!(world.succeed(["status"]).out.contains(&kept));
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

fn a_get_without_brokerage_session_waits_until_keep_has_opened_it() {
    let world = World::new();
    let keeper = kept!(world, "--tickle-every", "10s");
    let heals = format!("wait: `ibkr-auth keep` (process {}) heals it at its next tickle", keeper.pid());
    world.fault(r#"{"on":"unknown","do":{"status":400,"body":{"error":"no bridge"}}}"#);
    world.run(["post", "/iserver/scanner/run", "--data", "{}"]).fails(9, &[&heals]);
    world.fault(r#"{"on":"iserver/accounts","calls":1,"do":{"status":400,"body":{"error":"no bridge"}}}"#);
    world.succeed(["get", "/iserver/accounts"]);
    assert_eq!((world.count(Endpoint::Accounts), world.count(Endpoint::Token)), (2, 1));
}

fn a_keep_that_waits_says_how_long_and_which_way_out() {
    let world = World::new();
    world.fault(r#"{"on":"token","do":{"status":429,"retry_after":1260}}"#);
    let mut keeper = world.keep(&["--json"]);
    keeper.line(r#""phase":"waiting""#);
    let begin = std::time::Instant::now();
    for command in [&["login"][..], &["header"]] {
        let ran = world.run(command);
        ran.fails(8, &["because IBKR asked for a pause", "wait 2", "going on gets your address blocked"]);
    }
    assert!(begin.elapsed() < std::time::Duration::from_secs(60), "it is known at once");
    let ran = world.run(["header", "--json"]).json();
    assert!((1_190..=1_700).contains(&ran["error"]["pause_s"].as_u64().unwrap()), "{ran}");
}

fn a_keep_that_rests_until_its_logins_are_allowed_may_be_forced() {
    // A server on this machine has no login budget.
    let world = World::behind_proxy();
    world.configure_without(&HOSTS, "");
    world.succeed(["login"]);
    world.succeed(["logout"]);
    let last = world.read_record()["history"]["logins"].as_array().unwrap().last().unwrap().clone();
    let spend = || world.change_record(|record| record["history"]["logins"] = vec![last.clone(); 12].into());
    spend();
    let mut keeper = world.keep(&["--json"]);
    keeper.line(r#""phase":"logins_spent""#);
    let way_out = format!("stop it with `kill {}` and start it with `--force`", keeper.pid());
    world.run(["login"]).fails(8, &["because the logins are as many as are safe", "wait 59 min", &way_out]);
    keeper.stop();
    assert_eq!(world.count(Endpoint::Token), 1);
    spend();
    let mut keeper = world.keep(&["--json", "--force"]);
    keeper.line(r#""phase":"connected""#);
}

fn what_needs_no_brokerage_session_uses_a_session_that_keep_has_yielded() {
    let world = World::new();
    world.simulator.handle().kick(None);
    let mut keeper = world.keep(&["--json"]);
    keeper.line(r#""phase":"yielded""#);
    let ran = world.succeed(["get", "/portfolio/accounts"]);
    assert_eq!(ran.json()[0]["accountId"], demo::ACCOUNT);
    let way_out = "it comes back when that login has ended";
    let ran = world.run(["get", "/iserver/accounts"]);
    ran.fails(6, &[way_out, "--compete"]);
    assert!(!ran.err.contains("press `r`"), "nobody can: {ran}");
}

fn another_program_that_keeps_the_session_is_named() {
    let world = World::new();
    let keeper = kept!(world,);
    world.change_record(|record| record["keeper"]["program"] = "gateway".into());
    let who = format!("`ibkr-auth gateway` (process {})", keeper.pid());
    for command in ["status", "tickle", "profiles"] {
        let ran = world.succeed([command]);
        assert!(ran.out.contains(&who) && !ran.out.contains("keep`"), "{ran}");
    }
    for command in [&["logout"][..], &["keep"], &["login", "--fresh"]] {
        world.run(command).fails(1, &[&format!("{who} keeps this session")]);
    }
    world.doctor(&["--offline"]).expect("kept session", "pass", &[&format!("{who} keeps it connected")]);
}
