//! What is printed where there is no terminal.

use std::{
    fs::File,
    io::{BufRead, BufReader, pipe},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
};

use ibkr_sim::Endpoint;
use rustix::process::Signal;

use super::keeper::{Keeper, object, said};
use crate::common::{HOSTS, World, key};

#[test]
fn a_line_for_each_event_with_its_time() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&[]);
    let connected = keeper.line(" connected");
    let (date, clock) = connected.split_once(' ').unwrap().0.split_once('T').unwrap();
    assert_eq!((date.len(), clock.len(), &clock[8..]), (10, 9, "Z"), "{connected}");
    let (code, errors) = keeper.stop();
    assert_eq!((code, errors.as_str()), (Some(0), ""));

    let mut said: Vec<String> = keeper.seen.iter().map(|line| said(line)).collect();
    assert!(!keeper.seen.concat().contains('\u{1b}'), "no colours: {said:?}");
    // The address is looked up while the token is asked for.
    said.retain(|line| !line.starts_with("public"));
    assert_eq!(
        said,
        [
            "connecting",
            "get_access_token: done",
            "get_bearer_token: done",
            "ssodh_init: done",
            "connected",
            "the session stays open: `ibkr-auth logout` ends it",
        ]
    );
}

#[test]
fn a_line_of_json_for_each_event() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&["--json", "--logout"]);
    keeper.line(r#""phase":"connected""#);
    keeper.line(r#""step":"tickle""#);
    keeper.signal(Signal::INT);
    assert_eq!(keeper.end(), (Some(0), String::new()));

    let told: Vec<_> = keeper.seen.iter().map(|line| object(line)).collect();
    for object in &told {
        assert!(object["time"].as_str().unwrap().ends_with('Z'), "{object}");
        assert!(object["event"].is_string() && object["phase"].is_string(), "{object}");
    }
    let of = |event: &str| told.iter().filter(|told| told["event"] == event).collect::<Vec<_>>();
    assert_eq!(
        of("phase").iter().map(|told| &told["phase"]).collect::<Vec<_>>(),
        ["connecting", "connected"]
    );
    assert!(of("done").iter().any(|told| told["step"] == "get_bearer_token" && told["ms"].is_u64()));
    assert_eq!(of("logged_out").len(), 1);
    assert!(!keeper.seen.concat().contains("eyJ"), "no token");
    assert_eq!(world.count(Endpoint::Logout), 1);
    assert_eq!(world.run(["header", "--no-login"]).code, Some(4), "the session is gone");
}

#[test]
fn the_journal_is_told_levels_instead_of_times() {
    let world = World::behind_proxy();
    let (out, journal) = pipe().unwrap();
    let file = File::from(OwnedFd::from(journal.try_clone().unwrap())).metadata().unwrap();
    let mut command = world.command(["keep"]);
    command.env("JOURNAL_STREAM", format!("{}:{}", file.dev(), file.ino())).stdout(journal);
    let mut keeper = command.spawn().unwrap();
    drop(command);
    let lines: Vec<_> = BufReader::new(out).lines().map(Result::unwrap).take(2).collect();
    assert_eq!(lines[0], "<6>connecting");
    assert!(lines[1].starts_with("<6>"), "{lines:?}");
    keeper.wait().unwrap();

    let mut command = world.command(["keep"]);
    command.env("JOURNAL_STREAM", "8:1234");
    let mut keeper = Keeper::start(command);
    assert!(keeper.line(" connected").starts_with("20"), "the journal is elsewhere");
    assert_eq!(keeper.stop().0, Some(0));
}

#[test]
fn quiet_is_what_needs_a_person() {
    let world = World::behind_proxy();
    world.simulator.handle().kick(None);
    let mut keeper = world.keep(&["--quiet"]);
    assert!(keeper.line("").contains("attention: left to another login"), "{:?}", keeper.seen);
    assert_eq!(keeper.stop().0, Some(0));
    assert_eq!(keeper.seen.len(), 1, "{:?}", keeper.seen);
}

#[test]
fn a_refusal_ends_it_with_its_exit_code_and_is_not_tried_again_blindly() {
    let world = World::behind_proxy();
    world.configure_without(&HOSTS, "credential: nobody\n");
    let mut keeper = world.keep(&[]);
    keeper.line("attention: stopped");
    let (code, errors) = keeper.end();
    assert_eq!(code, Some(5), "{errors}");
    assert!(errors.starts_with("error: get_bearer_token") && errors.contains("  do:   "), "{errors}");

    let before = world.requests();
    let ran = world.run(["keep"]);
    ran.fails(8, &["a moment ago: not tried again"]);
    assert_eq!(world.requests(), before);
}

#[test]
fn an_error_after_lines_of_json_goes_to_standard_error() {
    let world = World::behind_proxy();
    world.configure_without(&HOSTS, "credential: nobody\n");
    let mut keeper = world.keep(&["--json"]);
    let (code, errors) = keeper.end();
    assert_eq!(code, Some(5), "{errors}");
    assert_eq!(object(&errors)["error"]["exit_code"], 5);
    let told: Vec<_> = keeper.seen.iter().map(|line| object(line)).collect();
    assert_eq!(told.last().unwrap()["phase"], "stopped", "{told:#?}");
    assert!(told.iter().all(|told| told["event"].is_string()), "{told:#?}");
}

#[test]
fn a_quit_signal_leaves_as_the_others_do() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&[]);
    keeper.line(" connected");
    keeper.signal(Signal::QUIT);
    assert_eq!(keeper.end(), (Some(0), String::new()));
    assert_eq!(world.run(["header", "--no-login"]).code, Some(0), "the session stays");
}

#[test]
fn a_login_elsewhere_is_left_alone_until_it_has_ended() {
    let world = World::behind_proxy();
    let mut keeper = world.keep(&["--tickle-every", "10s"]);
    keeper.line(" connected");
    world.simulator.handle().kick(None);
    keeper.line("attention: left to another login");
    assert!(keeper.is_running());
    let ran = world.run(["header", "--within", "0s"]);
    assert_eq!(ran.code, Some(6), "nobody is given a session that is not good: {ran}");
    assert_eq!(keeper.stop().0, Some(0));
}

#[test]
fn whoever_closes_the_pipe_ends_it_quietly_and_the_session_stays() {
    let world = World::behind_proxy();
    let mut keeper = Keeper::start_unread_after(
        world.command(["keep", "--json", "--tickle-every", "10s"]),
        r#""phase":"connected""#,
    );
    assert_eq!(keeper.end(), (Some(141), String::new()));
    assert_eq!(world.run(["header", "--no-login"]).code, Some(0));
    assert_eq!(world.count(Endpoint::Logout), 0);
}

#[test]
fn an_answer_that_does_not_come_is_waited_for_and_a_second_ctrl_c_ends_that() {
    let world = World::behind_proxy();
    world.fault(r#"{"on":"sso-sessions","do":{"hang":true}}"#);
    let mut keeper = world.keep(&["--json"]);
    keeper.line(r#""step":"get_bearer_token""#);
    keeper.signal(Signal::INT);
    keeper.line("waiting for IBKR's answer to get_bearer_token");
    keeper.signal(Signal::INT);
    assert_eq!(keeper.end().0, Some(130));
}

#[test]
fn a_host_that_is_none_is_answered_in_the_words_of_the_option() {
    let world = World::behind_proxy();
    for wrong in ["foo bar", "9.api.ibkr.com", "https://host/path"] {
        let ran = world.run(["keep", "--hosts", wrong]);
        ran.fails(2, &["one of IBKR's hosts"]);
        assert!(!ran.err.contains("base_url"), "{ran}");
    }
}

#[test]
fn a_key_that_is_replaced_meanwhile_is_taken_up_without_a_restart() {
    let world = World::behind_proxy();
    let registered = world.read("private.pem");
    world.write("private.pem", std::fs::read(key("rsa3072")).unwrap());
    world.fault(r#"{"on":"token","calls":1,"do":{"delay_ms":3000}}"#);
    let mut keeper = world.keep(&["--json"]);
    world.await_request(Endpoint::Token, 1);
    world.write("private.pem", registered);
    keeper.line(r#""phase":"connected""#);
    assert_eq!(world.count(Endpoint::Token), 2);
}
