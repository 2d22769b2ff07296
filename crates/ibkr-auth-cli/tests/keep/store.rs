//! What other invocations have of a keeper.

use std::fs;

use ibkr_sim::Endpoint;

use super::case::Case;

#[test]
fn other_invocations_use_its_session_and_so_does_whoever_comes_after() {
    let case = Case::new();
    let mut keeper = case.keep(&[]);
    let (code, first, errors) = case.run(&["header"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "it waits for the first login");
    assert_eq!(case.simulator().counters().bearers, 1);

    keeper.line(" connected");
    let before = case.requests();
    let (_, again, _) = case.run(&["header", "--no-login"]);
    assert_eq!(again, first);
    let (code, _, errors) = case.run(&["keep"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains(&format!("(process {})", keeper.pid())), "{errors}");

    assert_eq!(keeper.stop().0, Some(0));
    let (code, after, errors) = case.run(&["header", "--no-login"]);
    assert_eq!((code, after), (Some(0), first), "{errors}");
    let tickles = case.simulator().count(Endpoint::Tickle);
    assert!(case.requests() <= before + 1 && tickles <= 1, "the first tickle at most was still on its way");
    assert_eq!(case.simulator().count(Endpoint::Logout), 0);

    let mut keeper = case.keep(&[]);
    keeper.line(" connected");
    assert_eq!(keeper.stop().0, Some(0));
    assert_eq!(case.simulator().counters().bearers, 1, "a kept session needs no login");
}

#[test]
fn the_store_follows_when_a_session_is_healed() {
    let case = Case::new();
    let mut keeper = case.keep(&["--tickle-every", "10s"]);
    keeper.line(" connected");
    let (_, before, _) = case.run(&["header"]);
    case.simulator().restart();
    keeper.line("good again after");
    keeper.line(" connected");
    let requests = case.requests();
    let (code, after, errors) = case.run(&["header"]);
    assert_eq!(code, Some(0), "{errors}");
    assert_ne!(after, before);
    assert!(case.requests() <= requests + 1, "the keeper's first tickle at most");
    keeper.stop();
}

#[test]
fn a_store_that_is_broken_is_a_warning_until_it_is_whole_again() {
    let case = Case::new();
    let mut keeper = case.keep(&["--tickle-every", "10s"]);
    keeper.line(" connected");
    // The keeper may make it anew in between.
    for gone in 0.. {
        fs::rename(case.state(), case.path().join(format!("gone-{gone}"))).unwrap();
        if fs::write(case.state(), "").is_ok() {
            break;
        }
    }
    keeper.line("; the session itself goes on");
    fs::remove_file(case.state()).unwrap();
    keeper.line("the session is kept in the store again");
    assert_eq!(keeper.stop().0, Some(0));
    let warned = keeper.seen.iter().filter(|line| line.contains("; the session itself goes on")).count();
    assert_eq!(warned, 1, "{:?}", keeper.seen);
    assert_eq!(case.run(&["header", "--no-login"]).0, Some(0));
}

#[test]
fn a_damaged_store_costs_a_login_and_is_said() {
    let case = Case::new();
    let mut keeper = case.keep(&[]);
    keeper.line(" connected");
    keeper.stop();
    for file in fs::read_dir(case.state()).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|kind| kind == "session") {
            fs::write(file, "half a rec").unwrap();
        }
    }
    let mut keeper = case.keep(&[]);
    keeper.line("get_bearer_token: done");
    let (code, errors) = keeper.stop();
    assert_eq!(code, Some(0));
    assert!(errors.contains("ignored"), "{errors}");
    assert_eq!(case.simulator().counters().bearers, 2);
}
