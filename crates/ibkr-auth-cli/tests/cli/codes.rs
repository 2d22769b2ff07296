//! Every exit code, as text and as JSON. 0 is everywhere; 2 is in `usage`, 10 in `unsure`, 141 in `output`.

use std::process::Command;

use ibkr_sim::HostState;

use crate::common::{Ran, World, assert_shows, run};

/// Both ways to tell the same failure.
fn check(world: &World, name: &str, code: i32, prepare: impl Fn(&mut Command)) {
    for json in [false, true] {
        // The two invocations do not know of each other: the simulator is not to remember the first one's
        // assertion.
        world.simulator.handle().restart();
        let mut command = world.command(["login"]);
        prepare(&mut command);
        if json {
            // Another folder, so that no pace is kept between the two.
            command.args(["--json", "--state-dir", "other"]);
        }
        let ran = run(command);
        assert_eq!(ran.code, Some(code), "{ran}");
        if json {
            assert_eq!(ran.json()["error"]["exit_code"], code, "{ran}");
            assert_eq!(ran.err, "", "all that programs need is on standard output");
            assert_shows!(world, format!("{name}_json"), ran);
        } else {
            assert_shows!(world, name, error_of(&ran));
        }
    }
}

/// The steps before it are shown elsewhere.
fn error_of(ran: &Ran) -> String {
    let code = ran.code.unwrap_or_default();
    format!("exit code {code}\n{}", ran.err)
}

fn once(command: &mut Command) {
    command.env("IBKR_AUTH_RETRY_ATTEMPTS", "1");
}

#[test]
fn code_1_is_for_what_has_no_other() {
    let world = World::new();
    world.write("state", "a file");
    world.write("other", "a file");
    check(&world, "code_1", 1, |_| {});
}

#[test]
fn code_3_is_for_the_settings() {
    let world = World::new();
    world.configure("credentail: me\n");
    check(&world, "code_3", 3, |_| {});
}

#[test]
fn code_3_is_for_the_key_too() {
    let world = World::new();
    world.write("private.pem", "no key");
    check(&world, "code_3_key", 3, |_| {});
}

#[test]
fn code_3_is_for_the_trust_store_too() {
    let world = World::new();
    world.write("ca.pem", "no certificate");
    check(&world, "code_3_trust", 3, |_| {});
}

#[test]
fn code_4_is_for_no_session() {
    let world = World::new();
    check(&world, "code_4", 4, |command| {
        command.arg("--no-login");
    });
    assert!(world.sent().is_empty(), "nothing was sent");
}

#[test]
fn code_5_is_for_refusals() {
    let world = World::new();
    check(&world, "code_5", 5, |command| {
        command.arg("--force").env("IBKR_AUTH_CLIENT_KEY_ID", "other");
    });
}

#[test]
fn code_6_is_for_a_session_elsewhere() {
    let world = World::new();
    check(&world, "code_6", 6, |_| world.simulator.handle().kick(None));
}

#[test]
fn code_7_is_for_the_network() {
    let world = World::new();
    world.simulator.handle().set_host("localhost", Some(HostState::Refuse));
    check(&world, "code_7", 7, once);
}

#[test]
fn code_7_is_for_a_proxy_that_is_away_too() {
    let world = World::new();
    check(&world, "code_7_proxy", 7, |command| {
        once(command);
        // Without a look-up it is always the same step that fails first.
        command.env("IBKR_AUTH_PROXY", "http://127.0.0.1:1").env("IBKR_AUTH_PUBLIC_IP", "203.0.113.7");
    });
}

#[test]
fn code_8_is_for_ibkr_failing() {
    let world = World::new();
    world.fault(r#"{"on":"token","do":{"status":503}}"#);
    check(&world, "code_8", 8, once);
}

#[test]
fn code_9_is_for_answers_of_the_api() {
    let world = World::new();
    let ran = world.run(["get", "/nowhere"]);
    assert_shows!(world, "code_9", ran);
    let ran = world.run(["get", "/nowhere", "--json"]);
    assert_eq!(ran.code, Some(9), "{ran}");
    assert_shows!(world, "code_9_json", ran);
}

#[cfg(unix)]
#[test]
fn code_130_is_for_an_interrupt() {
    use std::os::unix::process::ExitStatusExt;

    let world = World::new();
    world.fault(r#"{"on":"token","do":{"hang":true}}"#);
    let mut child = world.command(["login"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    world.await_request(ibkr_sim::Endpoint::Token, 1);
    crate::common::signal(&child, rustix::process::Signal::INT);
    let status = child.wait().unwrap();
    // A shell shows 130 for either.
    assert!(status.code() == Some(130) || status.signal() == Some(2), "{status}");
}
