//! Many sessions at once: what one costs, bare and as a client. `cargo xtask many` does it with ten thousand
//! and a thousand.

#[path = "many/real.rs"]
mod real;
#[path = "many/virtual_time.rs"]
mod virtual_time;

use std::{sync::Mutex, time::Duration};

/// Memory is counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

#[test]
fn bare_sessions_on_one_thread() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sessions = setting("MANY_SESSIONS", 300);
    let report = virtual_time::run(sessions, 1);
    println!(
        "{sessions} bare sessions, an hour each: {} KiB each when logged in, {} KiB at the end, {:?} of processor time each; \
         {} calls of `poll` and `receive`, {} logins, {} tickles, {} sso/validate",
        report.bytes_each / 1024,
        report.bytes_each_later / 1024,
        report.processor,
        report.calls,
        report.logins,
        report.tickles,
        report.validates
    );
    assert_eq!((report.connected, report.logins), (sessions, sessions), "one login each");
    assert!((55 * sessions..65 * sessions).contains(&report.tickles), "{}", report.tickles);
    assert!(report.validates <= 13 * sessions, "{}", report.validates);
    assert!(report.bytes_each_later <= report.bytes_each + 4 * 1024, "grown: {}", report.bytes_each_later);
}

#[test]
fn async_clients_in_one_process() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (clients, keep) = (setting("MANY_CLIENTS", 20), setting("MANY_SECONDS", 3));
    let real::Report { before, ready, after, stopped, connected, refusals } =
        real::run(clients, Duration::from_secs(keep as u64));
    println!(
        "{clients} async clients on one thread, a tickle every 10 s for {keep} s: {} KiB, {:.2} descriptors each; {:.1} ms of \
         processor time for each login, {:.2} ms for each client and minute; {} threads; at the end {} KiB and {} descriptors \
         more than before",
        (ready.memory - before.memory) / clients as u64,
        (ready.descriptors - before.descriptors) as f64 / clients as f64,
        (ready.processor - before.processor).as_secs_f64() * 1e3 / clients as f64,
        (after.processor - ready.processor).as_secs_f64() * 1e3 / clients as f64 * 60.0 / keep as f64,
        after.threads,
        stopped.memory.saturating_sub(before.memory),
        stopped.descriptors.saturating_sub(before.descriptors),
    );
    assert_eq!(connected, clients);
    assert_eq!(refusals, "{}");
    assert!(stopped.descriptors <= before.descriptors + 10, "{stopped:?}");
}

/// Not a test: this program started once more, as the server.
#[test]
fn serve() {
    real::serve();
}
