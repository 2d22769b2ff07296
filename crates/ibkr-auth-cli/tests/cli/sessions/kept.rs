//! The kept session: when nothing is asked, what is asked, and how it is healed.

use std::time::Duration;

use ibkr_sim::Endpoint;

use crate::common::{World, at_once};

at_once! {
    kept_sessions:
    after_a_login_scripts_send_nothing,
    what_was_seen_too_long_ago_is_asked_once,
    an_idle_brokerage_session_is_opened_again_and_nothing_else,
    an_expired_bearer_token_is_replaced_with_the_same_access_token,
    a_forgotten_session_is_made_anew,
    without_login_a_lost_session_is_said_and_nothing_is_made,
    without_login_and_without_a_session_nothing_is_sent,
    a_session_that_another_login_has_is_left_alone,
    a_session_elsewhere_is_ended_when_that_is_said,
    a_session_elsewhere_is_ended_when_the_settings_say_so,
    a_session_elsewhere_is_not_ended_by_a_login_that_was_not_asked_to,
    a_changed_address_needs_a_new_bearer_token,
    a_changed_address_heals_by_itself_after_a_while,
    a_server_that_fails_for_a_moment_costs_no_login,
    a_session_that_another_program_ended_is_noticed_by_any_command,
}

const IDLE: Duration = Duration::from_secs(6 * 60);
const AGED: Duration = Duration::from_secs(61 * 60);

fn after_a_login_scripts_send_nothing() {
    let world = World::new();
    world.succeed(["login"]);
    let before = world.sent();
    let connections = world.simulator.handle().connections();
    for _ in 0..3 {
        world.succeed(["header"]);
        world.succeed(["token", "--json"]);
    }
    assert_eq!(world.sent_since(&before), [].into());
    assert_eq!(world.simulator.handle().connections(), connections);
}

fn what_was_seen_too_long_ago_is_asked_once() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    let before = world.sent();
    let ran = world.succeed(["token", "--max-age", "0s"]);
    assert_eq!(ran.out.trim_end(), token);
    assert_eq!(world.sent_since(&before), [("tickle", 1)].into());
}

fn an_idle_brokerage_session_is_opened_again_and_nothing_else() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    world.simulator.handle().advance(IDLE);
    let before = world.sent();
    assert_eq!(world.succeed(["token", "--max-age", "0s"]).out.trim_end(), token);
    let sent = world.sent_since(&before);
    assert_eq!(sent.get("ssodh/init"), Some(&1), "{sent:?}");
    assert!(!sent.contains_key("sso-sessions") && !sent.contains_key("token"), "{sent:?}");
}

fn an_expired_bearer_token_is_replaced_with_the_same_access_token() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    world.simulator.handle().advance(AGED);
    let before = world.sent();
    assert_ne!(world.succeed(["token", "--max-age", "0s"]).out.trim_end(), token);
    let sent = world.sent_since(&before);
    assert_eq!(sent.get("sso-sessions"), Some(&1), "{sent:?}");
    assert!(!sent.contains_key("token"), "{sent:?}");
    assert_eq!(world.simulator.handle().counters().refused_for("replay"), 0);
}

fn a_forgotten_session_is_made_anew() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    world.simulator.handle().restart();
    assert_ne!(world.succeed(["token", "--max-age", "0s"]).out.trim_end(), token);
    assert_ne!(world.token(), token, "and kept");
}

fn without_login_a_lost_session_is_said_and_nothing_is_made() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().restart();
    let before = world.sent();
    world.run(["header", "--no-login", "--max-age", "0s"]).fails(4, &["ibkr-auth login"]);
    assert_eq!(world.sent_since(&before), [("tickle", 1)].into());
    world.simulator.handle().advance(IDLE);
    world.run(["get", "/portfolio/accounts", "--no-login"]).fails(4, &[]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

fn without_login_and_without_a_session_nothing_is_sent() {
    let world = World::new();
    for command in ["header", "token", "login"] {
        world.run([command, "--no-login"]).fails(4, &["there is no session"]);
    }
    for command in ["status", "tickle", "validate"] {
        world.run([command]).fails(4, &["there is no session", "ibkr-auth login"]);
    }
    assert!(world.sent().is_empty());
}

fn a_session_that_another_login_has_is_left_alone() {
    let world = World::new();
    world.succeed(["login"]);
    let handle = world.simulator.handle();
    handle.kick(None);
    let before = handle.counters().inits;
    for command in ["status", "tickle"] {
        world.run([command]).fails(6, &["--compete"]);
    }
    world.run(["header", "--max-age", "0s"]).fails(6, &["--compete", "TWS"]);
    world.run(["login"]).fails(6, &["--compete"]);
    assert_eq!(handle.counters().inits, before, "nothing was ended");
    assert_eq!(world.count(Endpoint::Token), 1, "nothing was logged in");
}

fn a_session_elsewhere_is_ended_when_that_is_said() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().kick(None);
    world.succeed(["login", "--compete"]);
    world.simulator.handle().kick(None);
    world.succeed(["header", "--compete", "--max-age", "0s"]);
    world.succeed(["status"]);
}

fn a_session_elsewhere_is_ended_when_the_settings_say_so() {
    let world = World::new();
    world.configure("compete: true\n");
    world.simulator.handle().kick(None);
    world.succeed(["login"]);
    world.simulator.handle().kick(None);
    world.succeed(["header", "--max-age", "0s"]);
}

fn a_session_elsewhere_is_not_ended_by_a_login_that_was_not_asked_to() {
    let world = World::new();
    for more in ["", "compete: false\n"] {
        world.configure(more);
        world.simulator.handle().kick(None);
        world.run(["login"]).fails(6, &["--compete"]);
        assert_eq!(world.simulator.handle().counters().inits, 0, "nothing was ended");
    }
    assert_eq!(world.count(Endpoint::Logout), 2, "what was opened on the way is closed");
}

fn a_changed_address_needs_a_new_bearer_token() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    world.simulator.handle().set_ip("198.51.100.9".parse().unwrap());
    // Our own session of the old address is another one to IBKR, and may as well be TWS.
    world.run(["token", "--max-age", "0s"]).fails(6, &["5 idle minutes", "--compete"]);
    let ran = world.succeed(["token", "--compete"]);
    assert_ne!(ran.out.trim_end(), token);
    assert!(world.succeed(["status"]).out.contains("198.51.100.9"));
    assert_eq!(world.count(Endpoint::Token), 1, "the access token holds");
}

fn a_changed_address_heals_by_itself_after_a_while() {
    let world = World::new();
    world.configure("compete: false\n");
    world.succeed(["login"]);
    world.simulator.handle().set_ip("198.51.100.9".parse().unwrap());
    world.simulator.handle().advance(IDLE);
    world.succeed(["token", "--max-age", "0s"]);
    assert_eq!((world.count(Endpoint::Token), world.count(Endpoint::SsoSessions)), (1, 2));
}

fn a_server_that_fails_for_a_moment_costs_no_login() {
    let world = World::new();
    world.succeed(["login"]);
    let token = world.token();
    world.fault(r#"{"on":"tickle","calls":1,"do":{"status":503}}"#);
    assert_eq!(world.succeed(["token", "--max-age", "0s"]).out.trim_end(), token);
    assert_eq!((world.count(Endpoint::Token), world.count(Endpoint::SsoSessions)), (1, 1));
}

fn a_session_that_another_program_ended_is_noticed_by_any_command() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().restart();
    world.run(["tickle"]).fails(4, &[]);
    // Now it is in doubt, whatever its age.
    let before = world.sent();
    world.succeed(["header"]);
    assert_eq!(world.sent_since(&before).get("token"), Some(&1));
}
