//! What each command says when all is well, to people and to programs.

use ibkr_sim::Endpoint;

use crate::{
    common::{World, assert_shows, at_once, run_together},
    requests::{ORDER, orders, ready_to_trade},
};

at_once! {
    commands_when_all_is_well:
    a_login_shows_its_steps_and_keeps_the_session,
    a_login_in_json_is_one_value,
    a_login_when_logged_in_says_so_and_asks_ibkr_once,
    a_fresh_login_ends_the_kept_session,
    status_shows_what_ibkr_says_and_logs_in_nowhere,
    tickle_keeps_the_session_alive_once,
    logout_ends_the_session_and_forgets_it,
    header_and_token_are_for_scripts,
    header_and_token_log_in_without_a_word_when_there_is_no_session,
    get_prints_the_answer_as_json,
    post_and_delete_print_the_answer_too,
    a_read_only_session_is_good_without_a_brokerage_session,
}

fn a_login_shows_its_steps_and_keeps_the_session() {
    let world = World::new();
    let ran = world.succeed(["login"]);
    assert_shows!(world, "login", sorted_steps(&ran.to_string()));
    assert_eq!(world.records().len(), 1);
    assert_eq!(world.count(Endpoint::Logout), 0, "the session stays");
}

fn a_login_in_json_is_one_value() {
    let world = World::new();
    let ran = world.succeed(["login", "--json"]);
    let mut told = ran.json();
    let steps = told["steps"].as_array_mut().unwrap();
    steps.sort_by_key(|step| step["step"].as_str().unwrap().to_owned());
    assert_eq!(ran.err, "");
    assert_shows!(world, "login_json", format_args!("{told:#}"));
}

fn a_login_when_logged_in_says_so_and_asks_ibkr_once() {
    let world = World::new();
    world.succeed(["login"]);
    let before = world.sent();
    let ran = world.succeed(["login"]);
    assert_shows!(world, "login_again", ran);
    assert_eq!(world.sent_since(&before), [("tickle", 1)].into());
    assert_eq!(world.succeed(["login", "--json"]).json()["logged_in"], false);
}

fn a_fresh_login_ends_the_kept_session() {
    let world = World::new();
    world.succeed(["login"]);
    let old = world.succeed(["token"]).out;
    let before = world.sent();
    let ran = world.succeed(["login", "--fresh"]);
    assert!(ran.out.contains("Connected in"), "{ran}");
    let sent = world.sent_since(&before);
    assert_eq!((sent["logout"], sent["token"], sent["sso-sessions"]), (1, 1, 1), "{sent:?}");
    assert_ne!(world.succeed(["token"]).out, old);
}

fn status_shows_what_ibkr_says_and_logs_in_nowhere() {
    let world = World::new();
    world.succeed(["login"]);
    let before = world.sent();
    assert_shows!(world, "status", world.succeed(["status"]));
    assert_shows!(world, "status_json", world.succeed(["status", "--json"]));
    assert_eq!(world.sent_since(&before), [("auth/status", 2)].into());
}

fn tickle_keeps_the_session_alive_once() {
    let world = World::new();
    world.succeed(["login"]);
    assert_shows!(world, "tickle", world.succeed(["tickle"]));
    assert_shows!(world, "tickle_json", world.succeed(["tickle", "--json"]));
    assert_eq!(world.count(Endpoint::Tickle), 2);
}

#[test]
#[ignore = "takes two minutes, IBKR takes one `sso/validate` a minute: cargo test -p ibkr-auth-cli --test cli -- --ignored"]
fn validate_says_who_is_logged_in() {
    let world = World::new();
    world.succeed(["login"]);
    let ran = run_together([world.command(["validate"]), world.command(["validate", "--json"])]);
    assert_eq!([ran[0].code, ran[1].code], [Some(0); 2], "{} {}", ran[0], ran[1]);
    assert_shows!(world, "validate", ran[0]);
    assert_shows!(world, "validate_json", ran[1]);
    assert_eq!(world.count(Endpoint::Validate), 3);
    assert_eq!(world.simulator.handle().counters().refused_for("pacing"), 0);
}

fn logout_ends_the_session_and_forgets_it() {
    let world = World::new();
    world.succeed(["login"]);
    assert_shows!(world, "logout", world.succeed(["logout"]));
    assert_eq!(world.count(Endpoint::Logout), 1);
    assert_shows!(world, "logout_again", world.succeed(["logout"]));
    assert_eq!(world.count(Endpoint::Logout), 1, "there was nothing to end");
    assert_shows!(world, "logout_json", world.succeed(["logout", "--json"]));
    world.run(["status"]).fails(4, &["there is no session", "ibkr-auth login"]);
}

fn header_and_token_are_for_scripts() {
    let world = World::new();
    world.succeed(["login"]);
    for name in ["header", "token"] {
        assert_shows!(world, name, world.succeed([name]).to_string().replace(&world.token(), "TOKEN"));
        assert_shows!(world, format!("{name}_json"), world.succeed([name, "--json"]));
    }
    let header = world.succeed(["header"]);
    assert!(header.out.contains(&format!("Authorization: Bearer {}\n", world.token())), "{header}");
}

fn header_and_token_log_in_without_a_word_when_there_is_no_session() {
    for command in ["header", "token"] {
        let world = World::new();
        let ran = world.succeed([command]);
        assert_eq!(ran.err, "");
        assert_eq!(world.count(Endpoint::Token), 1);
    }
}

fn get_prints_the_answer_as_json() {
    let world = World::new();
    assert_shows!(world, "get", world.succeed(["get", "/portfolio/accounts"]));
}

fn post_and_delete_print_the_answer_too() {
    let world = ready_to_trade();
    assert_shows!(world, "post", world.succeed(["post", &orders(), "--data", ORDER]));
    let order = orders().replace("/orders", "/order/1000000001");
    assert_shows!(world, "delete", world.succeed(["delete", &order]));
}

fn a_read_only_session_is_good_without_a_brokerage_session() {
    let world = World::new();
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    assert_eq!(world.count(Endpoint::Init), 0);
    assert_shows!(world, "status_read_only", world.succeed(["status"]));
    world.succeed(["header", "--max-age", "0s"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

/// Two steps overlap: either may end first.
fn sorted_steps(shown: &str) -> String {
    let mut lines: Vec<_> = shown.lines().collect();
    if let (Some(first), Some(last)) =
        (lines.iter().position(|line| line.contains('✓')), lines.iter().rposition(|line| line.contains('✓')))
    {
        lines[first..=last].sort_unstable();
    }
    lines.join("\n")
}
