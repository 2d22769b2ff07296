//! Logins that come to nothing, and sessions that are ended: what is left behind, here and at IBKR.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use ibkr_sim::Endpoint;
use rustix::process::Signal;

use crate::common::{Ran, World, at_once, signal};

at_once! {
    ends_of_sessions:
    a_login_that_is_late_is_ended_by_one_logout,
    a_login_that_is_interrupted_tries_nothing_again,
    a_second_interrupt_leaves_at_once,
    a_login_that_is_late_names_what_was_in_the_way_and_not_its_own_end,
    live_or_paper_is_not_waited_for_beyond_the_time,
    a_bearer_token_on_its_way_is_waited_for,
    a_session_that_cannot_be_ended_is_kept_for_the_next_login,
    a_pause_that_was_asked_for_outlives_an_interrupt,
    a_killed_login_has_asked_for_sso_validate,
    a_fresh_login_keeps_a_session_that_it_cannot_end,
    a_fresh_login_goes_on_where_the_old_session_is_forgotten,
}

const HANG: &str = r#"{"on":"ssodh/init","do":{"hang":true}}"#;
/// Less than any request may take.
const SOON: Duration = Duration::from_secs(10);

fn login(world: &World) -> Child {
    world.command(["login"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn interrupted(child: Child) -> Ran {
    signal(&child, Signal::TERM);
    child.wait_with_output().unwrap().into()
}

fn a_login_that_is_late_is_ended_by_one_logout() {
    let world = World::new();
    world.fault(HANG);
    let begin = Instant::now();
    let ran = world.run(["login", "--within", "4s"]);
    ran.fails(7, &["no time is left: ending the session", "the login was given up"]);
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert_eq!((world.count(Endpoint::Init), world.count(Endpoint::Logout)), (1, 1));
    world.run(["status"]).fails(4, &["there is no session"]);
}

fn a_login_that_is_interrupted_tries_nothing_again() {
    let world = World::new();
    world.fault(HANG);
    let child = login(&world);
    world.await_request(Endpoint::Init, 1);
    let begin = Instant::now();
    let ran = interrupted(child);
    ran.fails(130, &["ending the session; Ctrl-C again leaves at once", "interrupted: there is no session"]);
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert_eq!((world.count(Endpoint::Init), world.count(Endpoint::Logout)), (1, 1));
    world.run(["status"]).fails(4, &["there is no session"]);
}

fn a_second_interrupt_leaves_at_once() {
    let world = World::new();
    world.fault(HANG);
    world.fault(r#"{"on":"logout","do":{"hang":true}}"#);
    let mut child = login(&world);
    world.await_request(Endpoint::Init, 1);
    signal(&child, Signal::INT);
    world.await_request(Endpoint::Logout, 1);
    let begin = Instant::now();
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    world.simulator.handle().clear_faults();
    assert!(world.succeed(["logout"]).out.contains("Logged out."));
    assert_eq!(world.count(Endpoint::Logout), 2, "it was kept, and could be ended");
}

fn a_login_that_is_late_names_what_was_in_the_way_and_not_its_own_end() {
    let world = World::new();
    world.fault(r#"{"on":"ssodh/init","do":{"status":503}}"#);
    world.fault(r#"{"on":"logout","do":{"status":500}}"#);
    world.run(["login", "--within", "3s"]).fails(8, &["no time is left", "ssodh_init: ", "503"]);
}

fn live_or_paper_is_not_waited_for_beyond_the_time() {
    let world = World::new();
    world.fault(r#"{"on":"sso/validate","do":{"hang":true}}"#);
    let begin = Instant::now();
    world.succeed(["header"]);
    assert_eq!(world.count(Endpoint::Validate), 0, "nobody is told");
    assert!(world.succeed(["login", "--fresh", "--within", "3s"]).out.contains("Connected in"));
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
}

fn a_bearer_token_on_its_way_is_waited_for() {
    let world = World::new();
    world.fault(r#"{"on":"sso-sessions","do":{"delay_ms":1500}}"#);
    let child = login(&world);
    world.await_request(Endpoint::SsoSessions, 1);
    interrupted(child).fails(130, &["interrupted: there is no session"]);
    assert_eq!((world.count(Endpoint::Logout), world.count(Endpoint::Validate)), (1, 0));
}

fn a_session_that_cannot_be_ended_is_kept_for_the_next_login() {
    let world = World::new();
    world.configure("timeout: 1s\n");
    world.fault(HANG);
    world.fault(r#"{"on":"logout","do":{"hang":true}}"#);
    let child = login(&world);
    world.await_request(Endpoint::Init, 1);
    interrupted(child).fails(130, &["could not be ended, and is kept", "why:  logout", "ibkr-auth logout"]);
    assert_eq!(world.count(Endpoint::Logout), 1);
    world.simulator.handle().clear_faults();
    world.configure("");
    world.succeed(["login"]);
    assert_eq!((world.count(Endpoint::Token), world.count(Endpoint::SsoSessions)), (1, 1));
}

fn a_pause_that_was_asked_for_outlives_an_interrupt() {
    let world = World::new();
    world.fault(r#"{"on":"token","do":{"status":429,"retry_after":20}}"#);
    let mut child = login(&world);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("again in")));
    interrupted(child).fails(130, &["interrupted: there is no session"]);
    world.run(["login"]).fails(8, &["IBKR asked for a pause"]);
    assert_eq!(world.count(Endpoint::Token), 1);
}

fn a_killed_login_has_asked_for_sso_validate() {
    let world = World::new();
    let not_yet = r#"{\"authenticated\":true,\"connected\":true,\"competing\":false,\"established\":false}"#;
    world.fault(&format!(r#"{{"on":"ssodh/init","calls":1,"do":{{"status":200,"body":"{not_yet}"}}}}"#));
    let mut child = login(&world);
    world.await_request(Endpoint::Validate, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    world.succeed(["login"]);
    assert_eq!(world.count(Endpoint::Validate), 1);
}

fn a_fresh_login_keeps_a_session_that_it_cannot_end() {
    for (fault, code, words) in [
        (r#""status":429,"retry_after":300"#, 8, "429"),
        (r#""status":503"#, 8, "503"),
        (r#""reset":true"#, 7, "logout: "),
    ] {
        let world = World::new();
        world.succeed(["login"]);
        let token = world.token();
        world.fault(&format!(r#"{{"on":"logout","do":{{{fault}}}}}"#));
        world.run(["login", "--fresh"]).fails(code, &[words, "could not be ended, and stays kept"]);
        assert_eq!(world.count(Endpoint::Token), 1, "{fault}");
        if fault.contains("429") {
            world.run(["login"]).fails(8, &["IBKR asked for a pause"]);
            continue;
        }
        assert_eq!(world.token(), token);
        assert_eq!(world.count(Endpoint::Tickle), 1, "it was in doubt");
    }
}

fn a_fresh_login_goes_on_where_the_old_session_is_forgotten() {
    for status in [401, 410] {
        let world = World::new();
        world.succeed(["login"]);
        world.fault(&format!(r#"{{"on":"logout","do":{{"status":{status},"processed":true}}}}"#));
        world.succeed(["login", "--fresh"]);
        assert_eq!(world.count(Endpoint::Token), 2);
    }
}
