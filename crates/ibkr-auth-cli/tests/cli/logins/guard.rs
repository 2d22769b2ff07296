//! What keeps logins from being repeated blindly.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::mpsc::{Receiver, channel},
};

use ibkr_sim::Endpoint;
use serde_json::Value;

use crate::common::{HOSTS, Ran, World, at_once, key};

at_once! {
    logins_are_not_repeated_blindly:
    a_refused_login_is_not_sent_again,
    a_refused_login_is_sent_when_that_is_forced,
    changed_settings_are_tried_at_once,
    a_changed_key_is_tried_at_once,
    what_passes_by_itself_is_tried_again,
    a_pause_that_ibkr_asks_for_is_kept_by_all_commands,
    a_pause_asked_for_on_a_request_of_ones_own_is_kept_too,
    a_pause_asked_for_while_a_session_is_healed_is_kept_too,
    a_pause_of_one_endpoint_is_none_of_the_others,
    a_pause_is_told_in_one_length_and_force_ends_it,
    a_login_that_is_put_off_is_not_tried_before,
    a_pause_gives_way_to_force_and_to_a_good_answer,
    a_simulator_has_no_login_budget,
    a_clock_that_was_set_back_forgets_no_login_and_no_refusal,
    what_is_left_of_a_pause_is_told_to_programs_and_not_kept_again,
    what_is_left_until_the_next_try_is_told_to_programs,
    the_seventh_login_in_a_row_is_not_sent,
    what_was_signed_counts_whatever_answers,
    what_heals_without_a_login_needs_no_budget,
    a_login_that_reached_nobody_does_not_count_whatever_failed_first,
    a_login_counts_when_it_failed_for_another_reason_than_the_token,
    a_healing_that_is_slow_is_no_refusal,
}

fn refused(world: &World, arguments: &[&str]) -> String {
    let ran = world.run_with([("IBKR_AUTH_CLIENT_KEY_ID", "other")], arguments);
    assert_eq!(ran.code, Some(5), "{ran}");
    ran.err
}

fn a_refused_login_is_not_sent_again() {
    let world = World::new();
    refused(&world, &["login"]);
    assert_eq!(world.count(Endpoint::Token), 1);
    for arguments in [&["login"][..], &["header"], &["get", "/portfolio/accounts"], &["login", "--fresh"]] {
        let said = refused(&world, arguments);
        for words in ["a moment ago: not tried again", "may be tried again in", ", or with `login --force`"] {
            assert!(said.contains(words), "{said}");
        }
    }
    assert_eq!(world.count(Endpoint::Token), 1, "nothing was sent");
}

fn a_refused_login_is_sent_when_that_is_forced() {
    let world = World::new();
    refused(&world, &["login"]);
    let said = refused(&world, &["login", "--force"]);
    assert!(!said.contains("not tried again"), "{said}");
    assert_eq!(world.count(Endpoint::Token), 2);
    // Twice in a row: the pause is two minutes now.
    let said = refused(&world, &["login"]);
    assert!(said.contains("may be tried again in 1 min ") || said.contains("in 2 min 0 s"), "{said}");
}

fn changed_settings_are_tried_at_once() {
    let world = World::new();
    refused(&world, &["login"]);
    world.succeed(["login"]);
    assert_eq!(world.count(Endpoint::Token), 2);
}

fn a_changed_key_is_tried_at_once() {
    let world = World::new();
    let right = std::fs::read(world.path("private.pem")).unwrap();
    world.write("private.pem", std::fs::read(key("rsa2048")).unwrap());
    world.run(["login"]).fails(5, &[]);
    world.run(["login"]).fails(5, &["not tried again"]);
    world.write("private.pem", right);
    world.succeed(["login"]);
    assert_eq!(world.count(Endpoint::Token), 2);
}

fn what_passes_by_itself_is_tried_again() {
    let world = World::new();
    world.configure("retry_attempts: 1\n");
    world.fault(r#"{"on":"token","calls":1,"do":{"status":503}}"#);
    world.run(["login"]).fails(8, &[]);
    world.succeed(["login"]);
}

fn a_pause_that_ibkr_asks_for_is_kept_by_all_commands() {
    let world = World::new();
    world.succeed(["login"]);
    world.fault(r#"{"on":"auth/status","do":{"status":429,"retry_after":300}}"#);
    world.run(["status"]).fails(8, &[]);
    let before = world.sent();
    for command in ["status", "tickle"] {
        world.run([command]).fails(8, &["IBKR asked for a pause: nothing was sent", "wait "]);
    }
    for command in ["header", "token"] {
        world.run([command, "--max-age", "0s"]).fails(8, &["IBKR asked for a pause"]);
    }
    world.run(["get", "/portfolio/accounts", "--max-age", "0s"]).fails(8, &["IBKR asked for a pause"]);
    world.run(["login"]).fails(8, &["IBKR asked for a pause"]);
    assert_eq!(world.sent_since(&before), [].into());
}

fn a_pause_asked_for_on_a_request_of_ones_own_is_kept_too() {
    let world = World::new();
    world.succeed(["login"]);
    world.fault(r#"{"on":"portfolio/accounts","do":{"status":429,"retry_after":300}}"#);
    world.run(["get", "/portfolio/accounts"]).fails(9, &["429", "wait"]);
    let before = world.sent();
    world.run(["get", "/portfolio//accounts"]).fails(8, &["IBKR asked for a pause"]);
    assert_eq!(world.sent_since(&before), [].into());
}

fn a_pause_of_one_endpoint_is_none_of_the_others() {
    let world = World::new();
    world.fault(r#"{"on":"orders","do":{"status":429}}"#);
    world.fault(r#"{"on":"cancel-order","do":{"status":200,"body":{"msg":"Request was submitted"}}}"#);
    world.run(["get", "/iserver/account/orders"]).fails(9, &["429", "15 min"]);
    world.run(["get", "/iserver/account/orders"]).fails(8, &["other requests may go on"]);
    let cancel = || world.succeed(["delete", "/iserver/account/DU1234567/order/1"]);
    cancel();
    for command in
        [&["get", "/portfolio/accounts"][..], &["status"], &["tickle"], &["header", "--max-age", "0s"]]
    {
        world.succeed(command);
    }
    // The second endpoint that asks for a pause means all: this is the penalty box.
    world.fault(r#"{"on":"iserver/accounts","do":{"status":429}}"#);
    world.run(["get", "/iserver/accounts"]).fails(9, &["429"]);
    let before = world.sent();
    for command in [&["get", "/portfolio/accounts"][..], &["status"], &["header", "--max-age", "0s"]] {
        world.run(command).fails(8, &["IBKR asked for a pause: nothing was sent"]);
    }
    assert_eq!(world.sent_since(&before), [].into());
    cancel();
    world.run(["delete", "/iserver/account/DU1234567/order/2", "--max-age", "0s"]).done();
    // Every invocation that asks about a session tickles.
    let world = World::new();
    world.fault(r#"{"on":"tickle","do":{"status":429}}"#);
    world.run(["get", "/tickle"]).fails(9, &["429"]);
    world.run(["status"]).fails(8, &["IBKR asked for a pause: nothing was sent"]);
}

fn a_pause_is_told_in_one_length_and_force_ends_it() {
    let world = World::new();
    world.configure("retry_attempts: 1\n");
    world.fault(r#"{"on":"token","calls":1,"do":{"status":429,"retry_after":99999999}}"#);
    world.run(["login"]).fails(8, &["wait 1 h 0 min"]);
    let left = pause_of(&world.run(["login", "--json"]).json());
    assert!((3_500..=3_600).contains(&left), "{left}");
    world.succeed(["login", "--force"]);
    world.succeed(["status"]);
}

fn a_pause_asked_for_while_a_session_is_healed_is_kept_too() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().advance(std::time::Duration::from_secs(360));
    world.fault(r#"{"on":"ssodh/init","do":{"status":429,"retry_after":300}}"#);
    world.run(["header", "--max-age", "0s"]).fails(8, &["waiting for about", "429"]);
    let before = world.sent();
    world.run(["header", "--max-age", "0s"]).fails(8, &["IBKR asked for a pause"]);
    assert_eq!(world.sent_since(&before), [].into());
}

fn a_login_that_is_put_off_is_not_tried_before() {
    let world = World::new();
    world.configure("retry_attempts: 1\n");
    world.fault(r#"{"on":"token","do":{"status":429,"retry_after":300}}"#);
    world.run(["login"]).fails(8, &[]);
    world.run(["login"]).fails(8, &["IBKR asked for a pause", "`login --force` goes on all the same"]);
    assert_eq!(world.count(Endpoint::Token), 1);
    world.run(["login", "--force"]).fails(8, &["429"]);
    assert_eq!(world.count(Endpoint::Token), 2);
}

fn a_pause_gives_way_to_force_and_to_a_good_answer() {
    let world = World::new();
    world.configure("retry_attempts: 1\n");
    world.fault(r#"{"on":"token","calls":1,"do":{"status":429,"retry_after":99999999999}}"#);
    // One number, whoever tells it.
    world.run(["login"]).fails(8, &["wait 1 h 0 min"]);
    let told = world.run(["login", "--json"]).json();
    assert!((3_500..=3_600).contains(&pause_of(&told)), "{told}");
    world.succeed(["login", "--force"]);
    world.succeed(["status"]);
    // The kept session is ended under a pause too.
    world.fault(r#"{"on":"auth/status","calls":1,"do":{"status":429,"retry_after":300}}"#);
    world.run(["status"]).fails(8, &[]);
    world.run(["login", "--fresh"]).fails(8, &["IBKR asked for a pause"]);
    world.succeed(["login", "--fresh", "--force"]);
    world.succeed(["status"]);
}

fn a_simulator_has_no_login_budget() {
    let world = World::new();
    world.configure("tier: read-only\n");
    world.succeed(["login"]);
    world.change_record(spend);
    world.succeed(["login", "--fresh"]);
    assert_eq!(world.count(Endpoint::Token), 2);
}

/// As many logins as are safe, just now.
fn spend(record: &mut Value) {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    record["history"]["logins"] = vec![now; 12].into();
}

fn a_clock_that_was_set_back_forgets_no_login_and_no_refusal() {
    let world = World::behind_proxy();
    world.configure_without(&HOSTS, "tier: read-only\n");
    world.succeed(["login"]);
    let in_ten_years = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 315_360_000;
    world.change_record(|record| record["history"]["logins"] = vec![in_ten_years; 12].into());
    let before = world.sent();
    world.run(["login", "--fresh"]).fails(8, &["as many as are safe", "allowed in "]);
    assert_eq!(world.sent_since(&before), [].into());
    // From now on they grow old: nobody is locked out for ten years.
    let logins = world.read_record()["history"]["logins"][0].as_u64().unwrap();
    assert!(logins < in_ten_years - 300_000_000, "{logins}");

    let world = World::new();
    refused(&world, &["login"]);
    world.change_record(|record| record["failed"]["at"] = (in_ten_years * 1_000).into());
    let said = refused(&world, &["login"]);
    assert!(
        said.contains("a moment ago: not tried again") && said.contains("may be tried again in"),
        "{said}"
    );
}

fn pause_of(told: &Value) -> u64 {
    told["error"]["pause_s"].as_u64().unwrap_or_else(|| panic!("{told}"))
}

fn what_is_left_of_a_pause_is_told_to_programs_and_not_kept_again() {
    let world = World::new();
    world.succeed(["login"]);
    world.fault(r#"{"on":"auth/status","do":{"status":429,"retry_after":300}}"#);
    let ran = world.run(["status", "--json"]);
    let error = ran.json();
    assert_eq!((pause_of(&error), ran.code), (300, Some(8)));
    assert!(error["error"]["help"].as_str().unwrap().starts_with("wait 5 min 0 s: "), "{error}");
    let until = world.read_record()["history"]["quiet_until"].clone();
    for command in [&["status", "--json"][..], &["login", "--json"], &["get", "/tickle", "--json"]] {
        let error = world.run(command).json();
        assert!((200..=300).contains(&pause_of(&error)), "{error}");
        assert_eq!(error["error"]["exit_code"], 8, "{error}");
    }
    assert_eq!(world.read_record()["history"]["quiet_until"], until);
}

fn what_is_left_until_the_next_try_is_told_to_programs() {
    let world = World::new();
    refused(&world, &["login"]);
    let ran = world.run_with([("IBKR_AUTH_CLIENT_KEY_ID", "other")], ["login", "--json"]);
    assert!((1..=60).contains(&pause_of(&ran.json())), "{ran}");
    // It is no pause that IBKR has asked for.
    world.succeed(["login"]);
}

/// Of the 12 of an hour half may come in a row, and the rest is spread over the hour.
fn the_seventh_login_in_a_row_is_not_sent() {
    let world = World::behind_proxy();
    world.configure_without(&HOSTS, "retry_attempts: 1\n");
    // What never reaches those who count logins does not count.
    world.fault(r#"{"on":"token","calls":1,"do":{"status":503}}"#);
    world.run(["header"]).fails(8, &["503"]);
    // Whoever is killed half-way has logged in all the same.
    world.fault(r#"{"on":"token","calls":"..2","do":{"hang":true}}"#);
    for login in 1..=2 {
        let mut child = world.command(["header"]).spawn().unwrap();
        world.await_request(Endpoint::Token, 1 + login);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.fault(r#"{"on":"token","calls":"..4","do":{"reset":true}}"#);
    for _ in 0..4 {
        world.run(["header"]).fails(7, &["the connection broke"]);
    }
    world
        .run(["header"])
        .fails(8, &["as many as are safe", "allowed in 8 min", "login --force", "ibkr-auth keep"]);
    let error = world.run(["header", "--json"]).json();
    assert!((480..=515).contains(&pause_of(&error)), "{error}");
    assert_eq!(world.count(Endpoint::Token), 7);
    world.succeed(["login", "--force"]);
}

fn what_heals_without_a_login_needs_no_budget() {
    let world = World::behind_proxy();
    world.configure_without(&HOSTS, "");
    world.succeed(["login"]);
    world.change_record(spend);
    world.simulator.handle().advance(std::time::Duration::from_secs(360));
    world.succeed(["header", "--max-age", "0s"]);
    assert_eq!((world.count(Endpoint::Init), world.count(Endpoint::SsoSessions)), (2, 1));
    world.simulator.handle().restart();
    world.run(["header", "--max-age", "0s"]).fails(8, &["as many as are safe", "login --force"]);
    assert_eq!((world.count(Endpoint::Token), world.count(Endpoint::SsoSessions)), (1, 1));
}

fn logins(world: &World) -> usize {
    counted(world, "logins")
}

fn counted(world: &World, what: &str) -> usize {
    world.read_record()["history"][what].as_array().unwrap().len()
}

fn what_was_signed_counts_whatever_answers() {
    let world = World::behind_proxy();
    world.configure_without(&HOSTS, "retry_attempts: 1\n");
    for (tries, answer) in [r#"{"status":503}"#, r#"{"status":302}"#, r#"{"status":404}"#].iter().enumerate()
    {
        world.fault(&format!(r#"{{"on":"token","calls":1,"do":{answer}}}"#));
        assert_ne!(world.run(["login"]).code, Some(0));
        assert_eq!(counted(&world, "assertions"), tries + 1, "{answer}");
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    world.change_record(|record| record["history"]["assertions"] = vec![now; 20].into());
    let before = world.sent();
    for command in [&["login"][..], &["header"], &["login", "--fresh"]] {
        world.run(command).fails(8, &["as many as are safe", "login --force"]);
    }
    assert_eq!(world.sent_since(&before), [].into());
    world.succeed(["login", "--force"]);
}

/// A proxy that opens no tunnel: to the look-up of the address at once, to IBKR once `released`.
fn closed_proxy(released: Receiver<()>) -> String {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in proxy.incoming().take(2).map(Result::unwrap) {
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            match line.contains("localhost") {
                true => held.push(stream),
                false => refuse(stream),
            }
        }
        let _ = released.recv();
        held.into_iter().for_each(refuse);
    });
    url
}

fn refuse(mut tunnel: TcpStream) {
    tunnel.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").unwrap();
}

fn a_login_that_reached_nobody_does_not_count_whatever_failed_first() {
    let world = World::new();
    world.configure("retry_attempts: 1\nip_services: http://127.0.0.1:1\n");
    let (release, released) = channel();
    let mut command = world.command(["login"]);
    command.env("IBKR_AUTH_PROXY", closed_proxy(released));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("✗ public_ip")));
    // The look-up of the address has failed for good while the token request is still on its way.
    drop(release);
    Ran::from(child.wait_with_output().unwrap()).fails(7, &[]);
    assert_eq!((logins(&world), world.count(Endpoint::Token)), (0, 0));
}

fn a_login_counts_when_it_failed_for_another_reason_than_the_token() {
    let world = World::new();
    world.configure("retry_attempts: 1\nip_services: http://127.0.0.1:1\n");
    world.run(["header"]).fails(7, &["public_ip"]);
    assert_eq!((logins(&world), world.count(Endpoint::Token)), (1, 1));
}

fn a_healing_that_is_slow_is_no_refusal() {
    let world = World::new();
    world.succeed(["login"]);
    world.simulator.handle().restart();
    world.fault(r#"{"on":"ssodh/init","calls":1,"do":{"hang":true}}"#);
    // The old access token is refused on the way; the login that follows is not.
    world.run(["header", "--max-age", "0s", "--within", "8s"]).fails(7, &["the login was given up"]);
    assert_eq!(world.count(Endpoint::Init), 2);
    world.simulator.handle().clear_faults();
    world.succeed(["header"]);
    assert_eq!(world.count(Endpoint::Token), 2);
}
