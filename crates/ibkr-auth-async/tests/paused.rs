//! With tokio's clock paused, a test lives through days of the automatic mode in no time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ibkr_auth_async::{Client, Event, Handle, KeepConnected, Phase, Response, Session, Step, testing};
use tokio::time::{Instant, sleep};

/// A kept session; `answer` may replace a healthy answer.
fn kept(answer: impl Fn(Step) -> Option<Response> + Send + Sync + 'static) -> Handle {
    let session = Session::new(testing::config(), testing::FakeKey, 0);
    let client = Client::with_http(session, move |request, _| {
        let own = Step::of(&request).and_then(&answer);
        async move { Ok(own.unwrap_or_else(|| testing::healthy_http(&request))) }
    });
    client.keep_connected(KeepConnected::default())
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_are_ten_tickles_and_no_clock_jumps() {
    let tickles = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tickles);
    let handle = kept(move |step| {
        counted.fetch_add(u32::from(step == Step::Tickle), Ordering::Relaxed);
        None
    });
    handle.ready(Duration::from_secs(10)).await.unwrap();
    let mut events = handle.events();
    sleep(Duration::from_secs(600)).await;
    let seen = tickles.load(Ordering::Relaxed);
    assert!((9..=12).contains(&seen), "{seen}");
    handle.stop().await.unwrap();
    while let Some(event) = events.next().await {
        assert!(!matches!(event, Event::ClockJumped | Event::Failed { .. }), "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_expires_is_healed() {
    let tickles = AtomicU32::new(0);
    let handle = kept(move |step| {
        let third = step == Step::Tickle && tickles.fetch_add(1, Ordering::Relaxed) == 2;
        third.then(testing::expired)
    });
    handle.ready(Duration::from_secs(10)).await.unwrap();
    let (begun, mut events, mut phases) = (Instant::now(), handle.events(), Vec::new());
    loop {
        match events.next().await.unwrap() {
            Event::Phase { phase, .. } => phases.push(phase),
            Event::Recovered { .. } => break,
            _ => {}
        }
    }
    assert_eq!(phases, [Phase::Recovering]);
    assert!(begun.elapsed() > Duration::from_secs(100), "at the tickle of the third minute");
    handle.ready(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_penalty_is_waited_out_to_the_second() {
    let handle = kept(|step| (step == Step::GetAccessToken).then(|| testing::rate_limited(None)));
    let begun = Instant::now();
    let error = handle.ready(Duration::from_secs(300)).await.unwrap_err();
    assert!(error.to_string().contains("waiting"), "{error}");
    assert_eq!(begun.elapsed(), Duration::from_secs(300));
}
