//! A runtime that ends takes the session with it, and the handle says so.

use std::time::Duration;

use ibkr_auth_async::{Client, ErrorKind, KeepConnected, Phase, Session, testing};

#[test]
fn a_session_does_not_outlive_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let session = Session::new(testing::config(), testing::FakeKey, 0);
    let client = Client::with_http(session, |request, _| async move { Ok(testing::healthy_http(&request)) });
    let handle = runtime.block_on(async {
        let handle = client.keep_connected(KeepConnected::default());
        handle.ready(Duration::from_secs(20)).await.unwrap();
        handle
    });
    assert!(handle.headers().is_some());
    drop(runtime);
    assert_eq!(handle.phase(), Phase::Stopped);
    assert!(handle.headers().is_none() && !handle.snapshot().is_connected());
    let snapshot = handle.snapshot();
    let error = snapshot.stopped_by().unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.to_string().contains("runtime"), "{error}");
}
