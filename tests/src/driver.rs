//! Both clients behind one face, so that one list of behaviours serves for both. Every public method of
//! theirs is in it, which the compiler checks; `tests/clients/alike.rs` checks that none is missing.

use std::{fmt::Debug, sync::Arc, time::Duration};

use http::HeaderMap;

use ibkr_auth_config::Transport;
use ibkr_auth_core::{
    AccessToken, AuthStatus, BearerToken, Config, Connected, Error, Event, History, Host, KeepConnected,
    LiveSession, Phase, Request, Response, SavedSession, Secret, Session, Sign, Snapshot, SsoDetails, Tickle,
    TransportError, stream::Upgrade,
};
use tokio::runtime::Runtime;

/// A client of either colour.
#[expect(missing_docs, reason = "the methods of the clients, documented there")]
pub trait Driver: Sized {
    type Http: Http;
    fn from_yaml(path: &str) -> Result<Self, Error>;
    fn from_env() -> Result<Self, Error>;
    fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error>;
    fn with_http(
        session: Session,
        http: impl Fn(Request, Duration) -> Result<Response, TransportError> + Send + Sync + 'static,
    ) -> Self;
    fn on_event(&mut self, listener: impl FnMut(&Event) + Send + 'static);
    fn from_yaml_profile(path: &str, profile: &str) -> Result<Self, Error>;
    fn connect(&mut self) -> Result<Connected, Error>;
    fn connect_within(&mut self, within: Duration) -> Result<Connected, Error>;
    fn get_access_token(&mut self) -> Result<AccessToken, Error>;
    fn get_bearer_token(&mut self) -> Result<BearerToken, Error>;
    fn get_live_session_token(&mut self) -> Result<LiveSession, Error>;
    fn validate_sso(&mut self) -> Result<SsoDetails, Error>;
    fn ssodh_init(&mut self) -> Result<AuthStatus, Error>;
    fn status(&mut self) -> Result<AuthStatus, Error>;
    fn tickle(&mut self) -> Result<Tickle, Error>;
    fn logout(&mut self) -> Result<(), Error>;
    fn send(&self, request: Request) -> Result<Response, Error>;
    fn get(&self, path: &str) -> Result<Response, Error>;
    fn post_json(&self, path: &str, json: Vec<u8>) -> Result<Response, Error>;
    fn save(&self) -> Option<SavedSession>;
    fn restore(&mut self, saved: &SavedSession) -> Result<(), Error>;
    fn headers(&self) -> Option<HeaderMap>;
    fn is_connected(&self) -> bool;
    fn recall(&mut self, history: &History);
    fn history(&self) -> History;
    fn override_guard(&mut self);
    fn set_host(&mut self, host: Host);
    fn session(&self) -> &Session;
    fn keep_connected(self, policy: KeepConnected) -> impl Kept;
}

/// An HTTP stack of either colour.
#[expect(missing_docs, reason = "the methods of the stacks, documented there")]
pub trait Http: Sized {
    fn new(settings: &Transport) -> Result<Self, Error>;
    fn send(&self, request: Request, limit: Duration) -> Result<Response, TransportError>;
}

/// A handle of either colour.
#[expect(missing_docs, reason = "the methods of the handles, documented there")]
pub trait Kept: Sized {
    fn ready(&self, within: Duration) -> Result<(), Error>;
    fn headers(&self) -> Option<HeaderMap>;
    fn bearer(&self) -> Option<Secret>;
    fn websocket(&self) -> Result<Upgrade, Error>;
    fn snapshot(&self) -> Snapshot;
    fn phase(&self) -> Phase;
    fn save(&self) -> Option<SavedSession>;
    fn history(&self) -> History;
    fn send(&self, request: Request) -> Result<Response, Error>;
    fn get(&self, path: &str) -> Result<Response, Error>;
    fn post_json(&self, path: &str, json: Vec<u8>) -> Result<Response, Error>;
    fn events(&self) -> Box<dyn FnMut() -> Option<Event> + '_>;
    fn keep_connected(&self, policy: KeepConnected);
    fn pause(&self);
    fn resume(&self);
    fn check(&self);
    fn ask_again(&self);
    fn set_host(&self, host: Host);
    fn stop(&self) -> Result<(), Error>;
    fn detach(&self) -> Option<SavedSession>;
    fn another(&self) -> Self;
    /// Drops the handle and waits for what comes of it.
    fn drop_but_run_until(self, done: impl Fn() -> bool);
}

macro_rules! keep {
    ($self:ident, $handle:expr, $($wait:tt)*) => {
        fn ready(&$self, within: Duration) -> Result<(), Error> {
            $($wait)*($handle.ready(within))
        }
        fn headers(&$self) -> Option<HeaderMap> {
            $handle.headers()
        }
        fn bearer(&$self) -> Option<Secret> {
            $handle.bearer()
        }
        fn websocket(&$self) -> Result<Upgrade, Error> {
            $handle.websocket()
        }
        fn snapshot(&$self) -> Snapshot {
            $handle.snapshot()
        }
        fn phase(&$self) -> Phase {
            $handle.phase()
        }
        fn save(&$self) -> Option<SavedSession> {
            $handle.save()
        }
        fn history(&$self) -> History {
            $handle.history()
        }
        fn send(&$self, request: Request) -> Result<Response, Error> {
            $($wait)*($handle.send(request))
        }
        fn get(&$self, path: &str) -> Result<Response, Error> {
            $($wait)*($handle.get(path))
        }
        fn post_json(&$self, path: &str, json: Vec<u8>) -> Result<Response, Error> {
            $($wait)*($handle.post_json(path, json))
        }
        fn events(&$self) -> Box<dyn FnMut() -> Option<Event> + '_> {
            let mut events = $handle.events();
            Box::new(move || $($wait)*(events.next()))
        }
        fn keep_connected(&$self, policy: KeepConnected) {
            $handle.keep_connected(policy);
        }
        fn pause(&$self) {
            $handle.pause();
        }
        fn resume(&$self) {
            $handle.resume();
        }
        fn check(&$self) {
            $handle.check();
        }
        fn ask_again(&$self) {
            $handle.ask_again();
        }
        fn set_host(&$self, host: Host) {
            $handle.set_host(host);
        }
        fn stop(&$self) -> Result<(), Error> {
            $($wait)*($handle.stop())
        }
        fn detach(&$self) -> Option<SavedSession> {
            $($wait)*($handle.detach())
        }
    };
}

impl Kept for ibkr_auth_blocking::Handle {
    keep!(self, self, std::convert::identity);

    fn another(&self) -> Self {
        self.clone()
    }

    fn drop_but_run_until(self, done: impl Fn() -> bool) {
        drop(self);
        wait_until(done);
    }
}

/// The async handle, with the runtime that its session runs on.
#[derive(Debug)]
pub struct AsyncHandle {
    handle: ibkr_auth_async::Handle,
    runtime: Arc<Runtime>,
}

impl Kept for AsyncHandle {
    keep!(self, self.handle, self.runtime.block_on);

    fn another(&self) -> Self {
        Self { handle: self.handle.clone(), runtime: Arc::clone(&self.runtime) }
    }

    fn drop_but_run_until(self, done: impl Fn() -> bool) {
        let _runtime = Arc::clone(&self.runtime);
        drop(self);
        wait_until(done);
    }
}

/// Polls what no channel tells of, for 20 s at most.
fn wait_until(done: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The blocking client.
#[derive(Debug)]
pub struct Blocking(ibkr_auth_blocking::Client);

/// The async client, on a runtime of its own.
#[derive(Debug)]
pub struct Async {
    client: ibkr_auth_async::Client,
    runtime: Runtime,
}

impl Http for ibkr_auth_blocking::Http {
    fn new(settings: &Transport) -> Result<Self, Error> {
        Self::new(settings)
    }

    fn send(&self, request: Request, limit: Duration) -> Result<Response, TransportError> {
        self.send(request, limit)
    }
}

/// The async HTTP stack, on a runtime of its own.
#[derive(Debug)]
pub struct AsyncHttp {
    http: ibkr_auth_async::Http,
    runtime: Runtime,
}

impl Http for AsyncHttp {
    fn new(settings: &Transport) -> Result<Self, Error> {
        Ok(Self { http: ibkr_auth_async::Http::new(settings)?, runtime: runtime() })
    }

    fn send(&self, request: Request, limit: Duration) -> Result<Response, TransportError> {
        self.runtime.block_on(self.http.send(request, limit))
    }
}

/// A tokio runtime on this thread.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

macro_rules! drive {
    ($self:ident, $client:expr, $($wait:tt)*) => {
        fn on_event(&mut $self, listener: impl FnMut(&Event) + Send + 'static) {
            $client.on_event(listener);
        }
        fn send(&$self, request: Request) -> Result<Response, Error> {
            $($wait)*($client.send(request))
        }
        fn get(&$self, path: &str) -> Result<Response, Error> {
            $($wait)*($client.get(path))
        }
        fn post_json(&$self, path: &str, json: Vec<u8>) -> Result<Response, Error> {
            $($wait)*($client.post_json(path, json))
        }
        fn connect_within(&mut $self, within: Duration) -> Result<Connected, Error> {
            $($wait)*($client.connect_within(within))
        }
        fn save(&$self) -> Option<SavedSession> {
            $client.save()
        }
        fn headers(&$self) -> Option<HeaderMap> {
            $client.headers()
        }
        fn is_connected(&$self) -> bool {
            $client.is_connected()
        }
        fn restore(&mut $self, saved: &SavedSession) -> Result<(), Error> {
            $client.restore(saved)
        }
        fn recall(&mut $self, history: &History) {
            $client.recall(history);
        }
        fn history(&$self) -> History {
            $client.history()
        }
        fn override_guard(&mut $self) {
            $client.override_guard();
        }
        fn set_host(&mut $self, host: Host) {
            $client.set_host(host);
        }
        fn session(&$self) -> &Session {
            $client.session()
        }
        drive!(@methods $self, $client, ($($wait)*),
            connect -> Connected, get_access_token -> AccessToken, get_bearer_token -> BearerToken,
            get_live_session_token -> LiveSession,
            validate_sso -> SsoDetails, ssodh_init -> AuthStatus, status -> AuthStatus, tickle -> Tickle, logout -> ());
    };
    (@methods $self:ident, $client:expr, $wait:tt, $($method:ident -> $outcome:ty),+) => {
        $(drive!(@method $self, $client, $wait, $method, $outcome);)+
    };
    (@method $self:ident, $client:expr, ($($wait:tt)*), $method:ident, $outcome:ty) => {
        fn $method(&mut $self) -> Result<$outcome, Error> {
            $($wait)*($client.$method())
        }
    };
}

impl Driver for Blocking {
    type Http = ibkr_auth_blocking::Http;

    fn from_yaml(path: &str) -> Result<Self, Error> {
        Ok(Self(ibkr_auth_blocking::Client::from_yaml(path)?))
    }

    fn from_env() -> Result<Self, Error> {
        Ok(Self(ibkr_auth_blocking::Client::from_env()?))
    }

    fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error> {
        Ok(Self(ibkr_auth_blocking::Client::new(config, key, transport)?))
    }

    fn from_yaml_profile(path: &str, profile: &str) -> Result<Self, Error> {
        Ok(Self(ibkr_auth_blocking::Client::from_yaml_profile(path, profile)?))
    }

    fn with_http(
        session: Session,
        http: impl Fn(Request, Duration) -> Result<Response, TransportError> + Send + Sync + 'static,
    ) -> Self {
        Self(ibkr_auth_blocking::Client::with_http(session, http))
    }

    fn keep_connected(self, policy: KeepConnected) -> impl Kept {
        self.0.keep_connected(policy)
    }

    drive!(self, self.0, std::convert::identity);
}

impl Driver for Async {
    type Http = AsyncHttp;

    fn from_yaml(path: &str) -> Result<Self, Error> {
        Ok(Self { client: ibkr_auth_async::Client::from_yaml(path)?, runtime: runtime() })
    }

    fn from_env() -> Result<Self, Error> {
        Ok(Self { client: ibkr_auth_async::Client::from_env()?, runtime: runtime() })
    }

    fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error> {
        Ok(Self { client: ibkr_auth_async::Client::new(config, key, transport)?, runtime: runtime() })
    }

    fn from_yaml_profile(path: &str, profile: &str) -> Result<Self, Error> {
        Ok(Self { client: ibkr_auth_async::Client::from_yaml_profile(path, profile)?, runtime: runtime() })
    }

    fn with_http(
        session: Session,
        http: impl Fn(Request, Duration) -> Result<Response, TransportError> + Send + Sync + 'static,
    ) -> Self {
        let http = move |request, limit| std::future::ready(http(request, limit));
        Self { client: ibkr_auth_async::Client::with_http(session, http), runtime: runtime() }
    }

    fn keep_connected(self, policy: KeepConnected) -> impl Kept {
        // A background task needs a thread that runs while nobody waits.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = Arc::new(runtime.expect("a runtime"));
        let _inside = runtime.enter();
        AsyncHandle { handle: self.client.keep_connected(policy), runtime: Arc::clone(&runtime) }
    }

    drive!(self, self.client, self.runtime.block_on);
}

/// Makes two tests of each function that takes a driver type: one for either client.
#[macro_export]
macro_rules! for_both_clients {
    ($($name:ident),+ $(,)?) => {
        mod blocking {
            $(#[test] fn $name() { super::$name::<$crate::driver::Blocking>(); })+
        }
        mod asynchronous {
            $(#[test] fn $name() { super::$name::<$crate::driver::Async>(); })+
        }
    };
}
