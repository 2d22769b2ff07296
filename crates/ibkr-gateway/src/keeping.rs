//! The session in the store, where `ibkr-auth status`, `header` and the rest find it, and the next start too.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_async::{Event, Handle, History, Phase, SavedSession};
use ibkr_auth_store::{FailedLogin, KeeperPlace, Locked, Program, Recorder};

/// The store is tried again so often while somebody else is at work on it.
const AGAIN: Duration = Duration::from_secs(1);
/// Whoever wants a session waits no longer for the first login.
const FIRST_LOGIN: Duration = Duration::from_secs(90);
/// At the end somebody else may be at work on the store for so long.
const LEAVING: Duration = Duration::from_secs(12);

/// The right to keep one session, and what is kept of it.
#[derive(Debug)]
pub struct Kept {
    place: KeeperPlace,
    locked: Locked,
    settings: String,
}

impl Kept {
    /// `settings` is the digest of what a login is tried with.
    pub fn new(place: KeeperPlace, locked: Locked, settings: impl Into<String>) -> Self {
        Self { place, locked, settings: settings.into() }
    }

    /// How often was logged in lately.
    pub(crate) fn history(&self) -> &History {
        &self.locked.record.history
    }

    /// The session to go on with.
    pub(crate) fn saved(&self) -> Option<SavedSession> {
        self.locked.record.kept.as_ref().map(|kept| kept.saved())
    }

    /// The refusal for which no login may be tried yet, and for how long not.
    pub fn refused(&self) -> Option<(&FailedLogin, Duration)> {
        self.locked.record.refused(&self.settings, SystemTime::now())
    }
}

enum Input {
    Event(Event),
    Left(Option<SavedSession>),
}

/// Tells the store, on a thread of its own: files may be slow.
pub(crate) struct Keeping {
    tell: Sender<Input>,
    thread: Option<JoinHandle<()>>,
}

/// What a session tells, before anybody writes it down.
pub(crate) struct Told(Sender<Input>, Receiver<Input>);

impl Told {
    pub(crate) fn new() -> Self {
        let (tell, told) = channel();
        Self(tell, told)
    }

    /// For the client, from its first event on.
    pub(crate) fn listener(&self) -> impl FnMut(&Event) + Send + 'static {
        let tell = self.0.clone();
        move |event| {
            // Nobody listens any more at the very end.
            let _ = tell.send(Input::Event(event.clone()));
        }
    }

    /// Begins to write down.
    pub(crate) fn follow(self, kept: Kept, handle: &Handle) -> Keeping {
        let Kept { place, locked, settings } = kept;
        let recorder = Recorder::new(Program::Gateway, settings, locked);
        let Self(tell, told) = self;
        let weak = handle.clone();
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
            let _place = place;
            write_down(recorder, &told, &weak);
        });
        if let Err(error) = &thread {
            tracing::error!("the session is not kept for other programs: {error}");
        }
        Keeping { tell, thread: thread.ok() }
    }
}

impl Keeping {
    /// What is left at the end; nothing after a logout. Waits until the store knows.
    pub(crate) async fn leave(mut self, saved: Option<SavedSession>) {
        let _ = self.tell.send(Input::Left(saved));
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn write_down(mut recorder: Recorder, told: &Receiver<Input>, handle: &Handle) {
    let begin = Instant::now();
    loop {
        match told.recv_timeout(AGAIN) {
            Ok(Input::Event(event)) => {
                recorder.hear(&event, &handle.snapshot());
                if let Event::Phase { phase: Phase::Stopped, because: Some(error) } = &event {
                    recorder.stopped(error.into());
                }
            }
            Ok(Input::Left(saved)) => {
                recorder.release();
                recorder.left(saved.as_ref(), &handle.snapshot());
                return finish(&mut recorder);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let is_on_its_way = matches!(handle.phase(), Phase::Connecting | Phase::Recovering);
        if recorder.is_holding() && (!is_on_its_way || begin.elapsed() > FIRST_LOGIN) {
            recorder.release();
        }
        say(recorder.follow());
    }
}

/// The next program must not take what has ended for a session.
fn finish(recorder: &mut Recorder) {
    let begin = Instant::now();
    while recorder.is_behind() && begin.elapsed() < LEAVING {
        say(recorder.follow());
        if recorder.is_behind() {
            thread::sleep(Duration::from_millis(50));
        }
    }
    if recorder.is_behind() {
        tracing::error!(
            "the store does not know how the session was left: run `ibkr-auth status` before you use it"
        );
    }
}

fn say(outcome: Option<Result<(), ibkr_auth_store::StoreError>>) {
    match outcome {
        Some(Err(error)) => tracing::warn!("{error}; the session itself goes on"),
        Some(Ok(())) => tracing::info!("the session is kept in the store again"),
        None => {}
    }
}
