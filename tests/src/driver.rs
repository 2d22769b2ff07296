//! Both clients behind one face, so that one list of behaviours serves for both.

use std::{fmt::Debug, time::Duration};

use ibkr_auth_config::Transport;
use ibkr_auth_core::{
    AccessToken, AuthStatus, BearerToken, Config, Connected, Error, Event, Host, Request, Response, Session,
    Sign, SsoDetails, Tickle, TransportError,
};
use tokio::runtime::Runtime;

/// A client of either colour.
#[expect(missing_docs, reason = "the methods of the clients, documented there")]
pub trait Driver: Sized {
    fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error>;
    fn with_http(
        session: Session,
        http: impl Fn(Request, Duration) -> Result<Response, TransportError> + Send + Sync + 'static,
    ) -> Self;
    fn on_event(&mut self, listener: impl FnMut(&Event) + Send + 'static);
    fn connect(&mut self) -> Result<Connected, Error>;
    fn get_access_token(&mut self) -> Result<AccessToken, Error>;
    fn get_bearer_token(&mut self) -> Result<BearerToken, Error>;
    fn validate_sso(&mut self) -> Result<SsoDetails, Error>;
    fn ssodh_init(&mut self) -> Result<AuthStatus, Error>;
    fn status(&mut self) -> Result<AuthStatus, Error>;
    fn tickle(&mut self) -> Result<Tickle, Error>;
    fn logout(&mut self) -> Result<(), Error>;
    fn send(&self, request: Request) -> Result<Response, Error>;
    fn set_host(&mut self, host: Host);
    fn session(&self) -> &Session;
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
        fn set_host(&mut $self, host: Host) {
            $client.set_host(host);
        }
        fn session(&$self) -> &Session {
            $client.session()
        }
        drive!(@methods $self, $client, ($($wait)*),
            connect -> Connected, get_access_token -> AccessToken, get_bearer_token -> BearerToken,
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
    fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error> {
        Ok(Self(ibkr_auth_blocking::Client::new(config, key, transport)?))
    }

    fn with_http(
        session: Session,
        http: impl Fn(Request, Duration) -> Result<Response, TransportError> + Send + Sync + 'static,
    ) -> Self {
        Self(ibkr_auth_blocking::Client::with_http(session, http))
    }

    drive!(self, self.0, std::convert::identity);
}

impl Driver for Async {
    fn new(config: Config, key: impl Sign + 'static, transport: &Transport) -> Result<Self, Error> {
        Ok(Self { client: ibkr_auth_async::Client::new(config, key, transport)?, runtime: runtime() })
    }

    fn with_http(
        session: Session,
        http: impl Fn(Request, Duration) -> Result<Response, TransportError> + Send + Sync + 'static,
    ) -> Self {
        let http = move |request, limit| std::future::ready(http(request, limit));
        Self { client: ibkr_auth_async::Client::with_http(session, http), runtime: runtime() }
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
