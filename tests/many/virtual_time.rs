//! Thousands of bare sessions on one thread, in virtual time.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_core::{
    KeepConnected, Now, Output, Phase, RequestId, Response, Session, Step,
    testing::{self, FakeKey},
};
use ibkr_auth_tests::{chance::Chance, usage::Usage};

/// One session and what is on its way to it.
struct Kept {
    session: Session,
    arriving: Vec<(Instant, RequestId, Response)>,
}

/// What it took, and what was sent.
pub(crate) struct Report {
    /// Memory for each session, once all are logged in.
    pub(crate) bytes_each: u64,
    /// The same at the end.
    pub(crate) bytes_each_later: u64,
    /// Processor time for each session and hour.
    pub(crate) processor: Duration,
    /// Of `poll` and `receive`.
    pub(crate) calls: usize,
    pub(crate) logins: usize,
    pub(crate) tickles: usize,
    pub(crate) validates: usize,
    pub(crate) connected: usize,
}

pub(crate) fn run(sessions: usize, hours: u32) -> Report {
    let (mut chance, start) = (Chance::new(1), Instant::now());
    let before = Usage::now();
    let mut all = Vec::with_capacity(sessions);
    let mut due = BinaryHeap::with_capacity(sessions);
    for index in 0..sessions {
        let mut session = Session::new(testing::config(), FakeKey, index as u64);
        session.keep_connected(KeepConnected::default());
        all.push(Kept { session, arriving: Vec::new() });
        due.push(Reverse((start + Duration::from_millis(chance.number() % 60_000), index)));
    }
    let mut report = Report {
        bytes_each: 0,
        bytes_each_later: 0,
        processor: Duration::ZERO,
        calls: 0,
        logins: 0,
        tickles: 0,
        validates: 0,
        connected: 0,
    };
    let bytes =
        |sessions: usize| (Usage::now().memory.saturating_sub(before.memory)) * 1024 / sessions as u64;
    let (logged_in, end) = (start + Duration::from_secs(120), start + hours * Duration::from_secs(3_600));
    while let Some(Reverse((at, index))) = due.pop().filter(|Reverse((at, _))| *at < end) {
        if report.bytes_each == 0 && at > logged_in {
            report.bytes_each = bytes(sessions);
        }
        let next = turn(&mut all[index], at, start, &mut chance, &mut report);
        due.push(Reverse((next, index)));
    }
    report.bytes_each_later = bytes(sessions);
    report.processor = (Usage::now().processor - before.processor) / sessions as u32 / hours;
    report.connected = all.iter().filter(|kept| kept.session.phase() == Phase::Connected).count();
    report
}

/// Gives a session what has arrived, sends what it wants to send, and says when it is to be looked at again.
fn turn(kept: &mut Kept, at: Instant, start: Instant, chance: &mut Chance, report: &mut Report) -> Instant {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_021_200) + (at - start);
    let now = Now { mono: at, wall };
    while let Some(index) = kept.arriving.iter().position(|(arrives, ..)| *arrives <= at) {
        let (_, id, response) = kept.arriving.swap_remove(index);
        kept.session.receive(now, id, Ok(response));
        report.calls += 1;
    }
    loop {
        report.calls += 1;
        match kept.session.poll(now) {
            Output::Send(transmit) => {
                match transmit.step {
                    Step::GetBearerToken => report.logins += 1,
                    Step::Tickle => report.tickles += 1,
                    Step::ValidateSso => report.validates += 1,
                    _ => {}
                }
                let latency = chance.time(Duration::from_millis(20), Duration::from_secs(2));
                kept.arriving.push((at + latency, transmit.id, testing::healthy_answer(transmit.step)));
            }
            Output::Event(_) => {}
            Output::Wait(wait) => {
                let arrival = kept.arriving.iter().map(|(at, ..)| *at).min();
                return [arrival, wait.until].into_iter().flatten().min().expect("never asleep for ever");
            }
        }
    }
}
