//! A session that is kept in virtual time, and what the store knows of it.

use std::time::{Duration, Instant, SystemTime};

use ibkr_auth_config::Transport;
use ibkr_auth_core::{
    Event, KeepConnected, Now, Phase, Session,
    testing::{self, Bench, FakeKey},
};
use ibkr_auth_store::{
    FailureKind, KeptFailure, Locked, PhaseName, Program, Record, Recorder, SessionIdentity, Store,
};
use tempfile::TempDir;

const AT_ONCE: Duration = Duration::ZERO;

/// A session that is connected, and all that it told.
struct World {
    _folder: TempDir,
    store: Store,
    session: Session,
    bench: Bench,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = SessionIdentity::of(&testing::config(), &Transport::default());
        let store = Store::new(Some(folder.path()), &identity).unwrap();
        let mut session = Session::new(testing::config(), FakeKey, 0);
        session.keep_connected(KeepConnected::default());
        let mut bench = Bench::new();
        bench.until(&mut session, Session::is_connected, testing::healthy);
        Self { _folder: folder, store, session, bench }
    }

    fn lock(&self) -> Locked {
        self.store.lock(AT_ONCE, || {}).unwrap()
    }

    fn recorder(&self, program: Program) -> Recorder {
        Recorder::new(program, "settings", self.lock())
    }

    fn tell(&self, recorder: &mut Recorder) {
        self.bench.events.iter().for_each(|event| recorder.hear(event, &self.session.snapshot()));
    }

    /// What others find, as soon as it was written.
    fn written(&self, recorder: &mut Recorder) -> Record {
        assert!(recorder.is_behind());
        assert_eq!(recorder.follow(), None, "nothing was wrong before");
        assert!(!recorder.is_behind());
        self.store.read().unwrap()
    }
}

#[test]
fn others_find_the_session_and_its_keeper() {
    let world = World::new();
    assert_eq!(world.store.keeper(), None);
    let place = world.store.become_keeper().unwrap();
    assert!(place.is_some() && world.store.become_keeper().unwrap().is_none());
    let mut recorder = world.recorder(Program::Gateway);
    world.tell(&mut recorder);
    let record = world.written(&mut recorder);

    let kept = record.kept.unwrap();
    assert!(kept.good_at > 0, "{kept:?}");
    let now = Now { mono: Instant::now(), wall: SystemTime::now() };
    let mut next = Session::new(testing::config(), FakeKey, 0);
    next.restore(&kept.saved(), now).unwrap();
    assert_eq!(next.headers(), world.session.headers());
    assert_eq!(record.history.logins.len(), 1);
    assert_eq!(recorder.logins(), (1, 1));
    assert_eq!(record.keeper.unwrap().phase, PhaseName::Connected);
    let keeper = world.store.keeper().unwrap();
    assert_eq!(keeper.to_string(), format!("`ibkr-auth gateway` (process {})", std::process::id()));
    drop(place);
    assert_eq!(world.store.keeper(), None);
}

#[test]
fn others_wait_for_the_first_login_alone() {
    let world = World::new();
    let mut recorder = world.recorder(Program::Keep);
    assert!(recorder.is_holding() && world.store.try_lock().unwrap().is_none());
    assert!(world.store.lock(AT_ONCE, || {}).is_err());
    recorder.release();
    assert!(!recorder.is_holding() && world.store.try_lock().unwrap().is_some());
}

#[test]
fn a_store_that_is_in_use_is_written_later() {
    let world = World::new();
    let mut recorder = world.recorder(Program::Keep);
    recorder.release();
    world.tell(&mut recorder);
    let mut other = world.lock();
    assert_eq!(recorder.follow(), None);
    assert!(recorder.is_behind() && world.store.read().unwrap().kept.is_none());
    // What others learn meanwhile is not lost.
    other.record.note_asked(SystemTime::now(), Some(100));
    other.write().unwrap();
    drop(other);
    let record = world.written(&mut recorder);
    assert!(record.kept.is_some() && record.history.pause(SystemTime::now()) > Duration::from_secs(90));
}

#[test]
fn what_is_left_at_the_end_is_what_the_next_one_finds() {
    let mut world = World::new();
    let mut recorder = world.recorder(Program::Keep);
    world.tell(&mut recorder);
    let good = world.written(&mut recorder).kept.unwrap();
    let saved = good.saved();
    world.session.detach();
    let snapshot = world.session.snapshot();
    let off = Event::Phase { phase: Phase::Off, because: None };
    recorder.hear(&off, &snapshot);
    recorder.left(Some(&saved), &snapshot);
    let left = world.written(&mut recorder).kept.unwrap();
    assert_eq!((left.began, left.good_at), (good.began, good.good_at));
    recorder.left(None, &snapshot);
    assert!(world.written(&mut recorder).kept.is_none(), "logged out");
}

#[test]
fn a_refusal_holds_for_the_same_settings() {
    let world = World::new();
    let mut recorder = world.recorder(Program::Keep);
    recorder.stopped(KeptFailure::new(FailureKind::Refused, "no"));
    let record = world.written(&mut recorder);
    let (failed, left) = record.refused("settings", SystemTime::now()).unwrap();
    assert_eq!((failed.times, failed.failure.what.as_str()), (1, "no"));
    assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(50), "{left:?}");
    assert_eq!(record.refused("others", SystemTime::now()), None);
    world.tell(&mut recorder);
    assert_eq!(world.written(&mut recorder).failed, None, "it is good again");
}

#[cfg(unix)]
#[test]
fn what_is_wrong_with_the_folder_is_said_once_and_once_that_it_is_mended() {
    use std::{fs, os::unix::fs::PermissionsExt};

    let world = World::new();
    let mode = |mode| {
        fs::set_permissions(world.store.path().parent().unwrap(), fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut recorder = world.recorder(Program::Keep);
    recorder.release();
    world.tell(&mut recorder);
    mode(0o777);
    let error = recorder.follow().unwrap().unwrap_err();
    assert!(error.to_string().contains("other users may write into it"), "{error}");
    assert_eq!(recorder.follow(), None);
    assert!(recorder.is_behind());
    mode(0o700);
    assert_eq!(recorder.follow(), Some(Ok(())));
    assert!(!recorder.is_behind());
}

/// An async program gives it to a thread.
#[test]
fn a_recorder_goes_to_any_thread() {
    fn is_sendable<T: Send + 'static>() {}
    is_sendable::<Recorder>();
}
