//! `ibkr-auth gateway` as a person and other invocations see it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use ibkr_sim::Endpoint;
use rustix::process::Signal;

use crate::{
    common::{LONG, OTHER, World, at_once},
    keep::keeper::{Keeper, object},
};

at_once!(
    a_gateway_runs:
    others_find_its_session_and_it_logs_out_at_the_end,
    the_session_stays_open_where_that_is_asked_for,
    one_program_keeps_a_session,
    lines_for_programs_are_json,
    a_port_that_is_taken_is_told_with_what_to_do,
    the_demo_runs_without_an_account,
    settings_are_read_anew_without_a_new_start,
    who_logs_in_stays_and_that_is_told,
    the_profile_of_the_start_is_read_anew,
    what_is_named_twice_is_told_as_that,
    imports_leave_what_they_do_not_name,
    profiles_are_served_side_by_side,
    it_goes_on_when_nobody_reads_its_lines,
    what_clients_meet_is_told_without_asking,
);

impl World {
    fn gateway(&self, more: &[&str]) -> Keeper {
        Keeper::start(self.command([&["gateway", "--listen", "0", "--plain"], more].concat()))
    }
}

/// Where it listens.
fn address(gateway: &mut Keeper) -> String {
    let line = gateway.line("Listening at ");
    line.rsplit_once("//").unwrap().1.to_owned()
}

/// The answer to a request, head and body.
fn ask(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn others_find_its_session_and_it_logs_out_at_the_end() {
    let world = World::new();
    let mut gateway = world.gateway(&[]);
    let address = address(&mut gateway);
    let accounts = ask(&address, "GET", "/v1/api/portfolio/accounts");
    assert!(accounts.starts_with("HTTP/1.1 200 OK\r\n") && accounts.contains("accountId"), "{accounts}");
    let before = world.count(Endpoint::SsoSessions);
    let status = world.run(["status", "--json"]);
    assert_eq!(status.code, Some(0), "{}", status.err);
    let header = world.run(["header"]);
    assert!(header.code == Some(0) && header.out.contains("Authorization: Bearer "), "{}", header.err);
    assert_eq!(world.count(Endpoint::SsoSessions), before, "nobody logs in beside it");
    let (code, errors) = gateway.stop();
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(world.count(Endpoint::Logout), 1);
    assert_eq!(world.run(["status"]).code, Some(4), "there is no session any more");
}

fn the_session_stays_open_where_that_is_asked_for() {
    let world = World::new();
    let mut gateway = world.gateway(&["--leave-open"]);
    gateway.line(" connected");
    assert_eq!(gateway.stop().0, Some(0));
    assert_eq!(world.count(Endpoint::Logout), 0);
    assert_eq!(world.run(["status"]).code, Some(0));
    let before = world.count(Endpoint::Token);
    let mut next = world.gateway(&[]);
    next.line(" connected");
    assert_eq!(world.count(Endpoint::Token), before, "it goes on without a login");
    assert_eq!(next.stop().0, Some(0));
}

fn one_program_keeps_a_session() {
    let world = World::new();
    let mut gateway = world.gateway(&[]);
    gateway.line(" connected");
    for command in [&["gateway", "--listen", "0"][..], &["keep"], &["login", "--fresh"]] {
        let second = world.run(command);
        assert_eq!(second.code, Some(1), "{command:?}: {}", second.err);
        assert!(second.err.contains("`ibkr-auth gateway` (process "), "{command:?}: {}", second.err);
    }
}

fn lines_for_programs_are_json() {
    let world = World::new();
    let mut gateway = world.gateway(&["--json"]);
    let line = gateway.line(r#""event":"phase""#);
    let told = object(&line);
    assert_eq!((&told["session"], &told["event"]), (&"default".into(), &"phase".into()));
}

fn a_port_that_is_taken_is_told_with_what_to_do() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = world.run(["gateway", "--listen", &port]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(
        ran.err.contains(&format!("cannot listen at 127.0.0.1:{port}")) && ran.err.contains("another port"),
        "{}",
        ran.err
    );
    assert_eq!(world.count(Endpoint::Token), 0, "nothing was sent");
}

fn the_demo_runs_without_an_account() {
    let world = World::new();
    let mut demo = Keeper::start(world.command(["gateway", "--demo", "--listen", "0", "--plain"]));
    let address = address(&mut demo);
    let line = demo.line("curl -s http://localhost:");
    assert!(line.ends_with("/v1/api/portfolio/accounts"), "{line}");
    demo.line(" connected");
    assert!(ask(&address, "POST", "/v1/api/tickle").contains("ssoExpires"));
    assert!(ask(&address, "GET", "/gateway/").contains("<!doctype html>"));
    assert_eq!(demo.stop().0, Some(0));
    assert_eq!(world.run(["gateway", "--demo", "--probe"]).code, Some(2), "nobody finds one that is tried");
}

fn settings_are_read_anew_without_a_new_start() {
    let world = World::new();
    let mut gateway = world.gateway(&[]);
    let address = address(&mut gateway);
    gateway.line(" connected");
    let select = || ask(&address, "POST", "/v1/api/iserver/account");
    assert!(!select().starts_with("HTTP/1.1 403"), "{}", select());
    world.configure("gateway_read_only: true");
    gateway.signal(Signal::HUP);
    gateway.line("the settings were read anew");
    assert!(select().starts_with("HTTP/1.1 403 Forbidden\r\n"), "{}", select());
    world.configure("gateway_read_only: perhaps");
    gateway.signal(Signal::HUP);
    gateway.line("the settings cannot be read anew, and stay as they are");
    assert!(select().starts_with("HTTP/1.1 403 Forbidden\r\n"), "{}", select());
    world.configure("gateway_prefix: /other");
    gateway.signal(Signal::HUP);
    gateway.line("the settings were read anew");
    assert!(!select().starts_with("HTTP/1.1 403"), "{}", select());
    let (code, errors) = gateway.stop();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("gateway_read_only") && errors.contains("until the next start"), "{errors}");
    assert_eq!(world.count(Endpoint::Token), 1);
}

fn who_logs_in_stays_and_that_is_told() {
    let world = World::new();
    let mut gateway = world.gateway(&[]);
    gateway.line(" connected");
    for settings in ["", &format!("credential: {OTHER}")] {
        world.configure(settings);
        gateway.signal(Signal::HUP);
        gateway.line("the settings were read anew");
    }
    let (code, errors) = gateway.stop();
    assert_eq!(code, Some(0), "{errors}");
    let told = "default: who logs in, and where, stays until the next start";
    assert_eq!(errors.matches(told).count(), 1, "{errors}");
    assert_eq!(world.count(Endpoint::Token), 1);
}

fn the_profile_of_the_start_is_read_anew() {
    let world = World::new();
    let profiles = |default: &str, of_alice: &str| {
        world.configure(&format!(
            "profiles:\n  alice: {{ {of_alice} }}\n  bob: {{ credential: {OTHER} }}\ndefault_profile: {default}"
        ));
    };
    profiles("alice", "");
    let mut gateway = world.gateway(&[]);
    let address = address(&mut gateway);
    gateway.line(" connected");
    profiles("bob", "gateway_read_only: true");
    gateway.signal(Signal::HUP);
    gateway.line("the settings were read anew");
    let select = ask(&address, "POST", "/v1/api/iserver/account");
    assert!(select.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{select}");
    let (code, errors) = gateway.stop();
    assert!(code == Some(0) && !errors.contains("bob") && !errors.contains("who logs in"), "{errors}");
    world.configure("");
    let mut unnamed = world.gateway(&[]);
    unnamed.line(" connected");
    profiles("bob", "");
    unnamed.signal(Signal::HUP);
    unnamed.line("the settings cannot be read anew, and stay as they are");
    let (_, errors) = unnamed.stop();
    assert!(errors.contains("now for the profile bob, and the session is default"), "{errors}");
}

fn what_is_named_twice_is_told_as_that() {
    let world = World::new();
    world.configure("profiles:\n  alice: { gateway_prefix: /a }\n  bob: { gateway_prefix: /b }");
    for ([option, value], told) in [
        (["--profiles", "alice,alice"], "the profile alice is named twice"),
        (["--profiles", "alice,bob"], "the profiles alice and bob are one session"),
        (["--listen", "5001,127.0.0.1:5001"], "the session default is to listen at 127.0.0.1:5001 twice"),
    ] {
        let ran = world.run(["gateway", option, value]);
        assert!(ran.code != Some(0) && ran.err.contains(told), "{}", ran.err);
    }
    assert_eq!(world.count(Endpoint::Token), 0, "nothing was sent");
}

fn imports_leave_what_they_do_not_name() {
    let world = World::new();
    world.configure("gateway_prefix: /mine\ngateway_allow_hosts: [ib-gateway]");
    world.write("conf.yaml", "listenPort: 5001\nlistenSsl: false\n");
    for import in [&["--import-conf", "conf.yaml"][..], &["--import-ibind"]] {
        let mut gateway = world.gateway(import);
        let address = address(&mut gateway);
        gateway.line(" connected");
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /mine/v1/api/tickle HTTP/1.0\r\nHost: ib-gateway\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK\r\n"), "{import:?}: {answer}");
        assert_eq!(gateway.stop().0, Some(0));
    }
}

fn profiles_are_served_side_by_side() {
    let world = World::new();
    let profiles = format!(
        "profiles:\n  one: {{ gateway_prefix: /one }}\n  two: {{ credential: {OTHER}, gateway_prefix: /two }}"
    );
    world.configure(&profiles);
    let mut gateway = world.gateway(&["--profiles", "one,two"]);
    let address = address(&mut gateway);
    for (prefix, other) in [("/one", "/two"), ("/two", "/one")] {
        let answer = ask(&address, "GET", &format!("{prefix}/v1/api/portfolio/accounts"));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let state = ask(&address, "GET", &format!("{prefix}/gateway/state"));
        assert!(state.contains(&format!("{other}/gateway")), "{state}");
    }
    assert!(ask(&address, "GET", "/v1/api/portfolio/accounts").starts_with("HTTP/1.1 404"));
    for profile in ["one", "two"] {
        assert_eq!(world.run(["status", "--profile", profile]).code, Some(0));
    }
    assert_eq!(gateway.stop().0, Some(0));
    assert_eq!(world.count(Endpoint::Logout), 2);
}

/// `ibkr-auth gateway | tee log`, and Ctrl-C ends `tee` first.
fn it_goes_on_when_nobody_reads_its_lines() {
    let world = World::new();
    let command = world.command(["gateway", "--listen", "0", "--plain"]);
    let mut gateway = Keeper::start_unread_after(command, "Status page");
    let begin = Instant::now();
    while world.run(["status"]).code != Some(0) {
        assert!(begin.elapsed() < LONG, "no session");
    }
    gateway.signal(Signal::HUP);
    gateway.stop();
    assert_eq!(world.count(Endpoint::Logout), 1);
}

fn what_clients_meet_is_told_without_asking() {
    let world = World::new();
    world.configure("gateway_audit_file: /dev/full");
    let mut gateway = world.gateway(&[]);
    let address = address(&mut gateway);
    gateway.line(" connected");
    ask(&address, "POST", "/v1/api/iserver/questions/suppress/reset");
    let (code, errors) = gateway.stop();
    assert!(code == Some(0) && errors.contains("the audit file cannot be written"), "{code:?} {errors}");
}
