//! What `cargo xtask bench` measures of ours, each in a process of its own;
//! `xtask/bench/measure_ibauth.py` is its counterpart.
//!
//! ```text
//! bench login async|blocking CONFIG                  login WALL_US PROCESSOR_US
//! bench keep async|blocking CONFIG SESSIONS SECONDS  keep TICKLES PROCESSOR_US KIB_BEFORE KIB_WHEN_LOGGED_IN
//! bench core SESSIONS                                core CALLS PROCESSOR_US KIB_EACH
//! ```
//!
//! Nothing is asserted about time.

#[path = "many/virtual_time.rs"]
mod virtual_time;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ibkr_auth_config::Settings;
use ibkr_auth_core::{Config, Error, Event, KeepConnected, Step};
use ibkr_auth_tests::{
    driver::{Async, Blocking, Driver, runtime},
    usage::Usage,
};

const READY_WITHIN: Duration = Duration::from_secs(60);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["login", "async", config] => login::<Async>(config),
        ["login", "blocking", config] => login::<Blocking>(config),
        ["keep", "async", config, sessions, seconds] => keep_async(config, number(sessions), number(seconds)),
        ["keep", "blocking", config, sessions, seconds] => {
            keep_blocking(config, number(sessions), number(seconds));
        }
        ["core", sessions] => core(number(sessions)),
        _ => panic!("`cargo xtask bench` knows how to call this"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a whole number")
}

fn login<D: Driver>(config: &str) {
    let (start, before) = (Instant::now(), Usage::now().processor);
    let mut client = D::from_yaml(config).expect("settings");
    client.connect().expect("a login");
    let (wall, processor) = (start.elapsed(), Usage::now().processor - before);
    println!("login {} {}", wall.as_micros(), processor.as_micros());
}

fn keep_async(config: &str, sessions: usize, seconds: usize) {
    let runtime = runtime();
    let open = |user, count: Count| {
        let Settings { config, key, transport, .. } = settings(config, user);
        runtime.block_on(async {
            let mut client = ibkr_auth_async::Client::new(config, key, &transport)?;
            client.on_event(move |event| count.of(event));
            let handle = client.keep_connected(policy());
            handle.ready(READY_WITHIN).await.map(|()| handle)
        })
    };
    let sleep = |time| runtime.block_on(async { tokio::time::sleep(time).await });
    keep(sessions, seconds, open, sleep);
}

fn keep_blocking(config: &str, sessions: usize, seconds: usize) {
    let open = |user, count: Count| {
        let Settings { config, key, transport, .. } = settings(config, user);
        let mut client = ibkr_auth_blocking::Client::new(config, key, &transport)?;
        client.on_event(move |event| count.of(event));
        let handle = client.keep_connected(policy());
        handle.ready(READY_WITHIN).map(|()| handle)
    };
    keep(sessions, seconds, open, thread::sleep);
}

/// The settings of one of many users, read anew for each as separate programs would.
fn settings(path: &str, user: usize) -> Settings {
    let mut settings = Settings::from_yaml(path).expect("settings");
    let [client_id, key_id, _] = settings.config.login().identity();
    settings.config =
        Config::new(client_id, key_id, format!("user{user}")).expect("a username may be a word");
    settings
}

/// A tickle as often as may be.
fn policy() -> KeepConnected {
    KeepConnected::default().with_tickle_every(Duration::from_secs(10)).expect("often enough")
}

/// Counts tickles of all sessions.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl Count {
    fn of(&self, event: &Event) {
        if matches!(event, Event::Done { step: Step::Tickle, .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn keep<H>(
    sessions: usize,
    seconds: usize,
    open: impl Fn(usize, Count) -> Result<H, Error>,
    sleep: impl Fn(Duration),
) {
    let (before, count) = (Usage::now(), Count::default());
    let handles: Vec<H> = (0..sessions).map(|user| open(user, count.clone()).expect("a session")).collect();
    let (ready, already) = (Usage::now(), count.0.load(Ordering::Relaxed));
    sleep(Duration::from_secs(seconds as u64));
    let (after, tickles) = (Usage::now(), count.0.load(Ordering::Relaxed) - already);
    let processor = after.processor - ready.processor;
    println!("keep {tickles} {} {} {}", processor.as_micros(), before.memory, ready.memory);
    // A thousand logouts at once are not measured, and their late tickles would be refused.
    std::mem::forget(handles);
}

fn core(sessions: usize) {
    let report = virtual_time::run(sessions, 1);
    let processor = report.processor * u32::try_from(sessions).expect("not that many");
    println!("core {} {} {}", report.calls, processor.as_micros(), report.bytes_each / 1024);
}
