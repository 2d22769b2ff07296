//! Every future of this crate can be spawned: a program holds its client in a task, or behind a lock of a web
//! framework.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_core::Stream;
use ibkr_auth_async::{
    Client, Error, Events, Handle, KeepConnected, Request, Response, Session, request, testing,
};
use tokio::sync::Mutex;

fn client() -> Client {
    let session = Session::new(testing::config(), testing::FakeKey, 0);
    Client::with_http(session, |request, _| async move { Ok(testing::healthy_http(&request)) })
}

fn is_send<T: Send>(future: T) {
    drop(future);
}

fn is_shared<T: Send + Sync + 'static>() {}

#[test]
fn all_of_them_are_send() {
    is_shared::<Handle>();
    is_shared::<Events>();
    is_shared::<Mutex<Client>>();

    let mut client = client();
    let own = || Request::new(Vec::new());
    is_send(client.connect());
    is_send(client.connect_within(Duration::from_secs(1)));
    is_send(client.get_access_token());
    is_send(client.get_bearer_token());
    is_send(client.validate_sso());
    is_send(client.ssodh_init());
    is_send(client.status());
    is_send(client.tickle());
    is_send(client.logout());
    is_send(client.send(own()));
    is_send(client.get("/"));
    is_send(client.post_json("/", Vec::new()));

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    let handle = client.keep_connected(KeepConnected::default());
    is_send(handle.ready(Duration::from_secs(1)));
    is_send(handle.send(own()));
    is_send(handle.get("/"));
    is_send(handle.post_json("/", Vec::new()));
    is_send(handle.stop());
    is_send(handle.detach());
    is_send(handle.events().next());
}

#[tokio::test]
async fn requests_leave_the_client_free() {
    let mut client = client();
    client.connect().await.unwrap();
    let request = request::get("/v1/api/portfolio/accounts").unwrap();
    let accounts = tokio::spawn(client.send(request));
    client.tickle().await.unwrap();
    assert_eq!(accounts.await.unwrap().unwrap().status(), 200);
}

/// What the bounds of a web framework's handlers come to.
async fn serve<S, F>(state: S, handler: impl Fn(S) -> F + Send + Sync + 'static) -> F::Output
where
    S: Clone + Send + Sync + 'static,
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(handler(state)).await.unwrap()
}

#[tokio::test]
async fn a_handler_of_a_web_framework_may_hold_a_client() {
    async fn accounts(client: Arc<Mutex<Client>>) -> Result<Response, Error> {
        let mut client = client.lock().await;
        client.connect().await?;
        client.get("/v1/api/portfolio/accounts").await
    }
    assert_eq!(serve(Arc::new(Mutex::new(client())), accounts).await.unwrap().status(), 200);
}

#[tokio::test]
async fn events_are_a_stream_that_ends() {
    async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
        poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
    }
    let handle = client().keep_connected(KeepConnected::default());
    let mut events = handle.events();
    assert!(next(&mut events).await.is_some());
    handle.stop().await.unwrap();
    while next(&mut events).await.is_some() {}
    assert!(next(&mut events).await.is_none(), "and stays at its end");
}
